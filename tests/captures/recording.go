// Package captures holds what real model servers said, and what the signals make of it: golden tables that a person can
// check against the recordings.
package captures

import (
	"bytes"
	"compress/gzip"
	"embed"
	"errors"
	"io"
	"io/fs"
	"path"
	"testing"

	"github.com/stretchr/testify/require"
)

//go:embed testdata/*/*.txt testdata/*/*.txt.gz
var recordings embed.FS

// Recording is a page that a server answered, as testdata has it, compressed or not.
func Recording(t testing.TB, server, name string) []byte {
	t.Helper()
	file := path.Join("testdata", server, name+".txt")
	text, err := recordings.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return uncompressed(t, file+".gz")
	}
	require.NoError(t, err)
	return text
}

func uncompressed(t testing.TB, file string) []byte {
	t.Helper()
	compressed, err := recordings.ReadFile(file)
	require.NoError(t, err)
	reader, err := gzip.NewReader(bytes.NewReader(compressed))
	require.NoError(t, err)
	text, err := io.ReadAll(reader)
	require.NoError(t, err)
	return text
}
