// Package incremental keeps the answers of range queries, so that a refresh asks a backend only for the steps that are new, and
// for the last few again, where samples may have come late.
//
// An answer is never other than asking for the whole range anew would give, as long as samples arrive within the overlap:
// only steps that are older than the overlap are kept, only of expressions whose value at a step does not depend on the range
// that is asked for, and never any of an answer that has warnings, which may be a partial one. What comes later than that, or
// goes, as after a long interruption of remote write or when a server lost data, shows after keptFor at most. Where it is not
// known how far the server's clock is behind the one here, that has to be less than the overlap.
package incremental

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/coldhit/modelserving-datasource/pkg/promql"
	"github.com/coldhit/modelserving-datasource/pkg/remote/join"
)

// scrapesToSettle is how many scrape intervals pass at least until a step is settled: a series that has ended is marked as
// ended up to three intervals later, at a time before.
const scrapesToSettle = 4

// keptFor is how long steps are kept before they are asked for anew.
const keptFor = 10 * time.Minute

// maxKeptSteps bounds a kept range: what no one query asks for is not kept.
const maxKeptSteps = 11_000

// Options say how answers are kept.
type Options struct {
	// Overlap is how late samples may come. At least four scrape intervals are taken.
	Overlap time.Duration
	// Bytes bounds the memory of what is kept; the least recently used answers are forgotten.
	Bytes int64
	// IndependentSteps reports whether the backend's value at a step is the same in whatever range it is asked for; nil if it is.
	// Where it is not, nothing is kept.
	IndependentSteps func(ctx context.Context) bool
	// Behind tells how far the server's clock was behind this one when it answered last; nil where that is never known.
	Behind func() time.Duration
	// Now is the clock; nil for the system's.
	Now func() time.Time
}

// Backend answers range queries from what it has kept and from the backend behind it. Nobody may be answered by it for whom
// that backend might have another answer. Calls for the same thing at the same time share one request.
type Backend struct {
	behind  promql.Backend
	options Options
	kept    *store
	ranges  flights[promql.Answer]
	others  flights[any]
	// held is what was answered just now, of what is about one time.
	held momentary
}

var _ promql.Backend = (*Backend)(nil)

// New wraps a backend.
func New(behind promql.Backend, options Options) *Backend {
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Behind == nil {
		options.Behind = func() time.Duration { return 0 }
	}
	return &Backend{behind: behind, options: options, kept: newStore(options.Bytes)}
}

// Statistics are what is kept and what that spared.
type Statistics struct {
	Answers int
	Bytes   int64
	// Steps counts those that were answered from what was kept, and Asked those that the backend was asked for.
	Steps, Asked int64
}

// Statistics tells what is kept now.
func (b *Backend) Statistics() Statistics { return b.kept.statistics() }

// Forget drops all that is kept.
func (b *Backend) Forget() {
	b.kept.forget()
	b.held.forget()
}

// ScrapeInterval is that of the backend behind.
func (b *Backend) ScrapeInterval() time.Duration { return b.behind.ScrapeInterval() }

// Instant asks the backend behind; calls within a moment share the request.
func (b *Backend) Instant(ctx context.Context, expr string, at time.Time) (promql.Answer, error) {
	key := fmt.Sprintf("instant\x00%s\x00%d", expr, at.UnixNano())
	begun := b.options.Now()
	if held, ok := b.held.get(key, begun); ok {
		return join.Copy(held.(promql.Answer)), nil
	}
	answer, err := b.shared(ctx, key, func(ctx context.Context) (promql.Answer, error) {
		return b.behind.Instant(ctx, expr, at)
	})
	if err == nil && len(answer.Warnings) == 0 {
		b.held.put(key, join.Copy(answer), len(answer.Series)+len(answer.Histograms), begun, b.options.Now())
	}
	return answer, err
}

// wholeRange asks for a range of which nothing can be kept; calls at the same time share the request.
func (b *Backend) wholeRange(ctx context.Context, expr string, start, end time.Time, step time.Duration) (promql.Answer, error) {
	key := fmt.Sprintf("range\x00%s\x00%d\x00%d\x00%d", expr, start.UnixNano(), end.UnixNano(), step)
	return b.shared(ctx, key, func(ctx context.Context) (promql.Answer, error) {
		return b.behind.Range(ctx, expr, start, end, step)
	})
}

func (b *Backend) shared(ctx context.Context, key string, ask func(context.Context) (promql.Answer, error)) (promql.Answer, error) {
	answer, err := b.others.do(ctx, key, grid{}, func(ctx context.Context) (any, error) { return ask(ctx) })
	if err != nil {
		return promql.Answer{}, err
	}
	return join.Copy(answer.(promql.Answer)), nil
}

// LabelValues asks the backend behind; calls within a moment share the request.
func (b *Backend) LabelValues(ctx context.Context, label string, selectors []string, start, end time.Time, limit int) ([]string, error) {
	key := fmt.Sprintf("values\x00%s\x00%q\x00%d\x00%d\x00%d", label, selectors, start.UnixNano(), end.UnixNano(), limit)
	begun := b.options.Now()
	values, ok := b.held.get(key, begun)
	if !ok {
		var err error
		values, err = b.others.do(ctx, key, grid{}, func(ctx context.Context) (any, error) {
			return b.behind.LabelValues(ctx, label, selectors, start, end, limit)
		})
		if err != nil {
			return nil, err
		}
		b.held.put(key, values, len(values.([]string)), begun, b.options.Now())
	}
	return append([]string(nil), values.([]string)...), nil
}

// Range evaluates expr at every step of [start, end].
func (b *Backend) Range(ctx context.Context, expr string, start, end time.Time, step time.Duration) (promql.Answer, error) {
	g, ok := newGrid(start, end, step)
	if !ok || (b.options.IndependentSteps != nil && !b.options.IndependentSteps(ctx)) {
		return b.wholeRange(ctx, expr, start, end, step)
	}
	asked := expr
	expr, err := b.withBusiest(ctx, asked, end)
	if err != nil {
		return promql.Answer{}, err
	}
	if !independentOfRange(expr) {
		return b.wholeRange(ctx, asked, start, end, step)
	}
	key := g.key(expr)
	answer, err := b.ranges.do(ctx, key, g, func(ctx context.Context) (promql.Answer, error) {
		return b.refreshed(ctx, key, expr, g)
	})
	if err != nil {
		return promql.Answer{}, err
	}
	// Others may have the same answer, and may change it.
	return join.Copy(clip(answer, g)), nil
}

// refreshed asks for what is missing and keeps what is settled.
func (b *Backend) refreshed(ctx context.Context, key, expr string, asked grid) (promql.Answer, error) {
	// Before the request: what comes while it is answered may be missing in it.
	begun := b.options.Now()
	had, found := b.kept.get(key, begun)
	missing := []grid{asked}
	if found = found && had.grid.touches(asked); found {
		missing = asked.without(had.grid)
	}
	fetched := make([]promql.Answer, len(missing))
	group, groupCtx := errgroup.WithContext(ctx)
	for i, m := range missing {
		group.Go(func() (err error) {
			fetched[i], err = b.behind.Range(groupCtx, expr, m.startTime(), m.endTime(), m.stepTime())
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return promql.Answer{}, err
	}
	parts := fetched
	if found {
		parts = inOrder(missing, fetched, had)
	}
	whole := join.Answers(parts)
	b.kept.count(asked, missing)
	if len(whole.Warnings) > 0 {
		b.kept.drop(key)
		return whole, nil
	}
	covered := asked
	if found {
		covered = asked.with(had.grid)
	}
	// Behind is of this answer, not of the one before.
	settled := begun.Add(-max(b.options.Overlap, scrapesToSettle*b.behind.ScrapeInterval()) - b.options.Behind())
	fresh := entry{grid: asked.until(settled.UnixMilli()), since: begun}
	if found {
		fresh.since = had.since
	}
	if !found || covered != had.grid {
		b.keep(key, whole, fresh)
	}
	return whole, nil
}

// inOrder puts what was kept between what lies before and behind it.
func inOrder(missing []grid, fetched []promql.Answer, had entry) []promql.Answer {
	var before, behind []promql.Answer
	for i, m := range missing {
		if m.end < had.grid.start {
			before = append(before, fetched[i])
		} else {
			behind = append(behind, fetched[i])
		}
	}
	return append(append(before, had.answer), behind...)
}

// keep remembers the settled steps of the range that was asked for, where there are any.
func (b *Backend) keep(key string, whole promql.Answer, fresh entry) {
	if n := fresh.grid.steps(); n < 1 || n > maxKeptSteps {
		return
	}
	fresh.answer = clip(whole, fresh.grid)
	b.kept.put(key, fresh)
}
