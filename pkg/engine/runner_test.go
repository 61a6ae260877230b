package engine

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend/log"
	"github.com/prometheus/prometheus/model/labels"
	engineql "github.com/prometheus/prometheus/promql"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/admission"
	"github.com/coldhit/modelserving-datasource/pkg/executor"
	"github.com/coldhit/modelserving-datasource/pkg/settings"
)

// filled is an engine whose storage has series of a counter by model and bucket over the last hour, one sample every 15 s.
func filled(t *testing.T, limits admission.Limits, models int) (e *engine, end time.Time) {
	t.Helper()
	s := settings.Embedded{Interval: 15 * time.Second, ScrapeTimeout: time.Second, RetentionTime: 24 * time.Hour}
	e, err := openEngine(Key{OrgID: 1, UID: "x"}, Options{DataPath: t.TempDir(), Logger: log.NewNullLogger()}, newQueryRunner(admission.New(limits)), s)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.close()) })
	apply(t, e, s)
	end = time.Now().Truncate(15 * time.Second)
	for at := end.Add(-time.Hour); !at.After(end); at = at.Add(15 * time.Second) {
		appender := e.db.Appender(t.Context())
		for model := range models {
			for bucket := range 5 {
				_, err := appender.Append(0, labels.FromStrings("__name__", "x_bucket", "model", fmt.Sprint("model", model), "le", fmt.Sprint(bucket)), at.UnixMilli(), float64(at.Unix()*int64(bucket)))
				require.NoError(t, err)
			}
		}
		require.NoError(t, appender.Commit())
	}
	return e, end
}

// TestEvaluationsTakeNoMoreThanReserved compares with what Prometheus's engine counts while it evaluates.
func TestEvaluationsTakeNoMoreThanReserved(t *testing.T) {
	e, end := filled(t, admission.Limits{}, 40)
	for _, expr := range []string{
		"x_bucket", "rate(x_bucket[5m])", "sum by (le) (rate(x_bucket[5m]))", `x_bucket{model="model1"}`, "x_bucket offset 30m", "x_bucket @ end()",
		"histogram_quantile(0.9, sum by (model, le) (rate(x_bucket[1m])))", "x_bucket / on (model) group_left () sum by (model) (x_bucket)",
		"max_over_time(x_bucket[30m])", "max_over_time(rate(x_bucket[5m])[30m:1m])", "max_over_time(max_over_time(x_bucket[30m:1m])[10m:30s])",
		"x_bucket or x_bucket offset 5m or x_bucket offset 10m", "topk(5, x_bucket) + ignoring (le) group_left () max by (model) (x_bucket)",
		"sum(x_bucket) and on () (count(x_bucket) > 5)", "label_replace(x_bucket, \"a\", \"$1\", \"model\", \"(.*)\")", "vector(1)", "absent(x_bucket)", "time()",
		"quantile_over_time(0.5, x_bucket[1h])", "x_bucket @ 100", "sort(x_bucket)", "count_values(\"v\", x_bucket)",
	} {
		query, err := e.promql.engine.NewRangeQuery(t.Context(), e.db, engineql.NewPrometheusQueryOpts(false, time.Minute, nil), expr, end.Add(-time.Hour), end, 15*time.Second)
		require.NoError(t, err, expr)
		statement := query.Statement()
		require.NotNil(t, statement)
		reserved, err := e.memoryOf(t.Context(), query)
		require.NoError(t, err, expr)
		require.NoError(t, query.Exec(t.Context()).Err, expr)
		const sampleBytes = 16
		peak := int64(query.Stats().Samples.PeakSamples) * sampleBytes
		require.LessOrEqual(t, peak, reserved+4*241*sampleBytes, "%s: of scalars nothing is reserved", expr)
		query.Close()
	}
}

func TestSeriesAreCountedWhereMuchMayBeRead(t *testing.T) {
	e, end := filled(t, admission.Limits{}, 400)
	reserved := func(expr string) int64 {
		query, err := e.promql.engine.NewRangeQuery(t.Context(), e.db, engineql.NewPrometheusQueryOpts(false, time.Minute, nil), expr, end.Add(-time.Hour), end, 5*time.Second)
		require.NoError(t, err)
		defer query.Close()
		bytes, err := e.memoryOf(t.Context(), query)
		require.NoError(t, err)
		return bytes
	}
	require.InDelta(t, 2000*(721*evaluatedSampleBytes+seriesBytes), reserved("x_bucket"), 1)
	require.InDelta(t, 5*(721*evaluatedSampleBytes+seriesBytes), reserved(`x_bucket{model="model7"}`), 1)
	require.InDelta(t, 5*(721*evaluatedSampleBytes+seriesBytes), reserved(`x_bucket{model="model7"} offset 1w`), 1, "of any time")
	require.Zero(t, reserved(`x_bucket{model="none"}`))
	require.Less(t, reserved("sum by (le) (rate(x_bucket[30d]))"), reserved("sum by (le) (x_bucket)")+(6<<20), "a window is held of one series at a time")
}

func TestQueriesWaitForMemoryAndLeaveTheirSlot(t *testing.T) {
	e, end := filled(t, admission.Limits{Slots: 2, Memory: 40 << 20, OrganizationMemory: 39 << 20, AlertMemory: 1 << 20, Wait: 30 * time.Second}, 400)
	request := e.promql.admission.Begin(admission.Tenant{OrgID: 1, DataSource: "x"}, admission.Panel)
	defer request.End()
	hog := e.promql.admission.Begin(admission.Tenant{OrgID: 1, DataSource: "y"}, admission.Panel)
	require.NoError(t, hog.Take(t.Context(), 20<<20))
	whole := executor.Range{Start: end.Add(-time.Hour), End: end, Step: 5 * time.Second}
	done := make(chan error, 1)
	go func() { // needs 30 MB
		_, err := e.rangeQuery(admission.WithRequest(t.Context(), request), "count(x_bucket)", whole)
		done <- err
	}()
	small := func() error {
		_, err := e.instantQuery(admission.WithRequest(t.Context(), request), "vector(1)", end)
		return err
	}
	for range 20 {
		require.NoError(t, small(), "the slot is free while the other one waits for memory")
	}
	select {
	case err := <-done:
		t.Fatalf("it did not wait for memory: %v", err)
	default:
	}
	hog.End()
	require.NoError(t, <-done)

	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := e.rangeQuery(admission.WithRequest(cancelled, request), "count(x_bucket)", whole)
	require.ErrorIs(t, err, context.Canceled)
}

// TestSeriesOfEachValueAreRefused sends what makes a series of each sample, for each of which Prometheus's engine makes room for all steps.
func TestSeriesOfEachValueAreRefused(t *testing.T) {
	e, end := filled(t, admission.Limits{}, 1)
	for _, expr := range []string{`count_values("v", vector(time()))`, `count_values("v", x_bucket)`, `max_over_time(count_values("v", vector(time()))[1d:10s])`} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := e.rangeQuery(t.Context(), expr, executor.Range{Start: end.Add(-4999 * time.Second), End: end, Step: time.Second})
		runtime.ReadMemStats(&after)
		var limit *admission.LimitError
		require.ErrorAs(t, err, &limit, "%s: allocated %d MiB", expr, (after.TotalAlloc-before.TotalAlloc)>>20)
		require.Equal(t, admission.EvaluationMemory, limit.Bound, expr)
	}
	_, err := e.rangeQuery(t.Context(), `count_values("v", x_bucket)`, executor.Range{Start: end.Add(-time.Hour), End: end, Step: 10 * time.Second})
	require.NoError(t, err)
}

func TestResultsCountAgainstTheirRequest(t *testing.T) {
	e, end := filled(t, admission.Limits{RequestMemory: 1 << 20}, 40)
	request := e.promql.admission.Begin(admission.Tenant{OrgID: 1, DataSource: "x"}, admission.Panel)
	defer request.End()
	whole := executor.Range{Start: end.Add(-time.Hour), End: end, Step: 5 * time.Second}
	_, err := e.rangeQuery(admission.WithRequest(t.Context(), request), "x_bucket", whole)
	var limit *admission.LimitError
	require.ErrorAs(t, err, &limit)
	require.Equal(t, admission.RequestMemory, limit.Bound)
	_, err = e.rangeQuery(t.Context(), "x_bucket", whole)
	require.ErrorAs(t, err, &limit, "the plugin's own queries are bounded, too")
	_, err = e.rangeQuery(admission.WithRequest(t.Context(), request), "sum(x_bucket)", whole)
	require.NoError(t, err)
}

// TestCancelledQueriesLeaveAtOnce runs what may visit most samples of one series, within which Prometheus's engine does not look whether
// its query was cancelled.
func TestCancelledQueriesLeaveAtOnce(t *testing.T) {
	e, end := filled(t, admission.Limits{}, 1)
	for _, expr := range []string{"max_over_time(vector(1)[5h:1s])", "quantile_over_time(0.5, vector(1)[17m:1s])", "sum(max_over_time(rate(x_bucket[5m])[5h:1s]))"} {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			_, err := e.rangeQuery(ctx, expr, executor.Range{Start: end, End: end.Add(10_999 * time.Second), Step: time.Second})
			done <- err
		}()
		require.Eventually(t, func() bool { return e.promql.admission.Running() == 1 }, 5*time.Second, time.Millisecond, expr)
		cancelled := time.Now()
		cancel()
		err := <-done
		t.Logf("%s left %s after it was cancelled: %v", expr, time.Since(cancelled).Round(time.Millisecond), err)
		require.ErrorIs(t, err, context.Canceled, expr)
		require.Less(t, time.Since(cancelled), 5*time.Second, expr)
		require.Zero(t, e.promql.admission.Running())
	}
}
