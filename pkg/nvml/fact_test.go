//go:build linux && cgo

package nvml

import (
	"encoding/binary"
	"errors"
	"log/slog"
	"math"
	"testing"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
	"github.com/NVIDIA/go-nvml/pkg/nvml/mock"
	"github.com/stretchr/testify/require"
)

func TestDecode(t *testing.T) {
	bits := func(n uint64) (raw [8]byte) {
		binary.NativeEndian.PutUint64(raw[:], n)
		return raw
	}
	for name, c := range map[string]struct {
		kind nvml.ValueType
		raw  [8]byte
		want float64
		ok   bool
	}{
		"double":       {nvml.VALUE_TYPE_DOUBLE, bits(math.Float64bits(2.5)), 2.5, true},
		"no number":    {nvml.VALUE_TYPE_DOUBLE, bits(math.Float64bits(math.NaN())), 0, false},
		"unsigned":     {nvml.VALUE_TYPE_UNSIGNED_INT, bits(1<<40 | 7), 7, true},
		"long":         {nvml.VALUE_TYPE_UNSIGNED_LONG_LONG, bits(1 << 40), 1 << 40, true},
		"signed":       {nvml.VALUE_TYPE_SIGNED_INT, bits(uint64(math.MaxUint32)), -1, true},
		"signed long":  {nvml.VALUE_TYPE_SIGNED_LONG_LONG, bits(math.MaxUint64), -1, true},
		"short":        {nvml.VALUE_TYPE_UNSIGNED_SHORT, bits(1<<20 | 9), 9, true},
		"unknown kind": {99, bits(1), 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := decode(c.kind, c.raw)
			require.Equal(t, c.ok, ok)
			if ok {
				require.Equal(t, c.want, got)
			}
		})
	}
}

func TestMIGProfile(t *testing.T) {
	for want, c := range map[string]struct {
		name       string
		attributes nvml.DeviceAttributes
		ret        nvml.Return
	}{
		"1g.10gb":    {name: "NVIDIA H100 80GB HBM3 MIG 1g.10gb"},
		"1g.10gb+me": {name: "NVIDIA A100-SXM4-80GB MIG 1g.10gb+me"},
		"1c.3g.20gb": {name: "NVIDIA A100-SXM4-40GB", attributes: nvml.DeviceAttributes{GpuInstanceSliceCount: 3, ComputeInstanceSliceCount: 1, MemorySizeMB: 19968}},
		"1g.5gb":     {name: "NVIDIA A100-SXM4-40GB", attributes: nvml.DeviceAttributes{GpuInstanceSliceCount: 1, ComputeInstanceSliceCount: 1, MemorySizeMB: 4864}},
		"7g.80gb":    {name: "NVIDIA H100", attributes: nvml.DeviceAttributes{GpuInstanceSliceCount: 7, ComputeInstanceSliceCount: 7, MemorySizeMB: 81152}},
		"":           {name: "NVIDIA H100", ret: nvml.ERROR_NOT_SUPPORTED},
	} {
		t.Run(want, func(t *testing.T) {
			d := newDiscoverer(nil, nil, newLedger(slog.New(slog.DiscardHandler)))
			got := d.profile(place{}, &mock.Device{
				GetNameFunc:       func() (string, nvml.Return) { return c.name, nvml.SUCCESS },
				GetAttributesFunc: func() (nvml.DeviceAttributes, nvml.Return) { return c.attributes, c.ret },
			})
			require.Equal(t, want, got)
		})
	}
}

func TestReasonsAreWords(t *testing.T) {
	require.Equal(t, "gpu_is_lost", reasonOf(nvml.ERROR_GPU_IS_LOST))
	require.Equal(t, "code_12345", reasonOf(12345), "a code of a driver that is newer than this")
	require.Equal(t, "nvmlInit: code_12345", explain("nvmlInit", 12345))
	for ret, reason := range reasons {
		require.Regexp(t, `^[a-z_]+$`, reason, int(ret))
		require.False(t, needsInit(ret) && isGPULost(ret), reason)
		require.False(t, isUnsupported(ret) && (needsInit(ret) || isGPULost(ret)), reason)
	}
}

func TestLibraryIsAskedOnceForASymbol(t *testing.T) {
	l := newLedger(slog.New(slog.DiscardHandler))
	asked := map[string]int{}
	lookup := func(symbol string) error {
		asked[symbol]++
		if symbol == "nvmlOnlyVersioned_v2" {
			return nil
		}
		return errors.New("undefined symbol")
	}
	for range 3 {
		require.True(t, l.lacks("nvmlNowhere", lookup))
		require.False(t, l.lacks("nvmlOnlyVersioned", lookup))
	}
	require.Equal(t, map[string]int{"nvmlNowhere": 1, "nvmlNowhere_v2": 1, "nvmlNowhere_v3": 1, "nvmlOnlyVersioned": 1, "nvmlOnlyVersioned_v2": 1}, asked)
}
