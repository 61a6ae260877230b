package querycache

import (
	"fmt"
	"sort"
	"time"

	"github.com/coldhit/modelserving-datasource/pkg/executor"
	"github.com/coldhit/modelserving-datasource/pkg/series"
)

// grid is a range and its steps, in milliseconds. Both ends are steps. It is empty if its end is before its start.
type grid struct{ start, end, step int64 }

// newGrid refuses what is finer than a millisecond or empty.
func newGrid(r executor.Range) (grid, bool) {
	start, end, step := r.Start, r.End, r.Step
	whole := step > 0 && step%time.Millisecond == 0 && start.Nanosecond()%1e6 == 0
	if !whole || end.Before(start) {
		return grid{}, false
	}
	g := grid{start: start.UnixMilli(), end: end.UnixMilli(), step: step.Milliseconds()}
	g.end -= (g.end - g.start) % g.step
	return g, true
}

// key names a query on all grids whose steps are the same times.
func (g grid) key(query string) string {
	phase := ((g.start % g.step) + g.step) % g.step
	return fmt.Sprintf("%d\x00%d\x00%s", g.step, phase, query)
}

func (g grid) asRange(span time.Duration) executor.Range {
	return executor.Range{
		Start: time.UnixMilli(g.start), End: time.UnixMilli(g.end), Step: time.Duration(g.step) * time.Millisecond, Span: span,
	}
}

func (g grid) steps() int64 {
	if g.step == 0 || g.end < g.start {
		return 0
	}
	return (g.end-g.start)/g.step + 1
}

func (g grid) covers(other grid) bool { return g.start <= other.start && g.end >= other.end }

// touches reports whether no step lies between the two.
func (g grid) touches(other grid) bool {
	return g.start <= other.end+g.step && other.start <= g.end+g.step
}

// union is the range of two that touch.
func (g grid) union(other grid) grid {
	return grid{min(g.start, other.start), max(g.end, other.end), g.step}
}

// minus is what of g lies before and behind the other, which touches it.
func (g grid) minus(other grid) []grid {
	var out []grid
	for _, part := range []grid{{g.start, min(g.end, other.start-g.step), g.step}, {max(g.start, other.end+g.step), g.end, g.step}} {
		if part.steps() > 0 {
			out = append(out, part)
		}
	}
	return out
}

// until is what of g lies at or before a time.
func (g grid) until(t int64) grid {
	if t < g.start {
		return grid{g.start, g.start - g.step, g.step}
	}
	if t < g.end {
		g.end = t - (t-g.start)%g.step
	}
	return g
}

// clip is what of a result lies within a range. It shares memory with the result.
func clip(a series.Result, to grid) series.Result {
	out := series.Result{Warnings: a.Warnings, Infos: a.Infos}
	for _, s := range a.Series {
		if from, end := indices(s.Times, to); from < end {
			out.Series = append(out.Series, series.Series{Labels: s.Labels, Times: s.Times[from:end:end], Values: s.Values[from:end:end]})
		}
	}
	for _, h := range a.Histograms {
		if from, end := indices(h.Times, to); from < end {
			out.Histograms = append(out.Histograms, series.Histograms{Labels: h.Labels, Times: h.Times[from:end:end], Histograms: h.Histograms[from:end:end]})
		}
	}
	return out
}

func indices(times []int64, to grid) (from, end int) {
	from = sort.Search(len(times), func(i int) bool { return times[i] >= to.start })
	end = sort.Search(len(times), func(i int) bool { return times[i] > to.end })
	return from, end
}
