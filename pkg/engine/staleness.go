package engine

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
)

// endJob marks the series of a removed target as ended. Prometheus lets the series of a removed job run out instead, and
// they would stay on dashboards for the whole lookback.
func (e *engine) endJob(job string) error {
	now := time.Now()
	querier, err := e.db.Querier(now.Add(-e.lookback()).UnixMilli(), math.MaxInt64)
	if err != nil {
		return fmt.Errorf("end the series of target %s: %w", job, err)
	}
	defer func() { _ = querier.Close() }()
	found := querier.Select(e.ctx, false, nil, labels.MustNewMatcher(labels.MatchEqual, model.JobLabel, job))
	appender := e.db.Appender(e.ctx)
	var iterator chunkenc.Iterator
	for found.Next() {
		one := found.At()
		iterator = one.Iterator(iterator)
		last, live := lastSample(iterator)
		if !live {
			continue
		}
		at := max(last+1, now.UnixMilli())
		if _, err := appender.Append(0, one.Labels(), at, math.Float64frombits(value.StaleNaN)); err != nil {
			e.logger.Debug("A series of a removed target was not marked as ended", "target", job, "error", err)
		}
	}
	if err := found.Err(); err != nil {
		_ = appender.Rollback()
		return fmt.Errorf("end the series of target %s: %w", job, err)
	}
	if err := appender.Commit(); err != nil {
		return fmt.Errorf("end the series of target %s: %w", job, err)
	}
	return nil
}

// lastSample is the time of a series' last sample, in unix milliseconds, and whether the series goes on there.
func lastSample(iterator chunkenc.Iterator) (at int64, live bool) {
	for kind := iterator.Next(); kind != chunkenc.ValNone; kind = iterator.Next() {
		switch kind {
		case chunkenc.ValFloat:
			var v float64
			at, v = iterator.At()
			live = !value.IsStaleNaN(v)
		default:
			t, h := iterator.AtFloatHistogram(nil)
			at, live = t, !value.IsStaleNaN(h.Sum)
		}
	}
	return at, live
}

// metricNames are the names of the series that a target exposes now; set are the target's labels.
func (e *engine) metricNames(ctx context.Context, set labels.Labels) (map[string]struct{}, error) {
	now := time.Now()
	querier, err := e.db.Querier(now.Add(-e.lookback()).UnixMilli(), now.UnixMilli())
	if err != nil {
		return nil, err
	}
	defer func() { _ = querier.Close() }()
	var matchers []*labels.Matcher
	for _, name := range []string{model.JobLabel, model.InstanceLabel} {
		matchers = append(matchers, labels.MustNewMatcher(labels.MatchEqual, name, set.Get(name)))
	}
	names := map[string]struct{}{}
	found := querier.Select(ctx, false, nil, matchers...)
	var iterator chunkenc.Iterator
	for found.Next() {
		iterator = found.At().Iterator(iterator)
		if _, live := lastSample(iterator); live {
			names[found.At().Labels().Get(model.MetricNameLabel)] = struct{}{}
		}
	}
	return names, found.Err()
}
