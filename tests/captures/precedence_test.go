package captures

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/profile"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// Whatever order the files of the built-in profiles are loaded in, profiles that measure the same thing give the same numbers: two
// exporters of the same GPUs that disagree, and a platform on one page with the engine that it runs.
func TestOrderOfProfileFilesDoesNotChangeNumbers(t *testing.T) {
	t.Parallel()
	s := scrapeTwice(t, page{"host:9492", "production", "gpus", ofNVML(true)}, page{"host:9400", "production", "dcgm", ofDCGM()},
		page{"a:8080", "production", "llm", `gen_ai_server_request_duration_seconds_count{gen_ai_request_model="llama"} 60
vllm:num_requests_running{model_name="llama"} 3
vllm:request_success_total{model_name="llama",finished_reason="stop"} 30
`})
	asked := map[string]signal.Statistic{
		"gpu_memory": signal.Last, "gpu_memory_usage": signal.Mean, "gpu_power": signal.Last, "gpu_utilization": signal.Last, "requests": signal.Rate,
	}
	files, err := profile.EmbeddedFiles()
	require.NoError(t, err)
	want := map[string]map[string]float64{}
	for seed := range uint64(12) {
		set, err := profile.Load(files)
		require.NoError(t, err)
		for name, st := range asked {
			by := "model"
			if st != signal.Rate {
				by = "gpu"
			}
			got := s.totalsOf(set, name, st, by)
			require.NotEmpty(t, got, name)
			if want[name] == nil {
				want[name] = got
			}
			require.Equal(t, fmt.Sprint(want[name]), fmt.Sprint(got), "%s, seed %d", name, seed)
		}
		rand.New(rand.NewPCG(seed, 0)).Shuffle(len(files), func(i, j int) { files[i], files[j] = files[j], files[i] })
	}
}
