package remote

import (
	"context"
	"io"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/prometheus/client_golang/api"
	stock "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/executor"
	"github.com/coldhit/modelserving-datasource/pkg/plan"
	"github.com/coldhit/modelserving-datasource/pkg/remote/prometheustest"
	"github.com/coldhit/modelserving-datasource/pkg/series"
	"github.com/coldhit/modelserving-datasource/pkg/settings"
)

var origin = time.Unix(1_700_000_000, 0)

// plain is what the settings are where nothing is set.
func plain() settings.Prometheus {
	s, err := settings.Decode([]byte(`{"mode": "prometheus"}`), nil)
	if err != nil {
		panic(err)
	}
	return s.Prometheus
}

func newClient(t testing.TB, instance backend.DataSourceInstanceSettings, change ...func(*settings.Prometheus)) *Client {
	t.Helper()
	s := plain()
	for _, c := range change {
		c(&s)
	}
	instance.Type = "coldhit-modelserving-datasource"
	c, err := New(t.Context(), instance, s)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// stored is a server with numbers of all kinds, native histograms and labels that need escapes.
func stored(t testing.TB) *prometheustest.Server {
	s := prometheustest.New(t)
	var samples []prometheustest.Sample
	for i := range 60 {
		at := origin.Add(time.Duration(i) * 15 * time.Second)
		samples = append(samples,
			prometheustest.Sample{Labels: labels.FromStrings("__name__", "requests_total", "model", "a", "path", `C:\"x"`), At: at, Value: float64(i) * 1.1},
			prometheustest.Sample{Labels: labels.FromStrings("__name__", "requests_total", "model", "ä\n😀", "path", "hot"), At: at, Value: float64(i*i) / 3},
			prometheustest.Sample{Labels: labels.FromStrings("__name__", "odd", "kind", "nan"), At: at, Value: math.NaN()},
			prometheustest.Sample{Labels: labels.FromStrings("__name__", "odd", "kind", "inf"), At: at, Value: math.Inf(1 - i%2*2)},
			prometheustest.Sample{Labels: labels.FromStrings("__name__", "odd", "kind", "small"), At: at, Value: -5e-324},
			prometheustest.Sample{Labels: labels.FromStrings("__name__", "odd", "kind", "large"), At: at, Value: math.MaxFloat64},
			prometheustest.Sample{Labels: labels.FromStrings("__name__", "latency", "model", "a"), At: at, Histogram: &histogram.FloatHistogram{
				Schema: 1, ZeroThreshold: 0.001, ZeroCount: 2, Count: float64(i) + 7, Sum: 12.5,
				PositiveSpans: []histogram.Span{{Offset: 0, Length: 2}, {Offset: 3, Length: 1}}, PositiveBuckets: []float64{1, float64(i), 3},
				NegativeSpans: []histogram.Span{{Offset: 1, Length: 1}}, NegativeBuckets: []float64{1},
			}},
		)
	}
	s.Append(t, samples...)
	return s
}

// What the server answers is what its own client library reads from it.
func TestAnswersAreThoseOfTheStockClient(t *testing.T) {
	t.Parallel()
	server := stored(t)
	raw, err := api.NewClient(api.Config{Address: server.URL})
	require.NoError(t, err)
	oracle := stock.NewAPI(raw)
	end := origin.Add(14 * time.Minute)
	for _, method := range []string{http.MethodPost, http.MethodGet} {
		client := newClient(t, server.Instance(), func(s *settings.Prometheus) { s.HTTPMethod = method })
		for _, expr := range []string{
			`requests_total`, `odd`, `rate(requests_total[1m])`, `latency`, `{__name__=~".+"}`, `histogram_quantile(0.9, latency)`, `absent(nothing)`, `nothing`, `1/3`, `vector(-0)`,
			`sum by (model) (rate(requests_total[1m]))`, `odd * -1`, `rate(odd[1m])`,
		} {
			t.Run(method+" "+expr, func(t *testing.T) {
				want, warnings, infos, err := oracle.QueryRange(t.Context(), expr, stock.Range{Start: origin, End: end, Step: 15 * time.Second})
				require.NoError(t, err)
				got, err := client.RangePromQL(t.Context(), expr, executor.Range{Start: origin, End: end, Step: 15 * time.Second})
				require.NoError(t, err)
				requireMatrix(t, want.(model.Matrix), got)
				require.ElementsMatch(t, append([]string(warnings), infos...), append(got.Warnings, got.Infos...))

				now, _, _, err := oracle.Query(t.Context(), expr, end)
				require.NoError(t, err)
				got, err = client.InstantPromQL(t.Context(), expr, end)
				require.NoError(t, err)
				requireInstant(t, now, got)
			})
		}
	}
}

func requireMatrix(t *testing.T, want model.Matrix, got series.Result) {
	t.Helper()
	numbers, histograms := 0, 0
	for _, w := range want {
		if len(w.Values) > 0 {
			s := got.Series[numbers]
			numbers++
			requireLabels(t, w.Metric, s.Labels)
			require.Len(t, s.Values, len(w.Values))
			for i, v := range w.Values {
				require.Equal(t, int64(v.Timestamp), s.Times[i])
				require.Equal(t, math.Float64bits(float64(v.Value)), math.Float64bits(s.Values[i]), "%v is not %v", s.Values[i], v.Value)
			}
		}
		if len(w.Histograms) > 0 {
			h := got.Histograms[histograms]
			histograms++
			requireLabels(t, w.Metric, h.Labels)
			require.Len(t, h.Times, len(w.Histograms))
			for i, v := range w.Histograms {
				require.Equal(t, int64(v.Timestamp), h.Times[i])
				require.Len(t, h.Histograms[i], len(v.Histogram.Buckets))
				for j, b := range v.Histogram.Buckets {
					require.Equal(t, [3]float64{float64(b.Lower), float64(b.Upper), float64(b.Count)}, [3]float64{h.Histograms[i][j].Lower, h.Histograms[i][j].Upper, h.Histograms[i][j].Weight})
				}
			}
		}
	}
	require.Len(t, got.Series, numbers)
	require.Len(t, got.Histograms, histograms)
}

func requireInstant(t *testing.T, want model.Value, got series.Result) {
	t.Helper()
	var matrix model.Matrix
	switch v := want.(type) {
	case model.Vector:
		for _, s := range v {
			one := &model.SampleStream{Metric: s.Metric}
			if s.Histogram != nil {
				one.Histograms = []model.SampleHistogramPair{{Timestamp: s.Timestamp, Histogram: s.Histogram}}
			} else {
				one.Values = []model.SamplePair{{Timestamp: s.Timestamp, Value: s.Value}}
			}
			matrix = append(matrix, one)
		}
	case *model.Scalar:
		matrix = model.Matrix{{Values: []model.SamplePair{{Timestamp: v.Timestamp, Value: v.Value}}}}
	default:
		require.Fail(t, "unexpected", "%T", want)
	}
	requireMatrix(t, matrix, got)
}

func requireLabels(t *testing.T, want model.Metric, got map[string]string) {
	t.Helper()
	require.Len(t, got, len(want))
	for name, value := range want {
		require.Equal(t, string(value), got[string(name)])
	}
}

// named selects metrics whose names match a regular expression.
func named(expression string) plan.Select {
	return plan.Select{Matchers: []plan.Matcher{{Label: metricName, Compare: plan.Match, Value: expression}}}
}

func TestLabelValues(t *testing.T) {
	t.Parallel()
	server := stored(t)
	client := newClient(t, server.Instance())
	end := origin.Add(15 * time.Minute)
	values := func(label string, limit int, of ...plan.Select) []string {
		t.Helper()
		got, err := client.LabelValues(t.Context(), label, of, origin, end, limit)
		require.NoError(t, err)
		return got
	}
	require.Equal(t, []string{"latency", "odd", "requests_total"}, values("__name__", 0))
	require.Equal(t, []string{"latency", "odd"}, values("__name__", 2))
	require.Equal(t, []string{"a", "ä\n😀"}, values("model", 0, plan.Select{Metric: "requests_total"}))
	require.Equal(t, []string{"a"}, values("model", 1, plan.Select{Metric: "requests_total"}, plan.Select{Metric: "latency"}))
	require.Equal(t, []string{"inf", "large", "nan", "small"}, values("kind", 0, plan.Select{Metric: "odd"}, plan.Select{Metric: "latency"}))
	require.Empty(t, values("kind", 0, plan.Select{Metric: "nothing"}))
	require.Empty(t, values("a.b/c", 0))

	var many []plan.Select
	for range 200 {
		many = append(many, named("latency|something_that_makes_this_selector_a_long_one_indeed_so_that_not_all_fit"))
	}
	before := server.Requests.Load()
	require.Equal(t, []string{"latency"}, values("__name__", 0, many...))
	require.EqualValues(t, 1, server.Requests.Load()-before, "by their beginnings, in one request")
	before = server.Requests.Load()
	require.Equal(t, []string{"a", "ä\n😀"}, values("model", 0, append(many, plan.Select{Metric: "requests_total"})...))
	require.Greater(t, server.Requests.Load()-before, int64(2), "in several requests")
}

// Google's service knows no regular expression for a metric's name.
func TestLabelValuesWithoutNameExpressions(t *testing.T) {
	t.Parallel()
	client := newClient(t, stored(t).Instance(), func(s *settings.Prometheus) { s.PrometheusType = "Google" })
	got, err := client.LabelValues(t.Context(), "__name__", []plan.Select{named("lat.*|nothing"), {Metric: "odd"}}, origin, origin.Add(time.Hour), 0)
	require.NoError(t, err)
	require.Equal(t, []string{"latency", "odd"}, got)
	_, err = client.LabelValues(t.Context(), "__name__", []plan.Select{{Metric: "odd", Matchers: []plan.Matcher{{Label: "kind", Compare: plan.Equal, Value: "nan"}}}}, origin, origin.Add(time.Hour), 0)
	require.ErrorContains(t, err, "only for selectors by name")
}

func TestLongRangesAreSplit(t *testing.T) {
	t.Parallel()
	server := stored(t)
	whole := newClient(t, server.Instance())
	parts := newClient(t, server.Instance(), func(s *settings.Prometheus) { s.MaxQueryRange = time.Minute })
	end := origin.Add(14*time.Minute + 7*time.Second)
	for _, expr := range []string{
		`requests_total`, `latency`, `1`, `odd`, `increase(requests_total[5m] @ end())`, `requests_total and on (model) topk(1, increase(requests_total[5m] @ start()))`,
		`max_over_time(rate(requests_total[1m])[2m:] @ end())`, `nothing`,
	} {
		want, err := whole.RangePromQL(t.Context(), expr, executor.Range{Start: origin, End: end, Step: 15 * time.Second})
		require.NoError(t, err)
		before := server.Requests.Load()
		got, err := parts.RangePromQL(t.Context(), expr, executor.Range{Start: origin, End: end, Step: 15 * time.Second})
		require.NoError(t, err)
		require.Equal(t, int64(15), server.Requests.Load()-before, expr)
		requireSame(t, want, got, expr)
	}
	// 20,001 steps are more than Prometheus answers at once.
	got, err := whole.RangePromQL(t.Context(), "time()", executor.Range{Start: origin, End: origin.Add(20 * time.Second), Step: time.Millisecond})
	require.NoError(t, err)
	require.Len(t, got.Series[0].Values, 20_001)
	_, err = parts.RangePromQL(t.Context(), "sum(nonsense", executor.Range{Start: origin, End: end, Step: 15 * time.Second})
	require.ErrorContains(t, err, "parse error")
	few := newClient(t, server.Instance(), func(s *settings.Prometheus) { s.ResponseLimits.Samples = 20_000 })
	_, err = few.RangePromQL(t.Context(), "time()", executor.Range{Start: origin, End: origin.Add(20 * time.Second), Step: time.Millisecond})
	require.ErrorContains(t, err, "the limit of 20000 samples", "the parts' samples are counted together")
}

// requireSame compares bit by bit, so that NaN is NaN.
func requireSame(t *testing.T, want, got series.Result, about string) {
	t.Helper()
	require.Len(t, got.Series, len(want.Series), about)
	for i, w := range want.Series {
		require.Equal(t, w.Labels, got.Series[i].Labels, about)
		require.Equal(t, w.Times, got.Series[i].Times, about)
		for j, v := range w.Values {
			require.Equal(t, math.Float64bits(v), math.Float64bits(got.Series[i].Values[j]), about)
		}
	}
	require.Equal(t, want.Histograms, got.Histograms, about)
	require.Equal(t, want.Warnings, got.Warnings, about)
	require.Equal(t, want.Infos, got.Infos, about)
}

func TestSplit(t *testing.T) {
	t.Parallel()
	at := func(s int) time.Time { return origin.Add(time.Duration(s) * time.Second) }
	require.Equal(t, []span{{at(0), at(100)}}, split(at(0), at(100), time.Second, 0))
	require.Equal(t, []span{{at(0), at(10_999)}}, split(at(0), at(10_999), time.Second, 0))
	require.Equal(t, []span{{at(0), at(10_999)}, {at(11_000), at(11_000)}}, split(at(0), at(11_000), time.Second, 0))
	require.Equal(t, []span{{at(0), at(50)}, {at(60), at(105)}}, split(at(0), at(105), 10*time.Second, time.Minute))
	require.Equal(t, []span{{at(0), at(0)}, {at(120), at(120)}}, split(at(0), at(120), 2*time.Minute, time.Minute), "a step longer than the longest range")
}

func TestPin(t *testing.T) {
	t.Parallel()
	whole := span{time.Unix(100, 0), time.Unix(200, 0)}
	for expr, want := range map[string]string{
		"up":                                     "up",
		"up @ end()":                             "up @ 200.000",
		"sum by (a) (increase(x[5m] @ start()))": "sum by (a) (increase(x[5m] @ 100.000))",
		"max_over_time(x[5m:1m] @ end())":        "max_over_time(x[5m:1m] @ 200.000)",
		"up @ 5":                                 "up @ 5",
	} {
		got, ok := pin(expr, whole)
		require.True(t, ok)
		require.Equal(t, want, got)
	}
	_, ok := pin("rate(x) default 0", whole)
	require.False(t, ok, "MetricsQL")
}

func TestFallbackToGET(t *testing.T) {
	t.Parallel()
	server := prometheustest.New(t)
	var posts int
	server.Intercept = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPost {
			return false
		}
		posts++
		w.WriteHeader(http.StatusMethodNotAllowed)
		return true
	}
	client := newClient(t, server.Instance())
	for range 3 {
		_, err := client.InstantPromQL(t.Context(), "1", origin)
		require.NoError(t, err)
	}
	require.Equal(t, 1, posts, "it is not tried again")
}

// The clocks are compared by when an answer says that it was written.
func TestClocksAreCompared(t *testing.T) {
	t.Parallel()
	for date, c := range map[string]struct{ least, most time.Duration }{
		time.Now().Add(-10 * time.Minute).UTC().Format(http.TimeFormat): {10 * time.Minute, 11 * time.Minute},
		time.Now().Add(10 * time.Minute).UTC().Format(http.TimeFormat):  {0, 0},
		"yesterday": {0, 0},
	} {
		client := answering(t, saying(200, "application/json", one, "Date", date))
		_, err := ask(t, client)
		require.NoError(t, err)
		require.GreaterOrEqual(t, client.Behind(), c.least)
		require.LessOrEqual(t, client.Behind(), c.most)
	}
}

func TestServerIsDetected(t *testing.T) {
	t.Parallel()
	server := prometheustest.New(t)
	client := newClient(t, server.Instance())
	for range 2 {
		got, err := client.Server(t.Context())
		require.NoError(t, err)
		require.Equal(t, "Prometheus "+prometheustest.Version, got.String())
		require.Equal(t, all, got.Features)
	}
	require.Equal(t, int64(1), server.Requests.Load())
}

func TestServerTypes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"version": "2.24.0"}`: "VictoriaMetrics",
		`{"version": "2.45.0", "revision": "x", "goVersion": "go1.20"}`:                          "Prometheus",
		`{"version": "0.36.1", "revision": "x", "goVersion": "go1.20"}`:                          "Thanos",
		`{"application": "Grafana Mimir", "version": "2.14.0", "revision": "", "goVersion": ""}`: "Mimir",
		`{"application": "Grafana Enterprise Metrics", "version": "2.14.0", "revision": ""}`:     "Mimir",
		`{"application": "cortex", "version": "1.19.0", "revision": "x"}`:                        "Cortex",
	} {
		var info buildInfo
		require.NoError(t, decodeJSON(reader(text), &info))
		require.Equal(t, ServerType(want), info.serverType(""), text)
	}
	require.Equal(t, VictoriaMetricsCluster, buildInfo{Version: "2.24.0"}.serverType("/select/0/prometheus"))
	for url, want := range map[string]ServerType{
		"https://aps-workspaces.eu-central-1.amazonaws.com/workspaces/ws-1":          Amazon,
		"https://monitoring.googleapis.com/v1/projects/p/location/global/prometheus": Google,
		"https://x.eastus.prometheus.monitor.azure.com":                              Azure,
		"https://prometheus-prod-01.grafana.net/api/prom":                            GrafanaCloud,
		"http://prometheus:9090":                                                     "",
		"https://amazonaws.com.evil.example":                                         "",
	} {
		require.Equal(t, want, newClient(t, backend.DataSourceInstanceSettings{URL: url}).serverTypeOfHost(), url)
	}
	require.False(t, newServer(Prometheus, "2.39.1").Features.NativeHistograms)
	require.True(t, newServer(Prometheus, "2.40.0-rc.1").Features.NativeHistograms)
	require.False(t, newServer(Thanos, "0.9.9").Features.NativeHistograms)
	require.True(t, newServer(Prometheus, "").Features.NativeHistograms)
	// The names that settings accept are those of the types.
	for f := range known {
		_, err := settings.Decode([]byte(`{"mode": "prometheus", "prometheus": {"prometheusType": "`+string(f)+`"}}`), nil)
		require.NoError(t, err)
	}
}

func TestCancelledRequestsEndAtOnce(t *testing.T) {
	t.Parallel()
	server := prometheustest.New(t)
	arrived, gone := make(chan struct{}), make(chan struct{})
	server.Intercept = func(_ http.ResponseWriter, r *http.Request) bool {
		_, _ = io.Copy(io.Discard, r.Body) // a server notices who has gone only behind the request's body
		close(arrived)
		<-r.Context().Done()
		close(gone)
		return true
	}
	client := newClient(t, server.Instance())
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		<-arrived
		cancel(context.Canceled)
	}()
	_, err := client.InstantPromQL(ctx, "1", origin)
	require.ErrorIs(t, err, context.Canceled)
	<-gone
}

func reader(text string) io.Reader { return strings.NewReader(text) }
