package telemetry

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"

	"github.com/coldhit/modelserving-datasource/pkg/executor"
	"github.com/coldhit/modelserving-datasource/pkg/plan"
	"github.com/coldhit/modelserving-datasource/pkg/series"
	"github.com/coldhit/modelserving-datasource/pkg/telemetry/telemetrytest"
)

// fixed returns one result for everything.
type fixed struct {
	result series.Result
	err    error
}

func (f fixed) Range(context.Context, plan.Node, executor.Range) (series.Result, error) {
	return f.result, f.err
}
func (f fixed) Instant(context.Context, plan.Node, executor.Instant) (series.Result, error) {
	return f.result, f.err
}
func (f fixed) RangePromQL(context.Context, string, executor.Range) (series.Result, error) {
	return f.result, f.err
}
func (f fixed) InstantPromQL(context.Context, string, time.Time) (series.Result, error) {
	return f.result, f.err
}
func (f fixed) LabelValues(context.Context, string, []plan.Select, time.Time, time.Time, int) ([]string, error) {
	return []string{"a", "b"}, f.err
}
func (fixed) Grid() executor.Grid { return executor.Scraped(7 * time.Second) }

var (
	up   = plan.Last{Of: plan.Select{Metric: "up"}}
	noon = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)
	hour = executor.Range{Start: noon, End: noon.Add(time.Hour), Step: time.Minute, Span: time.Hour}
)

// runs are the ways in which an executor evaluates, by the names of their spans.
var runs = map[string]func(context.Context, Store) (series.Result, error){
	"plan range": func(ctx context.Context, s Store) (series.Result, error) { return s.Range(ctx, up, hour) },
	"plan instant": func(ctx context.Context, s Store) (series.Result, error) {
		return s.Instant(ctx, up, executor.Instant{At: noon})
	},
	"promql range":   func(ctx context.Context, s Store) (series.Result, error) { return s.RangePromQL(ctx, "up", hour) },
	"promql instant": func(ctx context.Context, s Store) (series.Result, error) { return s.InstantPromQL(ctx, "up", noon) },
}

func TestEachPlanHasASpan(t *testing.T) {
	t.Parallel()
	store := Observe(fixed{result: series.Result{Series: make([]series.Series, 3)}}, "spans")
	require.Equal(t, executor.Scraped(7*time.Second), store.Grid())
	for name, run := range runs {
		ctx, ended := telemetrytest.Record(t, t.Context())
		ctx, counts := WithCounts(ctx)
		result, err := run(ctx, store)
		require.NoError(t, err)
		require.Len(t, result.Series, 3)
		require.EqualValues(t, 1, counts.Plans())
		spans := telemetrytest.Named(ended(), name)
		require.Len(t, spans, 1, name)
		steps := int64(61)
		if strings.HasSuffix(name, "instant") {
			steps = 1
		}
		require.Equal(t, map[string]any{"executor": "spans", "promql": "up", "steps": steps, "series": int64(3), "histograms": int64(0)},
			telemetrytest.Attributes(spans[0]), name)
		require.Equal(t, codes.Unset, spans[0].Status.Code)
	}
	require.EqualValues(t, len(runs), testutil.ToFloat64(plans.WithLabelValues("spans", "success")))
}

func TestListingsHaveASpanAndAreNoPlans(t *testing.T) {
	t.Parallel()
	ctx, ended := telemetrytest.Record(t, t.Context())
	ctx, counts := WithCounts(ctx)
	values, err := Observe(fixed{}, "listing").LabelValues(ctx, "model", nil, noon, noon, 0)
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b"}, values)
	require.Zero(t, counts.Plans())
	require.Equal(t, map[string]any{"executor": "listing", "label": "model", "selections": int64(0), "values": int64(2)},
		telemetrytest.Attributes(telemetrytest.Named(ended(), "label values")[0]))
}

func TestErrorsOfPlansAreInSpansAndMetrics(t *testing.T) {
	t.Parallel()
	store := Observe(fixed{err: errors.New("the server is down")}, "failing")
	for name, run := range runs {
		ctx, ended := telemetrytest.Record(t, t.Context())
		_, err := run(ctx, store)
		require.EqualError(t, err, "the server is down")
		span := telemetrytest.Named(ended(), name)[0]
		require.Equal(t, codes.Error, span.Status.Code)
		require.Equal(t, "the server is down", span.Status.Description)
		require.Len(t, span.Events, 1, "the error is recorded")
	}
	require.EqualValues(t, len(runs), testutil.ToFloat64(plans.WithLabelValues("failing", "error")))
}

func TestCancelledPlansAreNoErrors(t *testing.T) {
	t.Parallel()
	ctx, ended := telemetrytest.Record(t, t.Context())
	_, err := Observe(fixed{err: context.Canceled}, "cancelled").Range(ctx, up, hour)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, codes.Unset, telemetrytest.Named(ended(), "plan range")[0].Status.Code)
	require.EqualValues(t, 1, testutil.ToFloat64(plans.WithLabelValues("cancelled", "cancelled")))
}

func TestLongTextsAreCutBetweenCharacters(t *testing.T) {
	t.Parallel()
	require.Equal(t, "up", truncate("up"))
	require.Equal(t, strings.Repeat("x", maxTextBytes-1)+"…", truncate(strings.Repeat("x", maxTextBytes-1)+"ü and more"))
}

func TestEmptyRangesHaveNoSteps(t *testing.T) {
	t.Parallel()
	require.Zero(t, stepsOf(executor.Range{Start: noon, End: noon}))
	require.Zero(t, stepsOf(executor.Range{Start: noon, End: noon.Add(-time.Second), Step: time.Second}))
}

func TestQueriesAreCountedWithWhatTheyDid(t *testing.T) {
	t.Parallel()
	ctx, ended := telemetrytest.Record(t, t.Context())
	within, q := BeginQuery(ctx, "kind-of-test")
	_, err := Observe(fixed{}, "of-query").Range(within, up, hour)
	require.NoError(t, err)
	CountSteps(within, 40, 21)
	CountSteps(ctx, 1000, 1000) // of no query
	require.Positive(t, q.End(DownstreamError, 2, 122, errors.New("x")))
	spans := ended()
	span := telemetrytest.Named(spans, "query")[0]
	require.Equal(t, map[string]any{
		"type": "kind-of-test", "outcome": "downstream_error", "series": int64(2), "points": int64(122), "plans": int64(1),
		"cached_steps": int64(40), "queried_steps": int64(21),
	}, telemetrytest.Attributes(span))
	require.Equal(t, codes.Error, span.Status.Code)
	require.Equal(t, span.SpanContext.SpanID(), telemetrytest.Named(spans, "plan range")[0].Parent.SpanID(), "plans are parts of their query")
	require.EqualValues(t, 1, testutil.ToFloat64(queries.WithLabelValues("kind-of-test", "downstream_error")))
}

func TestCachesEndAndTheirHitsStay(t *testing.T) {
	t.Parallel()
	all := &Caches{}
	registry := prometheus.NewRegistry()
	registry.MustRegister(all)
	one := CacheCounts{Entries: 2, Bytes: 300, Hits: 10, Misses: 4}
	remove := all.Add(func() CacheCounts { return one })
	all.Add(func() CacheCounts { return CacheCounts{Entries: 1, Bytes: 50, Hits: 1, Misses: 1} })
	expect := func(entries, bytes, hits, misses string) {
		t.Helper()
		require.NoError(t, testutil.GatherAndCompare(registry, strings.NewReader(`
# HELP modelserving_plugin_query_cache_entries Results in the query cache.
# TYPE modelserving_plugin_query_cache_entries gauge
modelserving_plugin_query_cache_entries `+entries+`
# HELP modelserving_plugin_query_cache_size_bytes Estimated memory of the results in the query cache.
# TYPE modelserving_plugin_query_cache_size_bytes gauge
modelserving_plugin_query_cache_size_bytes `+bytes+`
# HELP modelserving_plugin_query_cache_steps_total Steps of range queries that came from the query cache (hit), or that it fetched from the server (miss).
# TYPE modelserving_plugin_query_cache_steps_total counter
modelserving_plugin_query_cache_steps_total{result="hit"} `+hits+`
modelserving_plugin_query_cache_steps_total{result="miss"} `+misses+`
`)))
	}
	expect("3", "350", "11", "5")
	one.Hits = 12
	remove()
	remove()
	expect("1", "50", "13", "5")
}
