package recorder

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func formHeader(boundary string) http.Header {
	return http.Header{"Content-Type": {`multipart/form-data; boundary="` + boundary + `"`}}
}

// formOf is a form with a file and a model, in that order unless modelFirst.
func formOf(t testing.TB, model, file string, modelFirst bool) (body []byte, header http.Header) {
	t.Helper()
	var written bytes.Buffer
	writer := multipart.NewWriter(&written)
	if modelFirst {
		require.NoError(t, writer.WriteField("model", model))
	}
	part, err := writer.CreateFormFile("file", "model")
	require.NoError(t, err)
	_, err = io.WriteString(part, file)
	require.NoError(t, err)
	if !modelFirst {
		require.NoError(t, writer.WriteField("model", model))
	}
	require.NoError(t, writer.Close())
	return written.Bytes(), http.Header{"Content-Type": {writer.FormDataContentType()}}
}

func TestFormFinder(t *testing.T) {
	const head = "Content-Disposition: form-data; name="
	long := strings.Repeat("x", 2*maxFieldText)
	for name, c := range map[string]struct {
		body, model string
		found       bool
	}{
		"the first part":                    {"--b\r\n" + head + "model\r\n\r\nwhisper\r\n--b--\r\n", "whisper", true},
		"after what is before the form":     {"x\r\n--b\r\n" + head + "model\r\n\r\nwhisper\r\n--b--", "whisper", true},
		"after what looks like a delimiter": {"--b\r\n" + head + "file\r\n\r\n\r\r\n--\r\n-\r\n--b\r\n" + head + "\"model\"\r\n\r\nm\r\n--b", "m", true},
		"more headers, of any case":         {"--b\r\nX-A: b\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\nm\r\n--b", "m", true},
		"an empty model":                    {"--b\r\n" + head + "model\r\n\r\n\r\n--b--", "", true},
		"a model that is too long":          {"--b\r\n" + head + "model\r\n\r\n" + long, long[:maxFieldText+len("\r\n--b")], true},
		"a header that is too long":         {"--b\r\nX-A: " + long + "\r\n" + head + "model\r\n\r\nm\r\n--b", "", false},
		"no such field":                     {"--b\r\n" + head + "file\r\n\r\nmodel\r\n--b--\r\n--b\r\n" + head + "model\r\n\r\nm\r\n--b", "", false},
		"a form that ends early":            {"--b\r\n" + head + "model\r\n\r\nm", "", false},
		"no form":                           {`{"model":"m"}`, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			for _, size := range []int{1, 3, 1 << 20} {
				finder, ok := newFormFinder("model", formHeader("b"))
				require.True(t, ok)
				model, _, found := in(finder, []byte(c.body), size)
				require.Equal(t, c.found, found)
				require.Equal(t, c.model, model)
			}
		})
	}
	for _, kind := range []string{"", "application/json", "multipart/form-data", "multipart/mixed; boundary=b", "multipart/form-data; boundary"} {
		_, ok := newFormFinder("model", http.Header{"Content-Type": {kind}})
		require.False(t, ok, kind)
	}
}

// FuzzFormFinder: what mime/multipart writes the finder finds, whatever the pieces and whatever the file holds.
func FuzzFormFinder(f *testing.F) {
	f.Add("whisper", "\r\n--", 3, true)
	f.Add("", "RIFF\x00\r\r\n--x\r\n", 1, false)
	f.Fuzz(func(t *testing.T, model, file string, size int, modelFirst bool) {
		if len(model) >= maxFieldText {
			return
		}
		body, header := formOf(t, model, file, modelFirst)
		finder, ok := newFormFinder("model", header)
		require.True(t, ok)
		got, _, found := in(finder, body, max(size, 1))
		require.True(t, found)
		require.Equal(t, model, got)
	})
}

// FuzzFormFinderBounds: no body makes it keep more than its bound, and pieces make no difference.
func FuzzFormFinderBounds(f *testing.F) {
	f.Add([]byte("--b\r\nContent-Disposition: form-data; name=model\r\n\r\nm\r\n--b--"), 3)
	f.Fuzz(func(t *testing.T, body []byte, size int) {
		first, _ := newFormFinder("model", formHeader("b"))
		again, _ := newFormFinder("model", formHeader("b"))
		model, _, found := in(first, body, max(size, 1))
		modelAgain, _, foundAgain := in(again, body, 1)
		require.Equal(t, foundAgain, found)
		require.Equal(t, modelAgain, model)
		require.LessOrEqual(t, len(first.text), maxFieldText+len(first.delimiter))
	})
}
