//go:build linux && cgo

package nvml

import (
	"encoding/binary"
	"math"
	"strconv"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

// fields reads what NVML tells by field, all in one call. Fields that a GPU does not have are left out of the next calls, and
// tried again now and then, as a link may come up.
type fields struct {
	wanted []nvml.FieldValue
	probed time.Time
}

const probeFieldsEvery = time.Minute

const fieldsCall = "nvmlDeviceGetFieldValues"

func allFields() []nvml.FieldValue {
	all := []nvml.FieldValue{{FieldId: nvml.FI_DEV_MEMORY_TEMP}}
	for link := range uint32(nvml.NVLINK_MAX_LINKS) {
		all = append(all,
			nvml.FieldValue{FieldId: nvml.FI_DEV_NVLINK_THROUGHPUT_DATA_TX, ScopeId: link},
			nvml.FieldValue{FieldId: nvml.FI_DEV_NVLINK_THROUGHPUT_DATA_RX, ScopeId: link})
	}
	return all
}

func (f *fields) read(d nvml.Device, now time.Time, out emit) nvml.Return {
	if f.probed.IsZero() || now.Sub(f.probed) >= probeFieldsEvery {
		f.wanted, f.probed = allFields(), now
	}
	if len(f.wanted) == 0 {
		return nvml.SUCCESS
	}
	if ret := d.GetFieldValues(f.wanted); ret != nvml.SUCCESS {
		return ret
	}
	var answered []nvml.FieldValue
	for _, field := range f.wanted {
		number, ok := decode(nvml.ValueType(field.ValueType), field.Value)
		if nvml.Return(field.NvmlReturn) != nvml.SUCCESS || !ok {
			continue
		}
		answered = append(answered, nvml.FieldValue{FieldId: field.FieldId, ScopeId: field.ScopeId})
		link := strconv.Itoa(int(field.ScopeId))
		switch field.FieldId {
		case nvml.FI_DEV_MEMORY_TEMP:
			out(gpuMemoryTemp, number)
		case nvml.FI_DEV_NVLINK_THROUGHPUT_DATA_TX:
			out(gpuNVLink, number*kibibyte, link, transmit)
		case nvml.FI_DEV_NVLINK_THROUGHPUT_DATA_RX:
			out(gpuNVLink, number*kibibyte, link, receive)
		}
	}
	f.wanted = answered
	return nvml.SUCCESS
}

// decode reads one of NVML's tagged values.
func decode(kind nvml.ValueType, raw [8]byte) (float64, bool) {
	bits := binary.NativeEndian.Uint64(raw[:])
	word := binary.NativeEndian.Uint32(raw[:4])
	switch kind {
	case nvml.VALUE_TYPE_DOUBLE:
		number := math.Float64frombits(bits)
		return number, !math.IsNaN(number) && !math.IsInf(number, 0)
	case nvml.VALUE_TYPE_UNSIGNED_INT:
		return float64(word), true
	case nvml.VALUE_TYPE_UNSIGNED_LONG, nvml.VALUE_TYPE_UNSIGNED_LONG_LONG:
		return float64(bits), true
	case nvml.VALUE_TYPE_SIGNED_LONG_LONG:
		return float64(int64(bits)), true
	case nvml.VALUE_TYPE_SIGNED_INT:
		return float64(int32(word)), true
	case nvml.VALUE_TYPE_UNSIGNED_SHORT:
		return float64(binary.NativeEndian.Uint16(raw[:2])), true
	}
	return 0, false
}
