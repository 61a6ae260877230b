package query

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/coldhit/modelserving-datasource/pkg/executor"
	"github.com/coldhit/modelserving-datasource/pkg/plan"
	"github.com/coldhit/modelserving-datasource/pkg/profile"
)

const (
	// rulesMaxAge is how long it is remembered since when recording rules are evaluated.
	rulesMaxAge = time.Minute
	// maxJoined is how many windows are put together at most over a query's range: servers hold that many values of each series at once,
	// and refuse the query where those are too many. maxJoinedOnce is the same for one time, for which a rate holds none.
	maxJoined     = 1500
	maxJoinedOnce = 400
	// leastJoinedOnce is how many it takes for one time: of fewer, too large a part may lie between the last recording and that time.
	leastJoinedOnce = 12
)

// recordingStarts has since when each recording rule is evaluated without a gap.
var recordingStarts = plan.Aggregate{Op: plan.Max, By: []string{profile.RecordingLabel}, Of: plan.Last{Of: plan.Select{Metric: profile.RecordingStart}}}

// RecordingRules is what is known of the recording rules that a data source's server evaluates. They are the same for all users.
type RecordingRules struct {
	profiles profile.Set
	series   profile.RecordedSeries
	now      func() time.Time
	// coverage is what was found last. Whoever has taken it out may look again.
	coverage chan RuleCoverage
}

// RuleCoverage is since when which recording rules are evaluated.
type RuleCoverage struct {
	at time.Time
	// starts tells since when each recording is written without a gap, by its name.
	starts map[string]time.Time
	// windows are those of the recorded rates, the longest first.
	windows []time.Duration
	// unrecorded are the labels of places whose traffic nobody records, though that of others is recorded.
	unrecorded []map[string]string
}

// readable says whether what is recorded is all that there is.
func (k RuleCoverage) readable() bool { return len(k.windows) > 0 && len(k.unrecorded) == 0 }

// NewRecordingRules are those of the profiles' metrics.
func NewRecordingRules(profiles profile.Set, now func() time.Time) *RecordingRules {
	r := &RecordingRules{profiles: profiles, series: profiles.Recorded(), now: now, coverage: make(chan RuleCoverage, 1)}
	r.coverage <- RuleCoverage{}
	return r
}

// Coverage finds out what is recorded. It looks once a minute, however many queries there are.
func (r *RecordingRules) Coverage(ctx context.Context, store executor.Executor) (RuleCoverage, error) {
	var known RuleCoverage
	select {
	case known = <-r.coverage:
	case <-ctx.Done():
		return known, context.Cause(ctx)
	}
	defer func() { r.coverage <- known }()
	now := r.now()
	if now.Sub(known.at) < rulesMaxAge {
		return known, nil
	}
	fresh, err := r.look(ctx, store, now)
	if err == nil {
		known = fresh
	}
	return known, err
}

func (r *RecordingRules) look(ctx context.Context, store executor.Executor, now time.Time) (RuleCoverage, error) {
	known := RuleCoverage{at: now, starts: map[string]time.Time{}}
	answer, err := store.Instant(ctx, recordingStarts, executor.Instant{At: now})
	if err != nil {
		return known, err
	}
	for _, s := range answer.Series {
		name := s.Labels[profile.RecordingLabel]
		known.starts[name] = time.UnixMilli(int64(1000 * s.Values[0]))
		if w := profile.WindowOfRecording(name); w > 0 && !slices.Contains(known.windows, w) {
			known.windows = append(known.windows, w)
		}
	}
	slices.SortFunc(known.windows, func(a, b time.Duration) int { return int(b - a) })
	missing := r.profiles.Unrecorded(r.series, known.windows, func(name string) bool { return !known.starts[name].IsZero() })
	if missing == nil {
		return known, nil
	}
	if answer, err = store.Instant(ctx, missing, executor.Instant{At: now}); err != nil {
		return known, err
	}
	for _, s := range answer.Series {
		known.unrecorded = append(known.unrecorded, s.Labels)
	}
	return known, nil
}

// selections select the recorded series.
func (r *RecordingRules) selections() []plan.Select {
	if r == nil {
		return nil
	}
	return []plan.Select{profile.RecordedSelection}
}

// Describe says in a line what is recorded; empty if nothing is.
func (k RuleCoverage) Describe() string {
	if len(k.starts) == 0 {
		return ""
	}
	windows := make([]string, len(k.windows))
	for i, w := range k.windows {
		windows[i] = model.Duration(w).String()
	}
	line := fmt.Sprintf("%s, with rates over %s", countOf(len(k.starts), "recording rule", "recording rules"), strings.Join(windows, ", "))
	if len(k.unrecorded) == 0 {
		return line
	}
	var places []string
	for _, label := range slices.Sorted(maps.Keys(k.unrecorded[0])) {
		places = append(places, label+"="+k.unrecorded[0][label])
	}
	return line + ", which are not read: they leave out the traffic of " + strings.Join(places, ", ") +
		". Load the rules wherever model servers are scraped, or where all of their series are seen."
}

// readRecordings has the query read recordings where they are written for as long as it looks back. Where it leaves the window
// open, its steps and its window become multiples of what is recorded.
func (r *signalRun) readRecordings(ctx context.Context, names []string) error {
	if r.Rules == nil || !slices.ContainsFunc(names, func(n string) bool { return profile.WindowOfRecording(n) > 0 }) {
		return nil
	}
	known, err := r.Rules.Coverage(ctx, r.Store)
	if err != nil || !known.readable() {
		return err
	}
	recorded := &profile.Recorded{Series: r.Rules.series, Windows: known.windows, Exists: r.available}
	if r.query.Window == 0 {
		r.fitWindow(known.windows)
	}
	recorded.Reaches = func(name string, window time.Duration) bool {
		start, written := known.starts[name]
		return written && !start.Add(window).After(r.oldestTime())
	}
	recorded.Phase = r.phase
	r.environ.Recorded = recorded
	return nil
}

// phase is how far all times of the query lie behind a multiple of a window, which servers count from 1970; false where longer ones
// should not be put together of such windows.
func (r *signalRun) phase(window, whole time.Duration) (time.Duration, bool) {
	oldest := r.oldestTime()
	phase := time.Duration(oldest.UnixMilli()) * time.Millisecond % window
	joined := (r.newestTime().Sub(oldest) + whole) / window
	if r.Instant {
		return phase, joined >= leastJoinedOnce && joined <= maxJoinedOnce
	}
	// A panel's steps are at multiples of themselves; and what looks ahead of a step would not be kept.
	return phase, joined <= maxJoined && r.Grid.Step%window == 0 && phase == 0
}

// oldestTime is that of the oldest value that is asked for.
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

func countOf(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
