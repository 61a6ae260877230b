package recorder

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
)

// in feeds a body in pieces of a size, until the finder has enough.
func in(f finder, body []byte, size int) (model, version string, found bool) {
	for len(body) > 0 {
		n := min(size, len(body))
		if f.feed(body[:n]) {
			break
		}
		body = body[n:]
	}
	return f.result()
}

func TestJSONFinderLooksNoFurtherThanItsBound(t *testing.T) {
	body := []byte(`{"prompt":"` + strings.Repeat("x", 1000) + `","model":"m"}`)
	_, _, found := in(newJSONFinder("model", 500), body, 7)
	require.False(t, found)
	model, _, found := in(newJSONFinder("model", 2000), body, 7)
	require.True(t, found)
	require.Equal(t, "m", model)
}

func TestJSONFinderTakesAByteOrderMark(t *testing.T) {
	for _, size := range []int{1, 2, 100} {
		model, _, found := in(newJSONFinder("model", 500), []byte("\ufeff{\"model\":\"m\"}"), size)
		require.True(t, found)
		require.Equal(t, "m", model)
	}
}

// FuzzJSONFinder: what encoding/json finds in a well-formed body the finder finds too, whatever the pieces.
func FuzzJSONFinder(f *testing.F) {
	for _, body := range []string{
		`{"model":"m"}`, ` { "a" : [ 1, {"model":"no"}, "]" ], "model" : "a\"\\\u00e4" } `, `{"model":null}`, `{"model" "x"`, `[]`, `"model"`, `{"a":"\\","model":"x"}`,
		`{"m\u006fdel":"x"}`, `{"model":{"model":"x"}}`, "{\"model\":\"\xff\"}", `{"a":1}{"model":"x"}`, `{`, ``, `{"model":"` + strings.Repeat("ä", 3000) + `"}`,
	} {
		f.Add([]byte(body), 3)
	}
	f.Fuzz(func(t *testing.T, body []byte, size int) {
		size = max(size, 1)
		got, _, found := in(newJSONFinder("model", 1<<20), body, size)
		again, _, foundAgain := in(newJSONFinder("model", 1<<20), body, 1)
		require.Equal(t, foundAgain, found, "pieces make no difference")
		require.Equal(t, again, got)
		if !json.Valid(body) || !utf8.Valid(body) {
			return
		}
		want, wanted := firstModel(body)
		require.Equal(t, wanted, found, "%q", body)
		if len(want) < maxFieldText/6 {
			require.Equal(t, want, got)
		}
	})
}

// firstModel reads the first field model of an object with encoding/json; false when it is no string.
func firstModel(body []byte) (string, bool) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	if opening, err := decoder.Token(); err != nil || opening != json.Delim('{') {
		return "", false
	}
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return "", false
		}
		var value any
		if err := decoder.Decode(&value); err != nil {
			return "", false
		}
		if key == "model" {
			model, isString := value.(string)
			return model, isString
		}
	}
	return "", false
}

func grpcMessage(fields []byte) []byte {
	message := make([]byte, grpcPrefix, grpcPrefix+len(fields))
	binary.BigEndian.PutUint32(message[1:], uint32(len(fields))) //nolint:gosec // a test's own message
	return append(message, fields...)
}

func FuzzGRPCFinder(f *testing.F) {
	named := protowire.AppendString(protowire.AppendTag(nil, modelNameField, protowire.BytesType), "resnet")
	versioned := protowire.AppendString(protowire.AppendTag(bytes.Clone(named), modelVersionField, protowire.BytesType), "3")
	full := protowire.AppendString(protowire.AppendTag(bytes.Clone(versioned), 5, protowire.BytesType), strings.Repeat("x", 20000))
	for _, fields := range [][]byte{nil, named, versioned, full} {
		f.Add(grpcMessage(fields), 3)
	}
	f.Add([]byte{1, 0, 0, 0, 1, 0}, 1)
	f.Add([]byte{0, 0xff, 0xff, 0xff, 0xff, 0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f}, 2)
	f.Fuzz(func(t *testing.T, call []byte, size int) {
		size = max(size, 1)
		finder := &grpcFinder{}
		model, version, found := in(finder, call, size)
		require.LessOrEqual(t, len(finder.head), maxGRPCHead)
		again, versionAgain, foundAgain := in(&grpcFinder{}, call, 1)
		require.Equal(t, foundAgain, found, "pieces make no difference")
		require.Equal(t, again, model)
		require.Equal(t, versionAgain, version)
	})
}

func TestGRPCFinderReadsNameAndVersion(t *testing.T) {
	fields := protowire.AppendString(protowire.AppendTag(nil, modelNameField, protowire.BytesType), "resnet")
	fields = protowire.AppendString(protowire.AppendTag(fields, modelVersionField, protowire.BytesType), "3")
	fields = protowire.AppendString(protowire.AppendTag(fields, 3, protowire.BytesType), "id")
	for _, size := range []int{1, 4, 7, 1000} {
		model, version, found := in(&grpcFinder{}, grpcMessage(fields), size)
		require.True(t, found)
		require.Equal(t, "resnet", model)
		require.Equal(t, "3", version)
	}
}

// FuzzCloseWatcher: frames in whatever pieces give the same close code, and nothing makes the watcher panic.
func FuzzCloseWatcher(f *testing.F) {
	f.Add([]byte{0x88, 0x02, 0x03, 0xe8}, 1)
	f.Add([]byte{0x82, 0x7e, 0x00, 0x02, 1, 2, 0x88, 0x82, 1, 2, 3, 4, 0x02, 0xea}, 3)
	f.Add([]byte{0x88, 0x00}, 2)
	f.Add([]byte{0x88, 0xff, 0, 0, 0, 0, 0, 0, 0, 1, 9, 9, 9, 9, 1}, 4)
	f.Fuzz(func(t *testing.T, frames []byte, size int) {
		size = max(size, 1)
		code, closed := watched(frames, size)
		codeAgain, closedAgain := watched(frames, 1)
		require.Equal(t, closedAgain, closed)
		require.Equal(t, codeAgain, code)
	})
}

func watched(frames []byte, size int) (code int, closed bool) {
	watcher := &closeWatcher{}
	for len(frames) > 0 {
		n := min(size, len(frames))
		code, closed = watcher.feed(frames[:n])
		frames = frames[n:]
	}
	return code, closed
}

func TestCloseWatcherReadsMaskedCodes(t *testing.T) {
	code, closed := watched([]byte{0x82, 0x7e, 0x00, 0x02, 1, 2, 0x88, 0x82, 1, 2, 3, 4, 0x03 ^ 1, 0xe9 ^ 2}, 3)
	require.True(t, closed)
	require.Equal(t, 1001, code)
}

// FuzzRoutes: no path makes a label that is too long or no UTF-8.
func FuzzRoutes(f *testing.F) {
	routes, err := BuiltinRoutes(builtinNames())
	require.NoError(f, err)
	labels := newLabelMaker(defaultMaxLabelBytes)
	f.Add("/v2/models/a%ff%zz/infer")
	f.Add("/v1/models/a:predict")
	f.Fuzz(func(t *testing.T, path string) {
		request, err := newRequest(path)
		if err != nil {
			return
		}
		d, ok := destinationOf(routes, request, defaultBodyBytes)
		if !ok {
			return
		}
		label := labels.label(d.model)
		require.True(t, utf8.ValidString(label))
		require.LessOrEqual(t, len(label), defaultMaxLabelBytes)
	})
}
