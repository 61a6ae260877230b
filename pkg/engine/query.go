package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	engineql "github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"

	"github.com/coldhit/modelserving-datasource/pkg/executor"
	"github.com/coldhit/modelserving-datasource/pkg/plan"
	"github.com/coldhit/modelserving-datasource/pkg/promql"
	"github.com/coldhit/modelserving-datasource/pkg/series"
)

// maxPoints bounds a series of an answer, as Prometheus's own API does.
const maxPoints = 11_000

func explainQuery(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var (
		timeout engineql.ErrQueryTimeout
		samples engineql.ErrTooManySamples
	)
	switch {
	case errors.As(err, &timeout):
		return errTooLong
	case errors.As(err, &samples):
		return fmt.Errorf("the query needs more than %d samples at once: choose a shorter range, a longer step or fewer series",
			maxQuerySamples)
	}
	return fmt.Errorf("the query failed: %w", err)
}

func resultOf(value parser.Value) (series.Result, error) {
	var answer series.Result
	switch v := value.(type) {
	case engineql.Matrix:
		for _, s := range v {
			if len(s.Histograms) > 0 {
				answer.Histograms = append(answer.Histograms, histogramsOf(s))
			}
			if len(s.Floats) == 0 {
				continue
			}
			one := series.Series{Labels: s.Metric.Map(), Times: make([]int64, len(s.Floats)), Values: make([]float64, len(s.Floats))}
			for i, point := range s.Floats {
				one.Times[i], one.Values[i] = point.T, point.F
			}
			answer.Series = append(answer.Series, one)
		}
	case engineql.Vector:
		for _, s := range v {
			if s.H != nil {
				answer.Histograms = append(answer.Histograms, series.Histograms{
					Labels: s.Metric.Map(), Times: []int64{s.T}, Histograms: [][]series.Bucket{bucketsOf(s.H)},
				})
				continue
			}
			answer.Series = append(answer.Series, series.Series{Labels: s.Metric.Map(), Times: []int64{s.T}, Values: []float64{s.F}})
		}
	case engineql.Scalar:
		answer.Series = []series.Series{{Labels: map[string]string{}, Times: []int64{v.T}, Values: []float64{v.V}}}
	default:
		return answer, fmt.Errorf("the query answers a %s: only numbers over time can be shown", value.Type())
	}
	return answer, nil
}

func histogramsOf(s engineql.Series) series.Histograms {
	out := series.Histograms{Labels: s.Metric.Map()}
	for _, point := range s.Histograms {
		out.Times = append(out.Times, point.T)
		out.Histograms = append(out.Histograms, bucketsOf(point.H))
	}
	return out
}

func bucketsOf(h *histogram.FloatHistogram) []series.Bucket {
	var out []series.Bucket
	for buckets := h.AllBucketIterator(); buckets.Next(); {
		if b := buckets.At(); b.Count > 0 {
			out = append(out, series.Bucket{Lower: b.Lower, Upper: b.Upper, Weight: b.Count})
		}
	}
	return out
}

// rangeQuery evaluates expr at every step of r.
func (e *engine) rangeQuery(ctx context.Context, expr string, r executor.Range) (series.Result, error) {
	start, end, step := r.Start, r.End, r.Step
	if step < time.Millisecond {
		return series.Result{}, fmt.Errorf("the step %s is shorter than a millisecond, which is the finest there is", step)
	}
	if end.Before(start) {
		return series.Result{}, errors.New("the range is empty: it ends before it starts")
	}
	if points := end.Sub(start)/step + 1; points > maxPoints {
		return series.Result{}, fmt.Errorf("the range has %d steps of %s and %d are allowed: choose a longer step or a shorter range",
			points, step, maxPoints)
	}
	ctx, done, err := e.use(ctx)
	if err != nil {
		return series.Result{}, err
	}
	defer done()
	return e.promql.run(ctx, e, func(ctx context.Context, o engineql.QueryOpts) (engineql.Query, error) {
		return e.promql.engine.NewRangeQuery(ctx, e.db, o, expr, start, end, step)
	})
}

// instantQuery evaluates expr at one time.
func (e *engine) instantQuery(ctx context.Context, expr string, at time.Time) (series.Result, error) {
	ctx, done, err := e.use(ctx)
	if err != nil {
		return series.Result{}, err
	}
	defer done()
	return e.promql.run(ctx, e, func(ctx context.Context, o engineql.QueryOpts) (engineql.Query, error) {
		return e.promql.engine.NewInstantQuery(ctx, e.db, o, expr, at)
	})
}

// labelValues is at most limit values of a label, sorted; limit 0 means all.
func (e *engine) labelValues(ctx context.Context, label string, of []plan.Select, start, end time.Time, limit int) ([]string, error) {
	matcherSets := make([][]*labels.Matcher, 0, max(1, len(of)))
	for _, selected := range of {
		matchers, err := promql.Matchers(selected)
		if err != nil {
			return nil, err
		}
		matcherSets = append(matcherSets, matchers)
	}
	if len(of) == 0 {
		matcherSets = append(matcherSets, nil)
	}
	ctx, done, err := e.use(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	_, leave, err := e.promql.enter(ctx, e)
	if err != nil {
		return nil, err
	}
	defer leave()
	querier, err := e.db.Querier(start.UnixMilli(), end.UnixMilli())
	if err != nil {
		return nil, fmt.Errorf("read the storage: %w", err)
	}
	defer func() { _ = querier.Close() }()
	found := map[string]struct{}{}
	for _, matchers := range matcherSets {
		values, _, err := querier.LabelValues(ctx, label, &storage.LabelHints{}, matchers...)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err != nil {
			return nil, fmt.Errorf("read the values of the label %s: %w", label, err)
		}
		for _, value := range values {
			// The storage's strings die with the querier.
			found[strings.Clone(value)] = struct{}{}
		}
	}
	values := slices.Sorted(maps.Keys(found))
	if limit > 0 && len(values) > limit {
		values = values[:limit]
	}
	return values, nil
}

// lookback is how old a series' last sample may be to count as its value. Series that end are marked as ended when they
// do, so this only bridges scrapes that were missed. It is shorter than Prometheus's five minutes, because series of targets
// that were removed while the plugin was down have no such mark, and would be counted beside their successors.
func (e *engine) lookback() time.Duration {
	return max(time.Minute, 4*e.scrapeInterval())
}

// scrapeInterval is the longest interval of any target.
func (e *engine) scrapeInterval() time.Duration {
	current := e.current()
	longest := time.Duration(0)
	if current.config != nil {
		for _, job := range current.config.ScrapeConfigs {
			longest = max(longest, time.Duration(job.ScrapeInterval))
		}
	}
	if longest == 0 {
		longest = current.settings.Interval
	}
	// Discovered targets may name an interval of their own.
	for _, t := range e.activeTargets()[fileDiscoveryJob] {
		if own, err := model.ParseDuration(t.GetValue(model.ScrapeIntervalLabel)); err == nil {
			longest = max(longest, time.Duration(own))
		}
	}
	return longest
}
