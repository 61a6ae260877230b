package attribution_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/attribution"
)

func attributor(t *testing.T, s attribution.Settings) *attribution.Attributor {
	t.Helper()
	a, err := attribution.New(s)
	require.NoError(t, err)
	return a
}

func using(pids ...uint32) []attribution.Process {
	var out []attribution.Process
	for _, pid := range pids {
		out = append(out, attribution.Process{Device: "GPU-0", PID: pid, MemoryBytes: 1000, HasMemory: true, Utilization: 0.5, HasUtilization: true})
	}
	return out
}

// TestDefaultRules has the command lines of the known servers. Those of Triton, Ray Serve, BentoML and MLServer were seen.
func TestDefaultRules(t *testing.T) {
	const python = "/usr/bin/python3"
	type want struct{ server, model, version string }
	for name, c := range map[string]struct {
		arguments   []string
		environment []string
		parent      []string
		want        want
	}{
		"Triton's Python backend": {
			arguments: []string{"/opt/tritonserver/backends/python/triton_python_backend_stub", "/models/quick/2/model.py",
				"triton_python_backend_shm_region_5d736a82", "1048576", "1048576", "21605", "/opt/tritonserver/backends/python", "336", "quick_0_3", "DEFAULT"},
			parent: []string{"tritonserver", "--model-repository=/models"},
			want:   want{"triton", "quick", "2"},
		},
		"Triton's Python backend, instance of another name": {
			arguments: []string{"/opt/triton_python_backend_stub", "/models/a_1/10/model.py", "shm", "1", "1", "2", "/opt", "336", "mine_0", "DEFAULT"},
			want:      want{"triton", "a_1", "10"},
		},
		"Triton's Python backend, models in the cloud": {
			arguments: []string{"/opt/triton_python_backend_stub", "/tmp/folderAb3_xZ/3/model.py", "shm", "1", "1", "2", "/opt", "336", "resnet_50_0_1", "DEFAULT"},
			want:      want{"triton", "resnet_50", "3"},
		},
		"vLLM": {arguments: []string{python, "/usr/local/bin/vllm", "serve", "meta-llama/Llama-3.1-8B", "--port", "8000"},
			want: want{"vllm", "meta-llama/Llama-3.1-8B", ""}},
		"vLLM, name to serve under": {
			arguments: []string{python, "-m", "vllm.entrypoints.openai.api_server", "--model", "/data/llama", "--served_model_name=llama"},
			want:      want{"vllm", "llama", ""}},
		"vLLM, engine in a child": {arguments: []string{"VLLM::EngineCore"},
			parent: []string{python, "/usr/local/bin/vllm", "serve", "--model", "mistral"}, want: want{"vllm", "mistral", ""}},
		"vLLM without a model": {arguments: []string{python, "/usr/local/bin/vllm", "serve", "--config", "a.yaml"}, want: want{"vllm", "", ""}},
		"SGLang":               {arguments: []string{python, "-m", "sglang.launch_server", "--model-path", "Qwen/Qwen3-8B"}, want: want{"sglang", "Qwen/Qwen3-8B", ""}},
		"SGLang, scheduler": {arguments: []string{"sglang::scheduler_TP0"},
			parent: []string{python, "-m", "sglang.launch_server", "--model-path", "x", "--served-model-name", "y"}, want: want{"sglang", "y", ""}},
		"TGI, shard": {arguments: []string{"/opt/conda/bin/python3.11", "/opt/conda/bin/text-generation-server", "serve", "bigscience/bloom", "--num-shard", "2"},
			want: want{"tgi", "bigscience/bloom", ""}},
		"TGI, launcher":      {arguments: []string{"text-generation-launcher"}, environment: []string{"MODEL_ID=google/gemma"}, want: want{"tgi", "google/gemma", ""}},
		"llama.cpp":          {arguments: []string{"/app/llama-server", "-m", "/models/tiny.gguf", "--port", "1"}, want: want{"llamacpp", "tiny", ""}},
		"llama.cpp, alias":   {arguments: []string{"/app/llama-server", "-m", "/models/tiny.gguf", "--alias", "t"}, want: want{"llamacpp", "t", ""}},
		"Ollama":             {arguments: []string{"/usr/bin/ollama", "runner", "--model", "/usr/share/ollama/.ollama/models/blobs/sha256-0123456789abcdef0123", "--port", "4"}, want: want{"ollama", "sha256-0123456789ab", ""}},
		"Ray Serve":          {arguments: []string{"ray::ServeReplica:sleeping:Sleeping"}, want: want{"ray_serve", "sleeping", ""}},
		"Ray Serve, at work": {arguments: []string{"ray::ServeReplica:sleeping:Sleeping.handle_request_with_rejection"}, want: want{"ray_serve", "sleeping", ""}},
		"Ray Serve, starting": {arguments: []string{"ray::SERVE_REPLICA::failing#Failing#j6r4y35q:ServeReplica:failing:Failing.__init__"},
			want: want{"ray_serve", "failing", ""}},
		"Ray, idle": {arguments: []string{"ray::IDLE"}, want: want{}},
		"BentoML": {arguments: []string{python, "-m", "_bentoml_impl.worker.service", "service:Classifier", "--service-name", "encoder", "--fd", "4"},
			want: want{"bentoml", "encoder", ""}},
		"TensorFlow Serving":          {arguments: []string{"/usr/bin/tensorflow_model_server", "--model_name=half", "--model_base_path=/m"}, want: want{"tfserving", "half", ""}},
		"KServe":                      {arguments: []string{python, "-m", "huggingfaceserver", "--model_name=bert", "--model_dir=/mnt"}, want: want{"kserve", "bert", ""}},
		"TensorRT-LLM":                {arguments: []string{python, "/usr/local/bin/trtllm-serve", "nvidia/Llama", "--port", "1"}, want: want{"trtllm", "nvidia/Llama", ""}},
		"Dynamo":                      {arguments: []string{python, "-m", "dynamo.vllm", "--model", "Qwen/Qwen3"}, want: want{"dynamo", "Qwen/Qwen3", ""}},
		"named by whoever started it": {arguments: []string{"./own"}, environment: []string{"MODELSERVING_MODEL=mine", "MODELSERVING_MODEL_VERSION=7"}, want: want{"", "mine", "7"}},
		"no server":                   {arguments: []string{"/usr/lib/xorg/Xorg"}, want: want{}},
		"a name that is no label":     {arguments: []string{"ray::ServeReplica:a\xff\x01b:X"}, want: want{"ray_serve", "ab", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			tr := newTree(t)
			if c.parent != nil {
				tr.add(proc{pid: 10, parent: 2, arguments: c.parent})
			}
			tr.add(proc{pid: 11, parent: 10, arguments: c.arguments, environment: c.environment})
			_, shares, problems := attributor(t, attribution.Settings{Procfs: tr.root}).Attribute(t.Context(), using(11))
			require.Empty(t, problems)
			require.Len(t, shares, 1)
			require.Equal(t, c.want, want{shares[0].Server, shares[0].Model, shares[0].Version})
			require.Equal(t, attribution.Measured, shares[0].Provenance)
			require.Equal(t, 1000.0, shares[0].MemoryBytes)
			require.Equal(t, 0.5, shares[0].Utilization)
		})
	}
}

func rules(t *testing.T, text string) []attribution.Rule {
	t.Helper()
	parsed, err := attribution.ParseRules([]byte(text))
	require.NoError(t, err)
	return parsed
}

func TestOwnRules(t *testing.T) {
	tr := newTree(t)
	tr.add(proc{pid: 11, parent: 1, arguments: []string{"./a"}, cgroup: "0::/system.slice/llm-chat.service"})
	tr.add(proc{pid: 12, parent: 1, arguments: []string{"./b"}, files: []string{"/dev/null", "socket:[77]"},
		tcp: []string{socket("00000000:1F90", 10, 77), socket("00000000:1F91", 10, 78)}})
	tr.add(proc{pid: 13, parent: 1, arguments: []string{"./c"}, tcp: []string{socket("00000000:1F90", 10, 77)}})
	tr.add(proc{pid: 14, parent: 1, arguments: []string{"./d"}, environment: []string{"SERVES=/m/deep/name-v2"}})
	tr.add(proc{pid: 15, parent: 1, arguments: []string{"vllm", "serve", "m"}})
	own := `
rules:
  - {server: unit, match: {cgroup: 'llm-(?P<model>.+)\.service$'}, model: [{group: model}]}
  - {server: port, match: {port: 8080}, model: [{text: by-port}]}
  - server: variable
    match: {environment: {SERVES: .}}
    model: [{environment: SERVES, pattern: '([^/]+)-v\d+$'}]
    version: [{environment: SERVES, pattern: '-v(\d+)$'}]
`
	models := func(settings attribution.Settings) []string {
		_, shares, problems := attributor(t, settings).Attribute(t.Context(), using(11, 12, 13, 14, 15))
		require.Empty(t, problems)
		var out []string
		for _, s := range shares {
			out = append(out, strings.Join([]string{s.Server, s.Model, s.Version}, "/"))
		}
		return out
	}
	require.Equal(t, []string{"unit/chat/", "port/by-port/", "//", "variable/name/2", "vllm/m/"},
		models(attribution.Settings{Procfs: tr.root, Rules: rules(t, own)}))
	require.Equal(t, []string{"unit/chat/", "port/by-port/", "//", "variable/name/2", "//"},
		models(attribution.Settings{Procfs: tr.root, Rules: rules(t, "defaults: false"+own)}))
}

func TestParseRulesRefuses(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"no YAML":              {"rules: [", "invalid rules: yaml"},
		"unknown key":          {"rules: [{sever: x}]", "field sever not found"},
		"expression":           {"rules: [{match: {command_line: '('}, model: [{text: a}]}]", "missing closing )"},
		"no condition":         {"rules: [{model: [{text: a}]}]", "no condition"},
		"nothing to find":      {"rules: [{match: {port: 1}}]", "set either model"},
		"two places":           {"rules: [{match: {port: 1}, model: [{text: a, flag: -b}]}]", "exactly one of"},
		"group that is not":    {"rules: [{match: {command_line: a}, model: [{group: model}]}]", "(?P<model>…)"},
		"pattern without part": {"rules: [{match: {port: 1}, model: [{flag: -b, pattern: a}]}]", "has no group"},
		"no port":              {"rules: [{match: {port: 1}, metrics: {compute: a, model_label: b}}]", "port is not set"},
		"no label":             {"rules: [{match: {port: 1}, metrics: {port: [{text: '1'}], compute: a}}]", "model_label"},
		"no compute":           {"rules: [{match: {port: 1}, metrics: {port: [{text: '1'}]}}]", "compute"},
		"worker without group": {"rules: [{match: {port: 1}, metrics: {port: [{text: '1'}], worker: [{text: a}], workers: {metric: a, label: b, pattern: (c)}}}]", "(?P<worker>…)"},
		"no port of models":    {"rules: [{match: {port: 1}, metrics: {port: [{text: '1'}], compute: a, model_label: b, ensembles: {}}}]", "ensembles: port is not set"},
		"source of models":     {"rules: [{match: {port: 1}, metrics: {port: [{text: '1'}], compute: a, model_label: b, ensembles: {port: [{}]}}}]", "ensembles: each source"},
		"too many":             {"rules: [" + strings.Repeat("{},", 501) + "]", "at most 500"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := attribution.ParseRules([]byte(c.text))
			require.ErrorContains(t, err, c.want)
		})
	}
	own, err := attribution.ParseRules(nil)
	require.NoError(t, err)
	known, err := attribution.DefaultRules()
	require.NoError(t, err)
	require.Len(t, own, len(known), "an empty file leaves the default rules")
}

// TestDocumentedRules reads the rules that the documentation shows.
func TestDocumentedRules(t *testing.T) {
	text, err := os.ReadFile("../../docs/nvml-attribution.md")
	require.NoError(t, err)
	read := 0
	for _, block := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		if !strings.HasPrefix(block[1], "rules:") {
			continue
		}
		_, err := attribution.ParseRules([]byte(block[1]))
		require.NoError(t, err, block[1])
		read++
	}
	require.Equal(t, 2, read)
}
