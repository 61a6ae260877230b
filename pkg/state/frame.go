package state

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// A frame is what one file holds: mark, generation, length of the data, data, checksum of everything before it. Numbers are big endian.
const (
	frameMark    = "mss1"
	headerBytes  = len(frameMark) + 8 + 4
	trailerBytes = 4
)

var checksums = crc32.MakeTable(crc32.Castagnoli)

// encodeFrame writes data of a generation as a file's content.
func encodeFrame(generation uint64, data []byte) []byte {
	frame := make([]byte, 0, headerBytes+len(data)+trailerBytes)
	frame = append(frame, frameMark...)
	frame = binary.BigEndian.AppendUint64(frame, generation)
	frame = binary.BigEndian.AppendUint32(frame, uint32(len(data)))
	frame = append(frame, data...)
	return binary.BigEndian.AppendUint32(frame, crc32.Checksum(frame, checksums))
}

// decodeFrame reads a file's content. It accepts exactly what encodeFrame wrote: the whole frame and nothing behind it. The data is a
// part of frame.
func decodeFrame(frame []byte) (generation uint64, data []byte, err error) {
	if len(frame) < headerBytes+trailerBytes {
		return 0, nil, fmt.Errorf("it has %d bytes, which is too short", len(frame))
	}
	if string(frame[:len(frameMark)]) != frameMark {
		return 0, nil, errors.New("it does not begin as a file of the plugin's state")
	}
	length := uint64(binary.BigEndian.Uint32(frame[headerBytes-4:]))
	if length != uint64(len(frame)-headerBytes-trailerBytes) {
		return 0, nil, fmt.Errorf("it has %d bytes of data where its header says %d", len(frame)-headerBytes-trailerBytes, length)
	}
	end := len(frame) - trailerBytes
	if binary.BigEndian.Uint32(frame[end:]) != crc32.Checksum(frame[:end], checksums) {
		return 0, nil, errors.New("its checksum is wrong")
	}
	return binary.BigEndian.Uint64(frame[len(frameMark):]), frame[headerBytes:end], nil
}
