package triton

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/coldhit/modelserving-datasource/demo/fleet"
)

//go:embed model.py
var modelCode []byte

// The one input and the one output of every model: a single 32-bit float.
const (
	inputName  = "INPUT"
	outputName = "OUTPUT"
)

// WriteRepository writes a model repository as Triton reads it. What is in the folder already is removed.
func WriteRepository(folder string, models []fleet.Model) error {
	if err := os.RemoveAll(folder); err != nil {
		return err
	}
	for _, model := range models {
		for _, version := range model.Versions {
			versionFolder := filepath.Join(folder, model.Name, strconv.Itoa(version))
			if err := os.MkdirAll(versionFolder, 0o755); err != nil {
				return err
			}
			if len(model.Steps) > 0 {
				continue // an ensemble has no code
			}
			if err := os.WriteFile(filepath.Join(versionFolder, "model.py"), modelCode, 0o644); err != nil {
				return err
			}
		}
		config := modelConfig(model)
		if err := os.WriteFile(filepath.Join(folder, model.Name, "config.pbtxt"), []byte(config), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// modelConfig is a model's config.pbtxt.
func modelConfig(model fleet.Model) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("name: %q", model.Name)
	maxBatch := 8
	if model.Queue != nil {
		maxBatch = model.Queue.MaxBatch
	}
	line("max_batch_size: %d", maxBatch)
	line("input [{ name: %q, data_type: TYPE_FP32, dims: [ 1 ] }]", inputName)
	line("output [{ name: %q, data_type: TYPE_FP32, dims: [ 1 ] }]", outputName)
	if len(model.Steps) > 0 {
		line("platform: \"ensemble\"")
		writeSteps(line, model.Steps)
		return b.String()
	}
	line("backend: \"python\"")
	line("instance_group [{ count: %d, kind: KIND_CPU }]", model.Instances)
	line("version_policy: { all: {} }")
	for name, value := range map[string]float64{
		"service_ms": model.ServiceMS, "spread": model.Spread, "fail_share": model.FailShare, "load_ms": model.LoadMS,
	} {
		line("parameters { key: %q value { string_value: \"%g\" } }", name, value)
	}
	if model.ResponseCache {
		line("response_cache { enable: true }")
	}
	if model.Queue != nil {
		line("dynamic_batching {")
		line("  max_queue_delay_microseconds: 5000")
		line("  default_queue_policy { timeout_action: REJECT default_timeout_microseconds: %d max_queue_size: %d }",
			model.Queue.TimeoutMS*1000, model.Queue.MaxSize)
		line("}")
	}
	return b.String()
}

// writeSteps chains the steps: the output of one is the input of the next.
func writeSteps(line func(string, ...any), steps []string) {
	line("ensemble_scheduling {")
	from := inputName
	for i, step := range steps {
		to := fmt.Sprintf("between_%d", i+1)
		if i == len(steps)-1 {
			to = outputName
		}
		line("  step { model_name: %q model_version: -1", step)
		line("    input_map { key: %q value: %q }", inputName, from)
		line("    output_map { key: %q value: %q } }", outputName, to)
		from = to
	}
	line("}")
}
