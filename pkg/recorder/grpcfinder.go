package recorder

import (
	"encoding/binary"

	"google.golang.org/protobuf/encoding/protowire"
)

// grpcFinder reads model_name and model_version, the fields 1 and 2 of the Open Inference Protocol's inference messages,
// from the beginning of a call's first message. A compressed message is not read.
type grpcFinder struct {
	head           []byte
	model, version string
	found, ended   bool
}

const (
	// grpcPrefix is the length of what precedes a message: a flag of compression and the message's length.
	grpcPrefix = 5
	// maxGRPCHead bounds what is kept of a message while its first fields are looked for, in bytes.
	maxGRPCHead = 8 << 10

	modelNameField, modelVersionField = 1, 2
)

func (f *grpcFinder) feed(p []byte) bool {
	if f.ended {
		return true
	}
	f.head = append(f.head, p[:min(len(p), maxGRPCHead-len(f.head))]...)
	if len(f.head) < grpcPrefix {
		return false
	}
	if f.head[0] != 0 {
		return f.end()
	}
	length := int64(binary.BigEndian.Uint32(f.head[1:grpcPrefix]))
	message := f.head[grpcPrefix:]
	whole := int64(len(message)) >= length
	if whole {
		message = message[:length]
	}
	if f.readFields(message) || whole || len(f.head) == maxGRPCHead {
		return f.end()
	}
	return false
}

// end lets go of the bytes kept.
func (f *grpcFinder) end() bool {
	f.head, f.ended = nil, true
	return true
}

// readFields says whether there is no need to read on: fields are written in the order of their numbers.
func (f *grpcFinder) readFields(message []byte) bool {
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return false
		}
		if number > modelVersionField || kind != protowire.BytesType {
			return true
		}
		value, m := protowire.ConsumeBytes(message[n:])
		if m < 0 {
			return false
		}
		if number == modelNameField {
			f.model, f.found = string(value), len(value) > 0
		} else {
			f.version = string(value)
		}
		message = message[n+m:]
	}
	return false
}

func (f *grpcFinder) result() (model, version string, found bool) { return f.model, f.version, f.found }
