package promql

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

const othersKey = "others"

func keyOf(of labels.Labels, by []signal.Label) string {
	values := make([]string, len(by))
	for i, l := range by {
		values[i] = of.Get(string(l))
	}
	return strings.Join(values, "/")
}

// growth is a counter's rate per second at each step by straight arithmetic: what it grew by between the first and the
// last sample of the window, resets corrected, over the time between them.
func growth(values []float64) []float64 {
	var out []float64
	for end := warmUp; end < len(values); end++ {
		increase := 0.0
		for i := end - inWindow + 2; i <= end; i++ {
			if rise := values[i] - values[i-1]; rise >= 0 {
				increase += rise
			} else {
				increase += values[i]
			}
		}
		out = append(out, increase/((inWindow-1)*scrapeEvery.Seconds()))
	}
	return out
}

// latest is a gauge at each step.
func latest(values []float64) []float64 { return slices.Clone(values[warmUp:]) }

// sums adds up what read makes of every series of a metric that keep accepts, by labels of the store.
func (f *fleet) sums(metric string, read func([]float64) []float64, keep func(labels.Labels) bool, by ...string) map[string][]float64 {
	out := map[string][]float64{}
	for _, s := range f.samples {
		if s.labels.Get(model.MetricNameLabel) != metric || (keep != nil && !keep(s.labels)) {
			continue
		}
		values := make([]string, len(by))
		for i, l := range by {
			values[i] = s.labels.Get(l)
		}
		key := strings.Join(values, "/")
		out[key] = zip(out[key], read(s.values), func(a, b float64) float64 { return a + b })
	}
	return out
}

// zip combines two rows of numbers; a missing one counts as zeros.
func zip(a, b []float64, combine func(a, b float64) float64) []float64 {
	out := make([]float64, max(len(a), len(b)))
	for i := range out {
		var x, y float64
		if a != nil {
			x = a[i]
		}
		if b != nil {
			y = b[i]
		}
		out[i] = combine(x, y)
	}
	return out
}

func zipAll(a, b map[string][]float64, combine func(a, b float64) float64) map[string][]float64 {
	out := map[string][]float64{}
	for key := range a {
		out[key] = zip(a[key], b[key], combine)
	}
	for key := range b {
		out[key] = zip(a[key], b[key], combine)
	}
	return out
}

func plus(a, b float64) float64 { return a + b }

// minus is never less than nothing.
func minus(a, b float64) float64     { return max(0, a-b) }
func dividedBy(a, b float64) float64 { return a / b }

func requireSame(t *testing.T, want, got map[string][]float64) {
	t.Helper()
	require.Equal(t, slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got)))
	for key, values := range want {
		for i, v := range values {
			if math.IsInf(v, 0) {
				require.InDelta(t, v, got[key][i], 0, "%s at step %d", key, i)
				continue
			}
			require.InEpsilon(t, v+1, got[key][i]+1, 1e-9, "%s at step %d", key, i)
		}
	}
}

func ask(t *testing.T, name string, statistic signal.Statistic, filters map[string][]string, limit int, by ...string) signal.Query {
	t.Helper()
	q, err := signal.Builtin().NewQuery(name, []string{string(statistic)}, by, filters, limit, true, 0)
	require.NoError(t, err)
	return q
}

// forEachFleet runs a comparison over several random fleets.
func forEachFleet(t *testing.T, compare func(t *testing.T, f *fleet)) {
	t.Parallel()
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			compare(t, newFleet(t, seed))
		})
	}
}

func notCancelled(l labels.Labels) bool { return l.Get("reason") != "CANCELED" }

func TestRatioOverSums(t *testing.T) {
	forEachFleet(t, func(t *testing.T, f *fleet) {
		failed := f.sums("nv_inference_request_failure", growth, notCancelled, "model")
		all := zipAll(f.sums("nv_inference_request_failure", growth, nil, "model"), f.sums("nv_inference_request_success", growth, nil, "model"), plus)
		requireSame(t, zipAll(failed, all, dividedBy), f.answer(ask(t, "error_rate", signal.Mean, nil, 0, "model"), false))
	})
}

func TestMeanOfDurations(t *testing.T) {
	forEachFleet(t, func(t *testing.T, f *fleet) {
		seconds := f.sums("nv_inference_request_duration_us", growth, nil, "deployment", "model")
		count := f.sums("nv_inference_request_success", growth, nil, "deployment", "model")
		want := zipAll(seconds, count, func(a, b float64) float64 { return a / 1e6 / b })
		requireSame(t, want, f.answer(ask(t, "response_time", signal.Mean, nil, 0, "deployment", "model"), false))
	})
}

func TestSubtractedTerms(t *testing.T) {
	forEachFleet(t, func(t *testing.T, f *fleet) {
		ran := zipAll(f.sums("nv_inference_request_success", growth, nil, "model"), f.sums("nv_cache_num_hits_per_model", growth, nil, "model"), minus)
		want := zipAll(f.sums("nv_inference_compute_infer_duration_us", growth, nil, "model"), ran, func(a, b float64) float64 { return a / 1e6 / b })
		requireSame(t, want, f.answer(ask(t, "inference_time", signal.Mean, nil, 0, "model"), false))
	})
}

func TestUnionOfQueuedAndExecuting(t *testing.T) {
	forEachFleet(t, func(t *testing.T, f *fleet) {
		inside := func(a, b float64) float64 { return (a - b) / 1e6 }
		least := func(a, _ float64) float64 { return max(0, a) }
		executing := zipAll(f.sums("nv_inference_request_duration_us", growth, nil, "instance"), f.sums("nv_inference_queue_duration_us", growth, nil, "instance"), inside)
		queued := f.sums("nv_inference_pending_request_count", latest, nil, "instance")
		want := map[string][]float64{}
		for replica := range queued {
			want[replica+"/executing"], want[replica+"/queued"] = zip(executing[replica], nil, least), queued[replica]
		}
		requireSame(t, want, f.answer(ask(t, "concurrent_requests", signal.Last, nil, 0, "replica", "state"), false))
		requireSame(t, zipAll(zipAll(executing, queued, plus), nil, least), f.answer(ask(t, "concurrent_requests", signal.Last, nil, 0, "replica"), false))
	})
}

func TestHostMetricsOfTheReplicasThatServeAModel(t *testing.T) {
	forEachFleet(t, func(t *testing.T, f *fleet) {
		for model := range fleetModels {
			name := fmt.Sprintf("model-%d", model)
			serving := map[string]bool{}
			for _, s := range f.samples {
				if s.labels.Get("model") == name {
					serving[s.labels.Get("instance")] = true
				}
			}
			require.Len(t, serving, 2)
			want := f.sums("nv_cpu_utilization", latest, func(l labels.Labels) bool { return serving[l.Get("instance")] })
			want[""] = zip(want[""], nil, func(a, _ float64) float64 { return a / float64(len(serving)) })
			requireSame(t, want, f.answer(ask(t, "cpu_usage", signal.Last, map[string][]string{"model": {name}}, 0), false))
		}
	})
}

func TestTopModelsAndOthersAddUpToTheTotal(t *testing.T) {
	forEachFleet(t, func(t *testing.T, f *fleet) {
		for _, limit := range []int{1, 3, fleetModels - 1} {
			all := f.answer(ask(t, "requests", signal.Rate, nil, 0, "model"), false)
			limited := f.answer(ask(t, "requests", signal.Rate, nil, limit, "model"), true)
			require.Len(t, limited, limit+1)
			total, sum := f.answer(ask(t, "requests", signal.Rate, nil, 0), false)[""], []float64(nil)
			for key, values := range limited {
				sum = zip(sum, values, plus)
				if key != othersKey {
					require.Equal(t, all[key], values, "a model that is shown is shown as without a limit")
				}
			}
			requireSame(t, map[string][]float64{"": total}, map[string][]float64{"": sum})
			require.ElementsMatch(t, append(f.busiest(limit), othersKey), slices.Collect(maps.Keys(limited)))
		}
	})
}

// Quantiles of summaries keep the server's names for labels; the limit finds their groups all the same.
func TestTopSummaries(t *testing.T) {
	forEachFleet(t, func(t *testing.T, f *fleet) {
		seconds := func(values []float64) []float64 {
			return zip(latest(values), nil, func(a, _ float64) float64 { return a / 1e6 })
		}
		all := f.sums("nv_inference_request_summary_us", seconds, nil, "model", "instance")
		limited := f.answer(ask(t, "response_time", signal.P50, nil, 4, "model", "replica"), true)
		require.Len(t, limited, 4)
		for key, values := range limited {
			requireSame(t, map[string][]float64{key: all[key]}, map[string][]float64{key: values})
		}
	})
}

// busiest lists the models with the most requests over the whole range.
func (f *fleet) busiest(n int) []string {
	whole := func(values []float64) []float64 {
		increase := 0.0
		for i := 1; i < len(values); i++ {
			if rise := values[i] - values[i-1]; rise >= 0 {
				increase += rise
			} else {
				increase += values[i]
			}
		}
		return []float64{increase}
	}
	totals := zipAll(f.sums("nv_inference_request_success", whole, nil, "model"), f.sums("nv_inference_request_failure", whole, nil, "model"), plus)
	models := slices.SortedFunc(maps.Keys(totals), func(a, b string) int { return cmp.Compare(totals[b][0], totals[a][0]) })
	return models[:n]
}

// The others of a share are the share of the others: sums first, then the division.
func TestOthersOfARatio(t *testing.T) {
	forEachFleet(t, func(t *testing.T, f *fleet) {
		kept := f.busiest(2)
		rest := func(l labels.Labels) bool { return !slices.Contains(kept, l.Get("model")) }
		failed := f.sums("nv_inference_request_failure", growth, func(l labels.Labels) bool { return rest(l) && notCancelled(l) })
		all := zipAll(f.sums("nv_inference_request_failure", growth, rest), f.sums("nv_inference_request_success", growth, rest), plus)
		limited := f.answer(ask(t, "error_rate", signal.Mean, nil, 2, "model"), true)
		requireSame(t, zipAll(failed, all, dividedBy), map[string][]float64{"": limited[othersKey]})
	})
}

// Buckets are merged over replicas and versions before the quantile is taken.
func TestQuantileOfMergedBuckets(t *testing.T) {
	forEachFleet(t, func(t *testing.T, f *fleet) {
		buckets := f.sums("nv_inference_first_response_histogram_ms_bucket", growth, nil, "model", "le")
		want := map[string][]float64{}
		for model := range fleetModels {
			name := fmt.Sprintf("model-%d", model)
			for step := range scrapes - warmUp {
				want[name] = append(want[name], interpolate(0.9, func(le string) float64 { return buckets[name+"/"+le][step] })/1e3)
			}
		}
		requireSame(t, want, f.answer(ask(t, "time_to_first_byte", signal.P90, nil, 0, "model"), false))
	})
}

// interpolate finds a quantile within its bucket as if values were spread evenly over it.
func interpolate(q float64, cumulative func(le string) float64) float64 {
	wanted := q * cumulative("+Inf")
	lower, before := 0.0, 0.0
	for _, le := range bounds {
		upper, err := strconv.ParseFloat(le, 64)
		if err != nil {
			return math.NaN()
		}
		if upto := cumulative(le); upto >= wanted {
			if math.IsInf(upper, 1) {
				return lower
			}
			return lower + (upper-lower)*(wanted-before)/(upto-before)
		}
		lower, before = upper, cumulative(le)
	}
	return math.NaN()
}
