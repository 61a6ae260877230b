package recordingrule

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

// maxCoverageAge is how long it is remembered since when recording rules are evaluated.
const maxCoverageAge = time.Minute

// startTimes has since when each recording rule is evaluated without a gap.
var startTimes = plan.Aggregate{Op: plan.Max, By: []string{StartLabel}, Of: plan.Last{Of: plan.Select{Metric: StartTime}}}

// InPlace is what is known of the recording rules that a data source's server evaluates. They are the same for all users.
type InPlace struct {
	profiles profile.Set
	known    Known
	now      func() time.Time
	// coverage is what was found last. Whoever has taken it out may look again.
	coverage chan Coverage
}

// Coverage is since when which recording rules are evaluated.
type Coverage struct {
	at time.Time
	// starts tells since when each recording is written without a gap, by its name.
	starts map[string]time.Time
	// windows are those of the recorded rates, the longest first.
	windows []time.Duration
	// uncovered are the labels of places whose traffic nobody records, though that of others is recorded.
	uncovered []map[string]string
}

// Complete reports whether everything in the store is recorded.
func (c Coverage) Complete() bool { return len(c.windows) > 0 && len(c.uncovered) == 0 }

// NewInPlace are those of the profiles' metrics.
func NewInPlace(profiles profile.Set, now func() time.Time) *InPlace {
	r := &InPlace{profiles: profiles, known: KnownOf(profiles), now: now, coverage: make(chan Coverage, 1)}
	r.coverage <- Coverage{}
	return r
}

// Coverage finds out what is recorded. It looks once a minute, however many queries there are.
func (r *InPlace) Coverage(ctx context.Context, store executor.Executor) (Coverage, error) {
	var known Coverage
	select {
	case known = <-r.coverage:
	case <-ctx.Done():
		return known, context.Cause(ctx)
	}
	defer func() { r.coverage <- known }()
	now := r.now()
	if now.Sub(known.at) < maxCoverageAge {
		return known, nil
	}
	fresh, err := r.look(ctx, store, now)
	if err == nil {
		known = fresh
	}
	return known, err
}

func (r *InPlace) look(ctx context.Context, store executor.Executor, now time.Time) (Coverage, error) {
	known := Coverage{at: now, starts: map[string]time.Time{}}
	answer, err := store.Instant(ctx, startTimes, executor.Instant{At: now})
	if err != nil {
		return known, err
	}
	for _, s := range answer.Series {
		name := s.Labels[StartLabel]
		known.starts[name] = time.UnixMilli(int64(1000 * s.Values[0]))
		if w := WindowOf(name); w > 0 && !slices.Contains(known.windows, w) {
			known.windows = append(known.windows, w)
		}
	}
	slices.SortFunc(known.windows, func(a, b time.Duration) int { return int(b - a) })
	missing := uncoveredTraffic(r.profiles, r.known, known.windows, func(name string) bool { return !known.starts[name].IsZero() })
	if missing == nil {
		return known, nil
	}
	if answer, err = store.Instant(ctx, missing, executor.Instant{At: now}); err != nil {
		return known, err
	}
	for _, s := range answer.Series {
		known.uncovered = append(known.uncovered, s.Labels)
	}
	return known, nil
}

// Selections select the recorded series; none if nothing is known of rules.
func (r *InPlace) Selections() []plan.Select {
	if r == nil {
		return nil
	}
	return []plan.Select{RecordedSeries}
}

// Describe says in a line what is recorded; empty if nothing is.
func (c Coverage) Describe() string {
	if len(c.starts) == 0 {
		return ""
	}
	windows := make([]string, len(c.windows))
	for i, w := range c.windows {
		windows[i] = model.Duration(w).String()
	}
	line := fmt.Sprintf("%s, with rates over %s", count(len(c.starts), "recording rule", "recording rules"), strings.Join(windows, ", "))
	if len(c.uncovered) == 0 {
		return line
	}
	var places []string
	for _, label := range slices.Sorted(maps.Keys(c.uncovered[0])) {
		places = append(places, label+"="+c.uncovered[0][label])
	}
	return line + ", which are not read: they leave out the traffic of " + strings.Join(places, ", ") +
		". Load the rules wherever model servers are scraped, or where all of their series are seen."
}

// Rewrite is the pass for a query whose oldest value is at a time. Exists reports whether a series has samples in the query's range, and
// phase is that of the Rewrite.
func (r *InPlace) Rewrite(c Coverage, oldest time.Time, exists func(string) bool, phase func(window, whole time.Duration) (time.Duration, bool)) *Rewrite {
	return &Rewrite{Known: r.known, Windows: c.windows, Exists: exists, Phase: phase, Covers: func(name string, window time.Duration) bool {
		start, written := c.starts[name]
		return written && !start.Add(window).After(oldest)
	}}
}

// Windows are those of the recorded rates, the longest first.
func (c Coverage) Windows() []time.Duration { return c.windows }

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
