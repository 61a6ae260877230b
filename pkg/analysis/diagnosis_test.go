package analysis

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// scaling is an hour of a deployment of 2 to 10 replicas, one point every 30 seconds: 4 replicas, 20 requests a second, a p95
// of 100 ms where 200 ms are allowed.
func scaling(change func(a *Autoscaling, i int, at time.Duration)) Autoscaling {
	const points, step = 120, 30 * time.Second
	a := Autoscaling{Step: step, LatencyName: "p95", Objective: 0.2}
	for i := range points {
		a.Times = append(a.Times, int64(i)*step.Milliseconds())
		a.Active, a.Starting, a.Min, a.Max = append(a.Active, 4), append(a.Starting, 0), append(a.Min, 2), append(a.Max, 10)
		a.Latency, a.Requests, a.Concurrent = append(a.Latency, 0.1), append(a.Requests, 20), append(a.Concurrent, 8)
		if change != nil {
			change(&a, i, time.Duration(i)*step)
		}
	}
	return a
}

func namesOf(findings []Finding) []string {
	out := []string{}
	for _, f := range findings {
		out = append(out, f.Name)
	}
	return out
}

func TestDiagnosis(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change   func(a *Autoscaling, i int, at time.Duration)
		want     []string
		evidence string
		begin    time.Duration
	}{
		"nothing is wrong": {nil, []string{}, "", 0},
		"oscillation": {func(a *Autoscaling, i int, _ time.Duration) {
			a.Active[i] = 4 + 4*float64(i/20%2)
			if i > 0 && i%20 < 3 && i >= 20 {
				a.Latency[i] = 0.19
			}
		}, []string{"Oscillation"}, "The replicas changed 5 times and turned 4 times, between 4 and 8; 15 of 15 latency spikes came within 2m0s of a change, up to a p95 of 190ms, 1.9 times the median.", 10 * time.Minute},
		"at the maximum and too slow": {func(a *Autoscaling, i int, at time.Duration) {
			if at >= 20*time.Minute && at < 30*time.Minute {
				a.Active[i], a.Latency[i] = 10, 0.5
			}
		}, []string{"Not enough capacity"}, "All 10 replicas that are allowed were active, and the p95 was 500ms on average, where 200ms is the objective.", 20 * time.Minute},
		"at the maximum and fast enough": {func(a *Autoscaling, i int, _ time.Duration) { a.Active[i] = 10 }, []string{}, "", 0},
		"slow starts": {func(a *Autoscaling, i int, at time.Duration) {
			if at >= 10*time.Minute && at < 18*time.Minute {
				a.Starting[i] = 4
			}
		}, []string{"Slow cold starts"}, "For 7m30s, 4.0 replicas were starting on average beside 4.0 active ones.", 10 * time.Minute},
		"a start of a minute": {func(a *Autoscaling, i int, at time.Duration) {
			if at >= 10*time.Minute && at < 11*time.Minute {
				a.Starting[i] = 4
			}
		}, []string{}, "", 0},
		"few replicas for the traffic": {func(a *Autoscaling, i int, at time.Duration) {
			if at >= 40*time.Minute {
				a.Requests[i], a.Latency[i], a.Concurrent[i] = 60, 0.6, 40
			}
		}, []string{"Concurrency target too high"}, "4.0 of 10 replicas were active at 60.0 requests a second, with 10.0 requests at once on each, and the p95 was 600ms, where 200ms is the objective.", 40 * time.Minute},
		"removed too soon": {func(a *Autoscaling, i int, _ time.Duration) {
			if i%30 >= 26 {
				a.Active[i] = 3
			}
		}, []string{"Scales down too soon"}, "3 times replicas were removed and were back within 5m0s.", 13 * time.Minute},
		"nothing is known": {func(a *Autoscaling, i int, _ time.Duration) {
			for _, s := range [][]float64{a.Active, a.Starting, a.Min, a.Max, a.Latency, a.Requests, a.Concurrent} {
				s[i] = math.NaN()
			}
		}, []string{}, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found := scaling(c.change).Diagnose()
			require.Equal(t, c.want, namesOf(found))
			if len(found) > 0 {
				require.Equal(t, c.evidence, found[0].Evidence)
				require.Equal(t, c.begin.Milliseconds(), found[0].Begin)
				require.Greater(t, found[0].End, found[0].Begin)
				require.NotEmpty(t, found[0].Cause)
				require.NotEmpty(t, found[0].Fix)
			}
		})
	}
}

// Whatever the numbers are, findings lie within the range and say their numbers.
func TestDiagnosisOfAnything(t *testing.T) {
	t.Parallel()
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 9))
		a := scaling(func(a *Autoscaling, i int, _ time.Duration) {
			for _, s := range [][]float64{a.Active, a.Starting, a.Min, a.Max, a.Latency, a.Requests, a.Concurrent} {
				switch r.IntN(4) {
				case 0:
					s[i] = math.NaN()
				case 1:
					s[i] = float64(r.IntN(12))
				}
			}
		})
		for _, f := range a.Diagnose() {
			require.GreaterOrEqual(t, f.Begin, a.Times[0])
			require.LessOrEqual(t, f.End, a.Times[len(a.Times)-1])
			require.NotContains(t, f.Evidence, "NaN")
		}
	}
	require.Empty(t, Autoscaling{}.Diagnose())
}
