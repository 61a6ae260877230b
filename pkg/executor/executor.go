// Package executor says what every executor of plans has to do. pkg/engine and pkg/remote are executors, and pkg/querycache is one
// in front of another.
package executor

import (
	"context"
	"time"

	"github.com/coldhit/modelserving-datasource/pkg/plan"
	"github.com/coldhit/modelserving-datasource/pkg/series"
)

// Range is the times at which a plan is evaluated: every Step from Start to End, both included.
type Range struct {
	Start, End time.Time
	Step       time.Duration
	// Span is the length of the time range that the user selected, which IncreaseOverRange covers. It may be longer than
	// End − Start, whose ends are multiples of the step.
	Span time.Duration
}

// Instant is one time at which a plan is evaluated. Span is that of Range.
type Instant struct {
	At   time.Time
	Span time.Duration
}

// Grid says which times suit an executor's data.
type Grid struct {
	// Interval is the longest interval between two samples of a series, as far as is known. Steps are not shorter.
	Interval time.Duration
	// Period is what steps are multiples of: one second where samples come at any time.
	Period time.Duration
	// RateWindow is the shortest window that rates are taken over.
	RateWindow time.Duration
}

// scrapesInRate is how many intervals a rate needs at least, for one lost scrape not to leave a gap.
const scrapesInRate = 4

// Scraped is the grid of a store whose samples come once an interval, at any time.
func Scraped(interval time.Duration) Grid {
	return Grid{Interval: interval, Period: time.Second, RateWindow: scrapesInRate * interval}
}

// Executor evaluates plans over one store.
type Executor interface {
	// Range evaluates a plan at every step of r.
	Range(ctx context.Context, n plan.Node, r Range) (series.Result, error)
	// Instant evaluates a plan at one time. Every series has one sample.
	Instant(ctx context.Context, n plan.Node, at Instant) (series.Result, error)
	// LabelValues lists the values of a label over the series that match any selection (all series if there is none), sorted,
	// at most limit of them (0: all).
	LabelValues(ctx context.Context, label string, of []plan.Select, start, end time.Time, limit int) ([]string, error)
	// Grid says which times suit the data.
	Grid() Grid
}

// PromQL evaluates what a user typed. Plans never pass through it.
type PromQL interface {
	// RangePromQL evaluates expr at every step of r.
	RangePromQL(ctx context.Context, expr string, r Range) (series.Result, error)
	// InstantPromQL evaluates expr at one time.
	InstantPromQL(ctx context.Context, expr string, at time.Time) (series.Result, error)
}
