package captures

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/profile"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// Ray shows its engines' metrics under names of its own, and makes up the sums of their histograms.
func TestRayWrapsItsEngines(t *testing.T) {
	t.Parallel()
	for engine, model := range map[string]string{"vllm": "llama", "sglang": "qwen"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			set := embedded(t)
			wrapped := func(name string) []byte {
				page := bytes.ReplaceAll(recording(t, engine, name), []byte(engine+":"), []byte("ray_"+engine+"_"))
				return bytes.ReplaceAll(page, []byte(`model_name="`), []byte(`ReplicaId="r",WorkerId="w",model_name="`))
			}
			s := newStore(t, 2)
			s.add("ray", append(recording(t, "ray_serve", rayServe[0].recordings[0]), wrapped("1-metrics-idle")...),
				append(recording(t, "ray_serve", rayServe[0].recordings[1]), wrapped("2-metrics-loaded")...))
			plain := replay(t, engine, []string{"1-metrics-idle", "2-metrics-loaded"})
			for name, st := range map[string]signal.Statistic{
				"time_to_first_token": signal.P95, "inter_token_latency": signal.P95, "input_tokens": signal.P50, "output_tokens": signal.P50,
				"prefix_cache_hit_ratio": signal.Mean, "kv_cache_usage": signal.Last,
			} {
				want := plain.answers(set, name, st, "model")
				require.NotEmpty(t, want, name)
				require.Equal(t, want, s.answers(set, name, st, "model"), name)
			}
			require.NotEmpty(t, plain.answers(set, "time_to_first_token", signal.Mean, "model"))
			require.Empty(t, s.answers(set, "time_to_first_token", signal.Mean, "model"), "the sum is made up")
			require.NotContains(t, s.totals("requests", signal.Rate, "model"), model, "Ray Serve counts the same requests")
			require.Contains(t, plain.totals("requests", signal.Rate, "model"), model)
			alone := newStore(t, 2)
			alone.add("ray", wrapped("1-metrics-idle"), wrapped("2-metrics-loaded"))
			require.Positive(t, alone.totals("requests", signal.Rate, "model")[model], "by themselves they are read")
			require.Equal(t, plain.totals("models_resident", signal.Last), alone.totals("models_resident", signal.Last))
		})
	}
}

// A managed platform shows an engine's metrics with a prefix of its own. Whatever it is, they count neither twice nor under
// another server's name, and the engine's profile reads them when it is given the names.
func TestVertexRenamesAnEnginesMetrics(t *testing.T) {
	t.Parallel()
	renamed := func(name string) []byte {
		return bytes.ReplaceAll(recording(t, "vllm", name), []byte("vllm:"), []byte("vertex_"))
	}
	s := newStore(t, 2)
	s.add("vertex", renamed("1-metrics-idle"), renamed("2-metrics-loaded"))
	require.Empty(t, embedded(t).Detect(s.has), "no server of another name")
	beside := newStore(t, 2)
	beside.add("vllm", append(recording(t, "vllm", "1-metrics-idle"), renamed("1-metrics-idle")...), append(recording(t, "vllm", "2-metrics-loaded"), renamed("2-metrics-loaded")...))
	plain := replay(t, "vllm", []string{"1-metrics-idle", "2-metrics-loaded"})
	require.Equal(t, plain.totals("requests", signal.Rate, "model"), beside.totals("requests", signal.Rate, "model"))

	text, err := os.ReadFile(filepath.Join("..", "..", "pkg", "profile", "vllm.yaml"))
	require.NoError(t, err)
	own := strings.NewReplacer("id: vllm", "id: vertex_vllm", "name: vLLM\n", "name: vLLM on Vertex AI\n", "vllm:", "vertex_").Replace(string(text))
	set, problems := embedded(t).With([]profile.Text{{Name: "vertex.yaml", Text: own}})
	require.Empty(t, problems)
	for name, st := range map[string]signal.Statistic{
		"requests": signal.Rate, "response_time": signal.P95, "time_to_first_token": signal.P95, "kv_cache_usage": signal.Last, "prefix_cache_hit_ratio": signal.Mean,
	} {
		want := plain.answers(embedded(t), name, st, "model")
		require.NotEmpty(t, want, name)
		require.Equal(t, want, s.answers(set, name, st, "model"), name)
		require.Equal(t, want, beside.answers(set, name, st, "model"), "%s: on one page with the engine's own, they count once", name)
	}
}
