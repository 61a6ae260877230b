package documents

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/coldhit/modelserving-datasource/pkg/profile"
)

var schemaPath = filepath.Join("..", "..", "docs", "profile.schema.json")

// docs/profile.schema.json says what the code says.
func TestSchemaDocument(t *testing.T) {
	made, err := json.MarshalIndent(profile.Schema(), "", "  ")
	require.NoError(t, err)
	made = append(made, '\n')
	if *update {
		require.NoError(t, os.WriteFile(schemaPath, made, 0o600))
	}
	file, err := os.ReadFile(schemaPath)
	require.NoError(t, err)
	require.Equal(t, string(made), string(file), "docs/profile.schema.json is not what the code says: rewrite it with go test ./tests/documents -update")
}

const (
	referenceBegin = "<!-- Written by go test ./tests/documents -update. Do not edit. -->\n\n"
	referenceEnd   = "\n<!-- End of the written part. -->\n"
)

// The tables of keys in docs/profiles.md come from the types that files are decoded into.
func TestReferenceDocument(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "profiles.md")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(text), referenceBegin)
	require.True(t, found)
	written, after, found := strings.Cut(rest, referenceEnd)
	require.True(t, found)
	if *update {
		written = profile.Reference()
		require.NoError(t, os.WriteFile(path, []byte(before+referenceBegin+written+referenceEnd+after), 0o600))
	}
	require.Equal(t, profile.Reference(), written, "rewrite it with go test ./tests/documents -update")
}

func check(t *testing.T, text string) error {
	t.Helper()
	schema, err := jsonschema.NewCompiler().Compile(schemaPath)
	require.NoError(t, err)
	var document any
	require.NoError(t, yaml.Unmarshal([]byte(text), &document))
	asJSON, err := json.Marshal(document)
	require.NoError(t, err)
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(asJSON)))
	require.NoError(t, err)
	return schema.Validate(value)
}

// The schema accepts every profile that comes with the plugin, and refuses mistakes that it can see.
func TestSchemaAcceptsProfiles(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "..", "pkg", "profile", "servers", "*.yaml"))
	require.NoError(t, err)
	require.Greater(t, len(files), 20)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		require.NoError(t, check(t, string(text)), file)
	}
	triton, err := os.ReadFile(filepath.Join("..", "..", "pkg", "profile", "servers", "triton.yaml"))
	require.NoError(t, err)
	for name, mistake := range map[string][2]string{
		"an unknown key":   {"layer: server", "layer: server\nlayr: server"},
		"a layer":          {"layer: server", "layer: moon"},
		"a unit":           {"unit: microseconds", "unit: fortnights"},
		"a type":           {"type: counter", "type: meter"},
		"a label":          {"labels: [model, version, code]", "labels: [shard]"},
		"two kinds":        {"    - summary: nv_inference_queue_summary_us\n", "    - summary: nv_inference_queue_summary_us\n      age: x\n"},
		"no kind":          {"    - summary: nv_inference_queue_summary_us\n", "    - description: somehow\n"},
		"a missing metric": {"{metric: nv_cpu_utilization}", "{drop_nonpositive: true}"},
	} {
		require.Contains(t, string(triton), mistake[0], name)
		require.Error(t, check(t, strings.Replace(string(triton), mistake[0], mistake[1], 1)), name)
	}
}
