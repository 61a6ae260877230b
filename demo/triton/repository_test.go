package triton

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/demo/fleet"
)

func TestWriteRepository(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "models")
	require.NoError(t, os.MkdirAll(filepath.Join(folder, "left-over"), 0o755))
	require.NoError(t, WriteRepository(folder, fleet.Models()))
	require.NoDirExists(t, filepath.Join(folder, "left-over"))
	for _, model := range fleet.Models() {
		require.FileExists(t, filepath.Join(folder, model.Name, "config.pbtxt"))
	}
	require.FileExists(t, filepath.Join(folder, "sentiment", "1", "model.py"))
	require.FileExists(t, filepath.Join(folder, "sentiment", "2", "model.py"))
	require.DirExists(t, filepath.Join(folder, "document-reader", "1"))
	require.NoFileExists(t, filepath.Join(folder, "document-reader", "1", "model.py"))
}

func TestModelConfig(t *testing.T) {
	for name, test := range map[string]struct {
		model    fleet.Model
		contains []string
	}{
		"parameters": {fleet.Model{Name: "m", ServiceMS: 5, FailShare: 0.25, LoadMS: 1500, Instances: 2},
			[]string{`name: "m"`, `key: "fail_share" value { string_value: "0.25" }`, `key: "load_ms" value { string_value: "1500" }`, `count: 2`}},
		"cache": {fleet.Model{Name: "m", ResponseCache: true}, []string{`response_cache { enable: true }`}},
		"queue": {fleet.Model{Name: "m", Queue: &fleet.Queue{MaxBatch: 4, MaxSize: 16, TimeoutMS: 200}},
			[]string{`max_batch_size: 4`, `max_queue_size: 16`, `default_timeout_microseconds: 200000`}},
		"ensemble": {fleet.Model{Name: "m", Steps: []string{"a", "b"}}, []string{
			`platform: "ensemble"`,
			`input_map { key: "INPUT" value: "INPUT" }`, `output_map { key: "OUTPUT" value: "between_1" }`,
			`input_map { key: "INPUT" value: "between_1" }`, `output_map { key: "OUTPUT" value: "OUTPUT" }`}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, text := range test.contains {
				require.Contains(t, modelConfig(test.model), text)
			}
		})
	}
}
