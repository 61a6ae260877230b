package state

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFramesOfAnySizeComeBack(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 100, 1 << 16} {
		data := bytes.Repeat([]byte{'x'}, n)
		generation, got, err := decodeFrame(encodeFrame(1<<63+7, data))
		require.NoError(t, err)
		require.Equal(t, uint64(1<<63+7), generation)
		require.True(t, bytes.Equal(data, got))
	}
}

// Whatever is read from a disk: it is refused, or it is exactly what was written.
func FuzzDecodeFrame(f *testing.F) {
	for _, seed := range [][]byte{nil, []byte(frameMark), encodeFrame(0, nil), encodeFrame(7, []byte(`{"version":1}`)), append(encodeFrame(1, []byte("a")), 0)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		generation, data, err := decodeFrame(content)
		if err == nil && !bytes.Equal(encodeFrame(generation, data), content) {
			t.Errorf("%q is accepted as generation %d with %q", content, generation, data)
		}
	})
}
