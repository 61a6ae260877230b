package remote

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/executor"
	"github.com/coldhit/modelserving-datasource/pkg/plan"
	"github.com/coldhit/modelserving-datasource/pkg/remote/prometheustest"
	"github.com/coldhit/modelserving-datasource/pkg/series"
	"github.com/coldhit/modelserving-datasource/pkg/settings"
	"github.com/coldhit/modelserving-datasource/tests/victoriametrics"
)

// runVictoria runs a VictoriaMetrics for the length of the test, with the samples in it, and answers its address.
func runVictoria(t *testing.T, samples []prometheustest.Sample) string {
	t.Helper()
	base := victoriametrics.Run(t, "-retentionPeriod=100y")
	var text strings.Builder
	for _, s := range samples {
		fmt.Fprintf(&text, "%s%s %v %d\n", s.Labels.Get("__name__"), labels.NewBuilder(s.Labels).Del("__name__").Labels(), s.Value, s.At.UnixMilli())
	}
	require.Equal(t, http.StatusNoContent, statusOf(t, http.MethodPost, base+"/api/v1/import/prometheus", text.String()))
	require.Equal(t, http.StatusOK, statusOf(t, http.MethodGet, base+"/internal/force_flush", ""))
	return base
}

func statusOf(t *testing.T, method, url, body string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0
	}
	require.NoError(t, response.Body.Close())
	return response.StatusCode
}

// counters of six models, two replicas each, with resets and without gaps.
func counters() (samples []prometheustest.Sample) {
	random := rand.New(rand.NewPCG(3, 4))
	for m := range 6 {
		for r := range 2 {
			value := 0.0
			for i := range 241 {
				if random.IntN(100) == 0 {
					value = 0
				}
				value += float64(random.IntN(50) + 10*m)
				at := origin.Add(time.Duration(i) * 15 * time.Second)
				for _, name := range []string{"requests_total", "queue_size"} {
					samples = append(samples, prometheustest.Sample{
						Labels: labels.FromStrings("__name__", name, "model", fmt.Sprintf("m%d", m), "replica", fmt.Sprintf("r%d", r)), At: at, Value: value,
					})
				}
			}
		}
	}
	return samples
}

// A real VictoriaMetrics and a real Prometheus with the same samples answer the same; rates within VictoriaMetrics's documented
// difference: it takes the sample before the window too, and extrapolates nothing.
func TestVictoriaMetricsAgreesWithPrometheus(t *testing.T) {
	t.Parallel()
	samples := counters()
	server := prometheustest.New(t)
	server.Append(t, samples...)
	of := newClient(t, server.Instance())
	base := runVictoria(t, samples)
	end := origin.Add(time.Hour).Truncate(time.Minute)
	for _, path := range []string{"", "/prometheus"} {
		victoria := newClient(t, backend.DataSourceInstanceSettings{URL: base + path})
		found, err := victoria.Server(t.Context())
		require.NoError(t, err)
		require.Equal(t, VictoriaMetrics, found.Type)
		require.False(t, found.Features.NativeHistograms)
		for _, c := range []struct {
			expr string
			// tolerance is relative to the largest value of a series.
			tolerance float64
		}{
			{"queue_size", 0}, {"sum by (model) (queue_size)", 0}, {"max by (model) (queue_size)", 0}, {"queue_size > 1000", 0},
			{"max by (model) (avg_over_time(queue_size[5m]))", 1e-12}, {`count by (replica) (queue_size)`, 0}, {"sum by (model) (rate(requests_total[5m]))", 0.12},
			{`sum by (model) (rate(requests_total{replica="r1"}[5m])) / sum by (model) (rate(requests_total[5m]))`, 0.15},
			{`queue_size and on (model) topk(2, sum by (model) (queue_size @ end()))`, 0},
		} {
			// VictoriaMetrics moves the steps of a range to multiples of the step, as the plugin's grid has them anyway.
			from := origin.Add(10 * time.Minute).Truncate(time.Minute)
			want, err := of.RangePromQL(t.Context(), c.expr, executor.Range{Start: from, End: end, Step: 15 * time.Second})
			require.NoError(t, err)
			got, err := victoria.RangePromQL(t.Context(), c.expr, executor.Range{Start: from, End: end, Step: 15 * time.Second})
			require.NoError(t, err)
			requireClose(t, want, got, c.tolerance, c.expr)
			want, err = of.InstantPromQL(t.Context(), c.expr, end)
			require.NoError(t, err)
			got, err = victoria.InstantPromQL(t.Context(), c.expr, end)
			require.NoError(t, err)
			requireClose(t, want, got, c.tolerance, c.expr)
		}
		// What recordings are put together by, up to a time between two of their windows.
		const joined, between = `sum by (model) (0.05 * sum_over_time((queue_size offset -17s)[19m47s:1m]))`, 43 * time.Second
		want, err := of.InstantPromQL(t.Context(), joined, end.Add(-between))
		require.NoError(t, err)
		got, err := victoria.InstantPromQL(t.Context(), joined, end.Add(-between))
		require.NoError(t, err)
		requireClose(t, want, got, 1e-12, joined)
		values, err := victoria.LabelValues(t.Context(), "model", []plan.Select{{Metric: "queue_size"}}, origin, end, 4)
		require.NoError(t, err)
		require.Len(t, values, 4, "any four of the six: VictoriaMetrics limits before it sorts")
		require.IsIncreasing(t, values)
		_, err = victoria.InstantPromQL(t.Context(), "sum(", end)
		var e *Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, BadQuery, e.Problem, err)
	}
	split := newClient(t, backend.DataSourceInstanceSettings{URL: base}, func(s *settings.Prometheus) { s.MaxQueryRange = 7 * time.Minute })
	whole := newClient(t, backend.DataSourceInstanceSettings{URL: base})
	want, err := whole.RangePromQL(t.Context(), "queue_size", executor.Range{Start: end.Add(-time.Hour), End: end, Step: 15 * time.Second})
	require.NoError(t, err)
	got, err := split.RangePromQL(t.Context(), "queue_size", executor.Range{Start: end.Add(-time.Hour), End: end, Step: 15 * time.Second})
	require.NoError(t, err)
	requireClose(t, want, got, 0, "in parts")
}

// Values at a step depend on the range that they are asked in, where a series has gaps: answers are not to be kept and joined.
func TestVictoriaMetricsLooksBeyondTheStep(t *testing.T) {
	t.Parallel()
	var samples []prometheustest.Sample
	for i, gap := range []int{0, 15, 30, 45, 300, 600, 615, 630, 900, 1200, 1215, 1230, 1500, 1800, 1815, 2400, 2415, 2700} {
		samples = append(samples, prometheustest.Sample{Labels: labels.FromStrings("__name__", "queue_size", "model", "a"), At: origin.Add(time.Duration(gap) * time.Second), Value: float64(i)})
	}
	client := newClient(t, backend.DataSourceInstanceSettings{URL: runVictoria(t, samples)}, func(s *settings.Prometheus) {
		s.CustomQueryParameters = url.Values{"nocache": {"1"}} // which would answer the parts from the whole
	})
	differs := func(expr string) bool {
		from := origin.Truncate(time.Minute)
		whole, err := client.RangePromQL(t.Context(), expr, executor.Range{Start: from, End: from.Add(48 * time.Minute), Step: 15 * time.Second})
		require.NoError(t, err)
		in := map[int64]float64{}
		for _, s := range whole.Series {
			for i, at := range s.Times {
				in[at] = s.Values[i]
			}
		}
		for at := from; at.Before(from.Add(48 * time.Minute)); at = at.Add(3 * time.Minute) {
			part, err := client.RangePromQL(t.Context(), expr, executor.Range{Start: at, End: at.Add(165 * time.Second), Step: 15 * time.Second})
			require.NoError(t, err)
			n := 0
			for _, s := range part.Series {
				for i, at := range s.Times {
					v, ok := in[at]
					if n++; !ok || v != s.Values[i] {
						return true
					}
				}
			}
			for t := at; !t.After(at.Add(165 * time.Second)); t = t.Add(15 * time.Second) {
				if _, ok := in[t.UnixMilli()]; ok {
					n--
				}
			}
			if n != 0 {
				return true
			}
		}
		return false
	}
	t.Logf("queue_size differs: %v, sum(rate(queue_size[1m])) differs: %v", differs("queue_size"), differs("sum(rate(queue_size[1m]))"))
	server, err := client.Server(t.Context())
	require.NoError(t, err)
	require.Equal(t, !differs("queue_size"), server.Features.IndependentSteps)
}

// requireClose compares series by their labels: servers order them differently.
func requireClose(t *testing.T, want, got series.Result, tolerance float64, about string) {
	t.Helper()
	find := map[string]int{}
	for i, s := range got.Series {
		find[describeLabels(s.Labels)] = i
	}
	require.Len(t, got.Series, len(want.Series), about)
	require.NotEmpty(t, want.Series, about)
	for _, w := range want.Series {
		i, ok := find[describeLabels(w.Labels)]
		require.True(t, ok, "%s: %v is missing", about, w.Labels)
		g := got.Series[i]
		require.Equal(t, w.Times, g.Times, about)
		largest, worst := 0.0, 0.0
		for j, v := range w.Values {
			largest, worst = max(largest, math.Abs(v)), max(worst, math.Abs(v-g.Values[j]))
		}
		require.LessOrEqual(t, worst, tolerance*largest, "%s: %v", about, w.Labels)
	}
}
