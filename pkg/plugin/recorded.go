package plugin

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/prometheus/common/model"

	"github.com/coldhit/modelserving-datasource/pkg/profile"
	"github.com/coldhit/modelserving-datasource/pkg/promql"
)

const (
	// recordingsAreAskedFor is how often it is asked since when recordings are written.
	recordingsAreAskedFor = time.Minute
	// maxJoined is how many windows are put together at most over a query's range: servers hold that many values of each series at once,
	// and refuse the query where those are too many. maxJoinedOnce is the same for one time, for which a rate holds none.
	maxJoined     = 1500
	maxJoinedOnce = 400
	// leastJoinedOnce is how many it takes for one time: of fewer, too large a part may lie between the last recording and that time.
	leastJoinedOnce = 12

	recordingStarts = "max by (" + profile.RecordingLabel + ") (" + profile.RecordingStart + ")"
)

// recordings are the recording rules that a data source's server evaluates. They are the same for all users.
type recordings struct {
	profiles profile.Set
	series   profile.RecordedSeries
	// known is what was last heard of them; who holds it may ask anew.
	known chan recordingsKnown
}

type recordingsKnown struct {
	at time.Time
	// starts tells since when each recording is written without a gap, by its name.
	starts map[string]time.Time
	// windows are those of the recorded rates, the longest first.
	windows []time.Duration
	// unrecorded are the labels of places whose traffic nobody records, though that of others is recorded.
	unrecorded []map[string]string
}

// readable says whether what is recorded is all that there is.
func (k recordingsKnown) readable() bool { return len(k.windows) > 0 && len(k.unrecorded) == 0 }

func newRecordings(profiles profile.Set) *recordings {
	r := &recordings{profiles: profiles, series: profiles.Recorded(), known: make(chan recordingsKnown, 1)}
	r.known <- recordingsKnown{}
	return r
}

// remote asks a server that scrapes by itself, and that may evaluate recording rules. Where its answers are each user's own,
// nothing is kept of them, and so nothing known of rules.
func (d *Datasource) remote(ctx context.Context, stored backend.DataSourceInstanceSettings) (store, error) {
	s, err := newRemoteStore(ctx, stored, d.settings.Prometheus)
	if err != nil {
		return nil, err
	}
	if !s.client.PerUser() {
		d.recordings = newRecordings(d.profiles)
	}
	return s, nil
}

// ask tells what is recorded. It is asked for once a minute, however many queries there are.
func (r *recordings) ask(ctx context.Context, store promql.Backend) (recordingsKnown, error) {
	var known recordingsKnown
	select {
	case known = <-r.known:
	case <-ctx.Done():
		return known, context.Cause(ctx)
	}
	defer func() { r.known <- known }()
	now := time.Now()
	if now.Sub(known.at) < recordingsAreAskedFor {
		return known, nil
	}
	fresh, err := r.askAnew(ctx, store, now)
	if err == nil {
		known = fresh
	}
	return known, err
}

func (r *recordings) askAnew(ctx context.Context, store promql.Backend, now time.Time) (recordingsKnown, error) {
	known := recordingsKnown{at: now, starts: map[string]time.Time{}}
	answer, err := store.Instant(ctx, recordingStarts, now)
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
	if answer, err = store.Instant(ctx, promql.Text(missing, 0), now); err != nil {
		return known, err
	}
	for _, s := range answer.Series {
		known.unrecorded = append(known.unrecorded, s.Labels)
	}
	return known, nil
}

// sought is the selectors of what is looked for: the metrics that profiles know, and recordings of them.
func (d *Datasource) sought() []string {
	if d.recordings == nil {
		return d.known
	}
	return append(slices.Clone(d.known), profile.RecordingsSelector)
}

// describe says in a line what is recorded; empty if nothing is.
func (k recordingsKnown) describe() string {
	if len(k.starts) == 0 {
		return ""
	}
	windows := make([]string, len(k.windows))
	for i, w := range k.windows {
		windows[i] = model.Duration(w).String()
	}
	line := fmt.Sprintf("%s, with rates over %s", count(len(k.starts), "recording rule", "recording rules"), strings.Join(windows, ", "))
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
	if r.recordings == nil || !slices.ContainsFunc(names, func(n string) bool { return profile.WindowOfRecording(n) > 0 }) {
		return nil
	}
	known, err := r.recordings.ask(ctx, r.store)
	if err != nil || !known.readable() {
		return err
	}
	recorded := &profile.Recorded{Series: r.recordings.series, Windows: known.windows, Exists: r.available}
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
	return phase, joined <= maxJoined && r.grid.step%window == 0 && phase == 0
}

// oldestTime is that of the oldest value that is asked for.
func (r *signalRun) oldestTime() time.Time {
	if r.Instant {
		return r.asked.To
	}
	return r.grid.start
}

// fitWindow makes of the window that follows from the steps the next multiple of a recorded one, and the steps as long. The
// window of a query with short steps follows from the scrape interval alone: it fits or it does not.
func (r *signalRun) fitWindow(recorded []time.Duration) {
	window := r.environ.Window
	if r.Instant || window > r.grid.step {
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
	if longer, ok := stepsOver(r.asked, best); ok {
		r.environ.Window, r.grid = best, longer
	}
}

// stepsOver is the grid of steps over a range; false where no multiple of the step is in it.
func stepsOver(asked backend.TimeRange, step time.Duration) (grid, bool) {
	start, end := asked.From.Truncate(step), asked.To.Truncate(step)
	if start.Before(asked.From) {
		start = start.Add(step)
	}
	return grid{start: start, end: end, step: step}, !start.After(end)
}
