package analysis

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/series"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

func one(labels map[string]string, times []int64, values ...float64) Series {
	return Series{Series: series.Series{Labels: labels, Times: times, Values: values}, Statistic: signal.Mean,
		Provenance: []series.Provenance{{Origin: "measured", Server: "x"}}}
}

func TestLinear(t *testing.T) {
	t.Parallel()
	in := []Series{one(map[string]string{"model": "a"}, []int64{1, 2}, 0.25, 1)}
	out := Linear(in, func(map[string]string) (a, b float64) { return 1, -1 })
	require.Equal(t, []float64{0.75, 0}, out[0].Values)
	require.Equal(t, []float64{0.25, 1}, in[0].Values, "the numbers that it is computed from stay")
}

func TestHighestOfAGroup(t *testing.T) {
	t.Parallel()
	out := Highest([]Series{
		one(map[string]string{"model": "a", "objective": "error_rate"}, []int64{1, 2}, 1, 5),
		one(map[string]string{"model": "a", "objective": "response_time"}, []int64{2, 3}, 3, 4),
		one(map[string]string{"model": "b", "objective": "error_rate"}, []int64{2}, 9),
	}, []signal.Label{signal.Model})
	require.Len(t, out, 2)
	require.Equal(t, map[string]string{"model": "a"}, out[0].Labels)
	require.Equal(t, []int64{1, 2, 3}, out[0].Times)
	require.Equal(t, []float64{1, 5, 4}, out[0].Values)
	require.Equal(t, []float64{9}, Top(out, 1)[0].Values)
}

func everyModel(map[string]string) bool { return true }

func TestGPUShares(t *testing.T) {
	t.Parallel()
	gpu := func(replica, gpu string, u float64) Series {
		return one(map[string]string{"environment": "p", "deployment": "d", "replica": replica, "gpu": gpu}, []int64{1}, u)
	}
	model := func(replica, model string, seconds float64) Series {
		return one(map[string]string{"environment": "p", "deployment": "d", "replica": replica, "model": model}, []int64{1}, seconds)
	}
	utilization := []Series{gpu("r1", "g1", 0.8), gpu("r1", "g2", 0.4), gpu("r2", "g3", 0.6)}
	computed := []Series{model("r1", "a", 3), model("r1", "b", 1), model("r2", "a", 5)}

	byGPU, unjoined := GPUShares(utilization, computed, []signal.Label{signal.Model, signal.GPU}, MeanOfGPUs, everyModel)
	require.Zero(t, unjoined)
	got := map[string]float64{}
	for _, s := range byGPU {
		got[s.Labels["model"]+s.Labels["gpu"]] = s.Values[0]
	}
	require.InDeltaMapValues(t, map[string]float64{"ag1": 0.6, "bg1": 0.2, "ag2": 0.3, "bg2": 0.1, "ag3": 0.6}, got, 1e-12)

	onlyB, _ := GPUShares(utilization, computed, []signal.Label{signal.Model}, MeanOfGPUs, func(l map[string]string) bool { return l["model"] == "b" })
	require.Len(t, onlyB, 1)
	require.InDelta(t, 0.1, onlyB[0].Values[0], 1e-12, "0.2 and 0.1 of the three GPUs")

	// A host that reports its GPUs under a name of its own: they belong to the deployment's models.
	host := []Series{gpu("host", "g1", 0.5)}
	shared, unjoined := GPUShares(host, computed, []signal.Label{signal.Model}, MeanOfGPUs, everyModel)
	require.Zero(t, unjoined)
	require.InDelta(t, 0.5*8/9, shared[0].Values[0], 1e-12)

	elsewhere := one(map[string]string{"environment": "q", "replica": "r1", "gpu": "g9"}, []int64{1}, 1)
	_, unjoined = GPUShares([]Series{elsewhere}, computed, nil, MeanOfGPUs, everyModel)
	require.Equal(t, 1, unjoined)
}

// Whatever is computed where, the shares of all models add up to the mean utilization of the GPUs beside which something is
// computed.
func TestGPUSharesAddUpToTheUtilization(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		var utilization, computed []Series
		mean, gpus := 0.0, 1+r.IntN(6)
		for g := range gpus {
			u := r.Float64()
			mean += u / float64(gpus)
			replica := string(rune('a' + g%2))
			utilization = append(utilization, one(map[string]string{"replica": replica, "gpu": string(rune('0' + g))}, []int64{1}, u))
		}
		for _, replica := range []string{"a", "b"} {
			for m := range 1 + r.IntN(5) {
				computed = append(computed, one(map[string]string{"replica": replica, "model": string(rune('k' + m))}, []int64{1}, r.Float64()+1e-6))
			}
		}
		shares, unjoined := GPUShares(utilization, computed, []signal.Label{signal.Model}, MeanOfGPUs, everyModel)
		require.Zero(t, unjoined)
		sum := 0.0
		for _, s := range shares {
			sum += s.Values[0]
		}
		require.InDelta(t, mean, sum, 1e-9)
	}
}

func TestDerivedNumbersSayWhatTheyAreMadeOf(t *testing.T) {
	t.Parallel()
	in := []Series{one(nil, []int64{1}, 1)}
	in[0].Provenance = append(in[0].Provenance, series.Provenance{Origin: "estimated", Server: "y", Recipe: "a guess"})
	out := Derived(in, "half of it")
	require.Equal(t, []series.Provenance{{Origin: "derived", Server: "x", Recipe: "half of it"}, {Origin: "estimated", Server: "y", Recipe: "half of it; a guess"}}, out[0].Provenance)
	require.Equal(t, series.Measured, in[0].Provenance[0].Origin)
}
