package engine

import (
	"context"
	"fmt"
	"math"
	"time"

	engineql "github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"

	"github.com/coldhit/modelserving-datasource/pkg/admission"
	"github.com/coldhit/modelserving-datasource/pkg/expression"
	"github.com/coldhit/modelserving-datasource/pkg/series"
)

const (
	// maxQuerySamples bounds what one query holds in memory: some 160 MB.
	maxQuerySamples = 10_000_000
	// maxQueryTime bounds one query.
	maxQueryTime = time.Minute

	// evaluatedSampleBytes is a sample in the engine, with a quarter for what grows beside it.
	evaluatedSampleBytes = 20
	// allocatedSampleBytes is a sample in the engine by itself.
	allocatedSampleBytes = 16
	// seriesBytes is about what a series of a result takes beside its samples: a map of its labels.
	seriesBytes = 500
	// resultSampleBytes is a sample of a result, with the copy that is made of it on its way to a frame.
	resultSampleBytes = 40
	// unboundedBytes is more than any limit, and a sum of many of them is still a number.
	unboundedBytes = 1 << 48
	// unmeasuredBytes is what a query may need for its series not to be counted before.
	unmeasuredBytes = 8 << 20
)

// queryRunner evaluates PromQL over any engine's storage.
type queryRunner struct {
	engine    *engineql.Engine
	admission *admission.Controller
}

func newQueryRunner(controller *admission.Controller) *queryRunner {
	return &queryRunner{
		admission: controller,
		engine: engineql.NewEngine(engineql.EngineOpts{
			Logger:                   bridge(nil, ""),
			MaxSamples:               maxQuerySamples,
			Timeout:                  maxQueryTime,
			EnableAtModifier:         true,
			EnableNegativeOffset:     true,
			Parser:                   parser.NewParser(parser.Options{}),
			NoStepSubqueryIntervalFn: func(int64) int64 { return time.Minute.Milliseconds() },
		}),
	}
}

// errTooLong is the cause of the end of a query that ran too long.
var errTooLong = fmt.Errorf("the query ran longer than %s: choose a shorter range, a longer step or fewer series", maxQueryTime)

// newQuery is one of the PromQL engine's constructors with its arguments bound.
type newQuery func(ctx context.Context, options engineql.QueryOpts) (engineql.Query, error)

// enter waits for a slot for the request that ctx carries, or for what the plugin does by itself. leave gives it back.
func (r *queryRunner) enter(ctx context.Context, e *engine) (request *admission.Request, leave func(), err error) {
	if request = admission.FromContext(ctx); request != nil {
		leave, err = request.Enter(ctx, 0)
		return request, leave, err
	}
	request = r.admission.Begin(admission.Tenant{OrgID: e.key.OrgID, DataSource: e.key.UID}, admission.Background)
	left, err := request.Enter(ctx, 0)
	if err != nil {
		return nil, nil, err
	}
	return request, func() { left(); request.End() }, nil
}

// run waits for a slot and for memory, and evaluates. An ended ctx is answered with its own error.
func (r *queryRunner) run(ctx context.Context, e *engine, create newQuery) (series.Result, error) {
	request, leave, err := r.enter(ctx, e)
	if err != nil {
		return series.Result{}, err
	}
	defer func() { leave() }()
	query, err := create(ctx, engineql.NewPrometheusQueryOpts(false, e.lookback(), nil))
	if err != nil {
		return series.Result{}, fmt.Errorf("the query cannot be read: %w", err)
	}
	defer query.Close()
	bytes, err := e.memoryOf(ctx, query)
	if err != nil {
		return series.Result{}, err
	}
	if shrink, ok := request.TryGrow(bytes); ok {
		defer shrink()
	} else { // others have what it needs: the slot is theirs meanwhile
		leave()
		leave = func() {}
		reentered, err := request.Enter(ctx, bytes)
		if err != nil {
			return series.Result{}, err
		}
		leave = reentered
	}
	result := query.Exec(ctx)
	if result.Err != nil {
		return series.Result{}, explainQuery(ctx, result.Err)
	}
	if err := request.Take(ctx, resultBytes(result.Value)); err != nil {
		return series.Result{}, err
	}
	answer, err := resultOf(result.Value)
	const most = 10
	warnings, infos := result.Warnings.AsStrings(query.String(), most, most)
	answer.Warnings, answer.Infos = append(warnings, answer.Warnings...), infos
	return answer, err
}

// memoryOf is how many bytes the evaluation of a query takes at most, by how many series its selectors have. The error is of a query
// that could not be stopped.
func (e *engine) memoryOf(ctx context.Context, query engineql.Query) (int64, error) {
	statement, ok := query.Statement().(*parser.EvalStmt)
	if !ok {
		return 0, fmt.Errorf("the query is a %T, not an expression", query.Statement())
	}
	cost := expression.Estimate(statement, e.scrapeInterval(), e.history())
	if err := cost.Check(); err != nil {
		return 0, err
	}
	stored := e.db.SeriesBound()
	constant := evaluationBytes(1, expression.Leaf{Points: cost.Constants, Allocated: cost.Allocated}, 0)
	bound := constant
	for _, leaf := range cost.Leaves {
		bound += evaluationBytes(stored, leaf, cost.Growth)
	}
	if bound <= unmeasuredBytes {
		return bound, nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, maxQueryTime, errTooLong)
	defer cancel()
	bytes := constant
	for _, leaf := range cost.Leaves {
		n, err := e.countSeries(ctx, leaf, statement)
		if err != nil {
			return 0, err
		}
		bytes += evaluationBytes(n, leaf, cost.Growth)
	}
	return bytes, nil
}

// history is how long ago the oldest sample is. It is a day longer, because targets may write times that are ahead.
func (e *engine) history() time.Duration {
	const slack = 24 * time.Hour
	oldest, err := e.db.StartTime()
	if err != nil || oldest == math.MaxInt64 {
		return slack
	}
	return time.Since(time.UnixMilli(oldest)) + slack
}

// evaluationBytes is what so many series of a leaf take. More samples than the engine holds it refuses, but not room for more.
func evaluationBytes(seriesCount int64, leaf expression.Leaf, growth float64) int64 {
	samples := min(seriesCount*leaf.Points, maxQuerySamples) * evaluatedSampleBytes
	room := min(float64(seriesCount)*float64(leaf.Allocated)*allocatedSampleBytes, unboundedBytes)
	return max(samples, int64(room)) + int64(float64(seriesCount)*seriesBytes*growth)
}

// countSeries counts the series that a selector has in the range that is read, without their samples.
func (e *engine) countSeries(ctx context.Context, leaf expression.Leaf, statement *parser.EvalStmt) (n int64, err error) {
	start, end := statement.Start.Add(-leaf.Window).UnixMilli(), statement.End.UnixMilli()
	if leaf.AnyTime {
		start, end = math.MinInt64, math.MaxInt64
	}
	querier, err := e.db.Querier(start, end)
	if err != nil {
		return 0, fmt.Errorf("read the storage: %w", err)
	}
	defer func() { _ = querier.Close() }()
	set := querier.Select(ctx, false, &storage.SelectHints{Start: start, End: end, Func: "series", DisableTrimming: true}, leaf.Matchers...)
	for set.Next() {
		n++
	}
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	if err := set.Err(); err != nil {
		return 0, fmt.Errorf("read the storage: %w", err)
	}
	return n, nil
}

// resultBytes is what a value takes once it is a result. A native histogram's buckets are its samples.
func resultBytes(value parser.Value) int64 {
	const bucketsPerHistogram = 40
	switch v := value.(type) {
	case engineql.Matrix:
		samples := 0
		for _, s := range v {
			samples += len(s.Floats) + bucketsPerHistogram*len(s.Histograms)
		}
		return int64(samples)*resultSampleBytes + int64(len(v))*seriesBytes
	case engineql.Vector:
		return int64(len(v)) * (resultSampleBytes + seriesBytes)
	}
	return resultSampleBytes
}
