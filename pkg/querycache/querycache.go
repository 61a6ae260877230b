// Package querycache keeps the results of range queries, so that a refresh queries a server only for the steps that are new, and again for
// the last few, whose samples may have come late.
//
// A result never differs from that of querying the whole range, as long as samples arrive within the overlap: only steps older than
// the overlap are kept, only of queries whose value at a step does not depend on the range, and never any of a result with warnings,
// which may be partial. Samples that come or go later than that, as after a long interruption of remote write or when a server lost
// data, show after maxAge at most. If it is unknown how far the server's clock lags behind the clock here, the lag has to be less
// than the overlap.
package querycache

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/coldhit/modelserving-datasource/pkg/executor"
	"github.com/coldhit/modelserving-datasource/pkg/plan"
	"github.com/coldhit/modelserving-datasource/pkg/remote/join"
	"github.com/coldhit/modelserving-datasource/pkg/series"
	"github.com/coldhit/modelserving-datasource/pkg/telemetry"
)

// staleMarkerIntervals is how many scrape intervals pass at least until a step no longer changes. Prometheus writes the stale marker
// of a target that is gone up to three intervals after its last sample, at a time before that, so the step before it may change for
// one interval more.
const staleMarkerIntervals = 4

// maxAge is how long steps are kept before they are queried again.
const maxAge = 10 * time.Minute

// maxSteps bounds the range of an entry: a longer one comes of no single query.
const maxSteps = 11_000

// Options configure a cache.
type Options struct {
	// Overlap is how late samples may come. At least four scrape intervals are taken.
	Overlap time.Duration
	// Bytes bounds the memory of the entries. The least recently used are dropped first.
	Bytes int64
	// IndependentSteps reports whether the server's value at a step is the same in every range; nil if it is. If it is not, nothing
	// is kept.
	IndependentSteps func(ctx context.Context) bool
	// ClockLag is how far the server's clock lagged behind the clock here at its last response; nil if that is never known.
	ClockLag func() time.Duration
	// Now is the clock; nil for the system's.
	Now func() time.Time
}

// Store is what a cache stands in front of.
type Store interface {
	executor.Executor
	executor.PromQL
}

// Cache is an executor that returns kept results, and queries the store behind it for the rest. Nobody may be served by it for whom
// that store might return something else. Simultaneous calls for the same thing share one request.
type Cache struct {
	store   Store
	options Options
	entries *entries
	ranges  inFlight[series.Result]
	others  inFlight[any]
	// recent are results of the last moment, of queries about one time.
	recent shortTerm
}

var _ Store = (*Cache)(nil)

// New puts a cache in front of a store.
func New(store Store, options Options) *Cache {
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.ClockLag == nil {
		options.ClockLag = func() time.Duration { return 0 }
	}
	return &Cache{store: store, options: options, entries: newEntries(options.Bytes)}
}

// Statistics count what a cache holds and has saved.
type Statistics struct {
	Entries int
	Bytes   int64
	// Hits counts the steps that came from the cache, and Misses those that the store was queried for.
	Hits, Misses int64
}

// Statistics counts what is kept now.
func (c *Cache) Statistics() Statistics { return c.entries.statistics() }

// Clear drops everything.
func (c *Cache) Clear() {
	c.entries.clear()
	c.recent.clear()
}

// Grid is that of the store behind.
func (c *Cache) Grid() executor.Grid { return c.store.Grid() }

// rangeQuery evaluates one query over any range.
type rangeQuery func(context.Context, executor.Range) (series.Result, error)

// Range evaluates a plan at every step of r.
func (c *Cache) Range(ctx context.Context, n plan.Node, r executor.Range) (series.Result, error) {
	key := planKey(n, r.Span)
	whole := func(ctx context.Context, r executor.Range) (series.Result, error) { return c.store.Range(ctx, n, r) }
	if !c.keeps(ctx, r) {
		return c.wholeRange(ctx, key, r, whole)
	}
	named, err := c.withNamedGroups(ctx, n, r)
	if err != nil {
		return series.Result{}, err
	}
	if named.dependsOnRange {
		return c.wholeRange(ctx, key, r, whole)
	}
	return c.cached(ctx, named.key, r, func(ctx context.Context, r executor.Range) (series.Result, error) {
		return c.store.Range(ctx, named.plan, r)
	})
}

// RangePromQL evaluates what a user typed at every step of r.
func (c *Cache) RangePromQL(ctx context.Context, expr string, r executor.Range) (series.Result, error) {
	key := "promql\x00" + expr
	query := func(ctx context.Context, r executor.Range) (series.Result, error) {
		return c.store.RangePromQL(ctx, expr, r)
	}
	if !c.keeps(ctx, r) || !independentOfRange(expr) {
		return c.wholeRange(ctx, key, r, query)
	}
	return c.cached(ctx, key, r, query)
}

// keeps reports whether anything can be kept of a range.
func (c *Cache) keeps(ctx context.Context, r executor.Range) bool {
	_, ok := newGrid(r)
	return ok && (c.options.IndependentSteps == nil || c.options.IndependentSteps(ctx))
}

// Instant evaluates a plan at one time. Calls within a moment share the request.
func (c *Cache) Instant(ctx context.Context, n plan.Node, at executor.Instant) (series.Result, error) {
	return c.instant(ctx, planKey(n, at.Span), at.At, func(ctx context.Context) (series.Result, error) { return c.store.Instant(ctx, n, at) })
}

// InstantPromQL evaluates what a user typed at one time. Calls within a moment share the request.
func (c *Cache) InstantPromQL(ctx context.Context, expr string, at time.Time) (series.Result, error) {
	return c.instant(ctx, "promql\x00"+expr, at, func(ctx context.Context) (series.Result, error) { return c.store.InstantPromQL(ctx, expr, at) })
}

func (c *Cache) instant(ctx context.Context, query string, at time.Time, fetch func(context.Context) (series.Result, error)) (series.Result, error) {
	key := fmt.Sprintf("instant\x00%s\x00%d", query, at.UnixNano())
	begun := c.options.Now()
	if recent, ok := c.recent.get(key, begun); ok {
		return join.Copy(recent.(series.Result)), nil
	}
	result, err := c.shared(ctx, key, fetch)
	if err == nil && len(result.Warnings) == 0 {
		c.recent.put(key, join.Copy(result), len(result.Series)+len(result.Histograms), begun, c.options.Now())
	}
	return result, err
}

// wholeRange queries a range of which nothing can be kept. Simultaneous calls share the request.
func (c *Cache) wholeRange(ctx context.Context, query string, r executor.Range, fetch rangeQuery) (series.Result, error) {
	key := fmt.Sprintf("range\x00%s\x00%d\x00%d\x00%d", query, r.Start.UnixNano(), r.End.UnixNano(), r.Step)
	return c.shared(ctx, key, func(ctx context.Context) (series.Result, error) { return fetch(ctx, r) })
}

func (c *Cache) shared(ctx context.Context, key string, fetch func(context.Context) (series.Result, error)) (series.Result, error) {
	result, err := c.others.do(ctx, key, grid{}, func(ctx context.Context) (any, error) { return fetch(ctx) })
	if err != nil {
		return series.Result{}, err
	}
	return join.Copy(result.(series.Result)), nil
}

// LabelValues asks the store behind. Calls within a moment share the request.
func (c *Cache) LabelValues(ctx context.Context, label string, of []plan.Select, start, end time.Time, limit int) ([]string, error) {
	key := fmt.Sprintf("values\x00%s\x00%q\x00%d\x00%d\x00%d", label, selectorKeys(of), start.UnixNano(), end.UnixNano(), limit)
	begun := c.options.Now()
	values, ok := c.recent.get(key, begun)
	if !ok {
		var err error
		values, err = c.others.do(ctx, key, grid{}, func(ctx context.Context) (any, error) {
			return c.store.LabelValues(ctx, label, of, start, end, limit)
		})
		if err != nil {
			return nil, err
		}
		c.recent.put(key, values, len(values.([]string)), begun, c.options.Now())
	}
	return append([]string(nil), values.([]string)...), nil
}

// cached evaluates a query whose value at a step is the same in every range.
func (c *Cache) cached(ctx context.Context, query string, r executor.Range, fetch rangeQuery) (series.Result, error) {
	g, _ := newGrid(r)
	key := g.key(query)
	result, err := c.ranges.do(ctx, key, g, func(ctx context.Context) (series.Result, error) {
		return c.refreshed(ctx, key, g, r.Span, fetch)
	})
	if err != nil {
		return series.Result{}, err
	}
	// Others may have the same result, and may change it.
	return join.Copy(clip(result, g)), nil
}

// refreshed fetches what is missing and keeps what is settled.
func (c *Cache) refreshed(ctx context.Context, key string, wanted grid, span time.Duration, fetch rangeQuery) (series.Result, error) {
	// Before the request: what comes during it may be missing in its result.
	begun := c.options.Now()
	old, found := c.entries.get(key, begun)
	missing := []grid{wanted}
	if found = found && old.grid.touches(wanted); found {
		missing = wanted.minus(old.grid)
	}
	fetched := make([]series.Result, len(missing))
	group, groupCtx := errgroup.WithContext(ctx)
	for i, m := range missing {
		group.Go(func() (err error) {
			fetched[i], err = fetch(groupCtx, m.asRange(span))
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return series.Result{}, err
	}
	parts := fetched
	if found {
		parts = inOrder(missing, fetched, old)
	}
	whole := join.Results(parts)
	cached, queried := c.entries.count(wanted, missing)
	telemetry.CountSteps(ctx, cached, queried)
	if len(whole.Warnings) > 0 {
		c.entries.drop(key)
		return whole, nil
	}
	covered := wanted
	if found {
		covered = wanted.union(old.grid)
	}
	// The lag is that of this response, not of the one before.
	settled := begun.Add(-max(c.options.Overlap, staleMarkerIntervals*c.store.Grid().Interval) - c.options.ClockLag())
	fresh := entry{grid: wanted.until(settled.UnixMilli()), since: begun}
	if found {
		fresh.since = old.since
	}
	if !found || covered != old.grid {
		c.keep(key, whole, fresh)
	}
	return whole, nil
}

// inOrder puts an old entry between what lies before and behind it.
func inOrder(missing []grid, fetched []series.Result, old entry) []series.Result {
	var before, behind []series.Result
	for i, m := range missing {
		if m.end < old.grid.start {
			before = append(before, fetched[i])
		} else {
			behind = append(behind, fetched[i])
		}
	}
	return append(append(before, old.result), behind...)
}

// keep stores the settled steps of a result, if there are any.
func (c *Cache) keep(key string, whole series.Result, fresh entry) {
	if n := fresh.grid.steps(); n < 1 || n > maxSteps {
		return
	}
	fresh.result = clip(whole, fresh.grid)
	c.entries.put(key, fresh)
}
