package query

import (
	"context"
	"slices"
	"time"

	"github.com/coldhit/modelserving-datasource/pkg/profile"
	"github.com/coldhit/modelserving-datasource/pkg/recordingrule"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

const (
	// maxAdded is how many windows are added up at most over a query's range: servers hold that many values of each series at once,
	// and refuse the query where those are too many. maxAddedOnce is the same for one time, for which a rate holds none.
	maxAdded     = 1500
	maxAddedOnce = 400
	// minAddedOnce is how many it takes for one time: of fewer, too large a part may lie between the last recorded value and that time.
	minAddedOnce = 12
)

// readRecordedSeries has the query read recorded series that are written for as long as it looks back. Where it leaves the window
// open, its steps and its window become multiples of what is recorded.
func (r *signalRun) readRecordedSeries(ctx context.Context, names []string) error {
	if r.Rules == nil || !slices.ContainsFunc(names, func(n string) bool { return recordingrule.WindowOf(n) > 0 }) {
		return nil
	}
	known, err := r.Rules.Coverage(ctx, r.Store)
	if err != nil || !known.Complete() {
		return err
	}
	if r.query.Window == 0 {
		r.fitWindow(known.Windows())
	}
	r.rewrite = r.Rules.Rewrite(known, r.oldestTime(), r.available, r.phase)
	return nil
}

// phase is how far all times of the query lie behind a multiple of a window, which servers count from 1970; false where longer ones
// should not be added up of such windows.
func (r *signalRun) phase(window, whole time.Duration) (time.Duration, bool) {
	oldest := r.oldestTime()
	phase := time.Duration(oldest.UnixMilli()) * time.Millisecond % window
	joined := (r.newestTime().Sub(oldest) + whole) / window
	if r.Instant {
		return phase, joined >= minAddedOnce && joined <= maxAddedOnce
	}
	// A panel's steps are at multiples of themselves; and what looks ahead of a step would not be kept.
	return phase, joined <= maxAdded && r.Grid.Step%window == 0 && phase == 0
}

// oldestTime is the time of the oldest value of the result.
func (r *signalRun) oldestTime() time.Time {
	if r.Instant {
		return r.Range.To
	}
	return r.Grid.Start
}

// fitWindow makes of the window that follows from the steps the next multiple of a recorded one, and the steps as long. The
// window of a query with short steps follows from the scrape interval alone: it fits or it does not.
func (r *signalRun) fitWindow(recorded []time.Duration) {
	window := r.environ.Window
	if r.Instant || window > r.Grid.Step {
		return
	}
	best := time.Duration(0)
	for _, w := range recorded {
		multiple := (window + w - 1) / w * w
		if w <= window && (best == 0 || multiple < best) {
			best = multiple
		}
	}
	if best <= window {
		return
	}
	if longer, ok := alignedGrid(r.Range, best); ok {
		r.environ.Window, r.Grid = best, longer
	}
}

// compile compiles a query, and has its parts read recorded series.
func (r *signalRun) compile(q signal.Query) []profile.Part {
	return r.rewrite.Parts(r.present.Compile(q, r.environ))
}
