package query

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/coldhit/modelserving-datasource/pkg/analysis"
	"github.com/coldhit/modelserving-datasource/pkg/executor"
	"github.com/coldhit/modelserving-datasource/pkg/frames"
	"github.com/coldhit/modelserving-datasource/pkg/plan"
	"github.com/coldhit/modelserving-datasource/pkg/profile"
	"github.com/coldhit/modelserving-datasource/pkg/promql"
	"github.com/coldhit/modelserving-datasource/pkg/series"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// The kinds of events.
const (
	kindLoads     = "loads"
	kindEvictions = "evictions"
	kindScaling   = "scaling"
	kindRestarts  = "restarts"
	kindLosses    = "losses"
)

var eventKinds = []string{kindLoads, kindEvictions, kindScaling, kindRestarts, kindLosses}

// maxEvents bounds the annotations of one query; the latest are kept.
const maxEvents = 1000

// eventsRun is one query for events while it is answered.
type eventsRun struct {
	*Evaluator
	filters map[signal.Label][]string
	present profile.Set
	environ profile.Environment
	fine    Grid
	// known is since when each server is; nil before anybody asked.
	known    map[string]int64
	found    []frames.Event
	executed []string
	notices  []data.Notice
}

// eventsQuery answers what happened to models, for annotations.
func (e *Evaluator) eventsQuery(ctx context.Context, r Request) (data.Frames, error) {
	kinds, err := validEventTypes(r.EventTypes)
	if err != nil {
		return nil, UserError{err}
	}
	run, err := e.newEventsRun(ctx, r)
	if err != nil {
		return nil, err
	}
	for _, kind := range kinds {
		switch kind {
		case kindLoads:
			err = run.steps(ctx, "model_loads", "Model loaded", "load")
		case kindEvictions:
			err = run.steps(ctx, "model_evictions", "Model unloaded", "unload")
		case kindScaling:
			err = run.scaling(ctx)
		case kindRestarts:
			err = run.restarts(ctx)
		case kindLosses:
			err = run.losses(ctx)
		}
		if err != nil {
			return nil, err
		}
	}
	if len(run.executed) == 0 {
		run.notices = appendNotice(run.notices, data.NoticeSeverityInfo, "No event source: no target exposes a management API, replica counts or request counters.")
	}
	slices.SortStableFunc(run.found, func(a, b frames.Event) int { return a.Time.Compare(b.Time) })
	if n := len(run.found); n > maxEvents {
		run.notices = appendNotice(run.notices, data.NoticeSeverityWarning, fmt.Sprintf("This time range has %d events. The latest %d are shown.", n, maxEvents))
		run.found = run.found[n-maxEvents:]
	}
	return frames.Events(run.found, strings.Join(run.executed, "\n\n"), run.notices), nil
}

// validEventTypes are the event types that a query names; all if it names none. Each costs a pass over the range, and is there once.
func validEventTypes(kinds []string) ([]string, error) {
	for _, k := range kinds {
		if !slices.Contains(eventKinds, k) {
			return nil, fmt.Errorf("unknown event type %q: choose from %s", k, strings.Join(eventKinds, ", "))
		}
	}
	if len(kinds) == 0 {
		return eventKinds, nil
	}
	return slices.Compact(slices.Sorted(slices.Values(kinds))), nil
}

func (e *Evaluator) newEventsRun(ctx context.Context, r Request) (*eventsRun, error) {
	filters, err := signal.NewFilters(r.Filters)
	if err != nil {
		return nil, UserError{err}
	}
	// Events are looked for at the finest step that the bound on points allows, not at the panel's.
	suits := e.Store.Grid()
	fine, err := NewGrid(r.Range, suits.Interval, maxPoints, suits)
	if err != nil {
		return nil, UserError{err}
	}
	// What servers there are is found out as for any other query.
	run := &signalRun{Evaluator: e, Request: r}
	if err := run.prepare(ctx); err != nil {
		return nil, err
	}
	return &eventsRun{Evaluator: e, filters: filters, present: run.present, environ: run.environ, fine: fine}, nil
}

// series runs a plan over the range, as finely as events are looked for.
func (e *eventsRun) series(ctx context.Context, n plan.Node) ([]series.Series, error) {
	e.executed = append(e.executed, promql.Text(n, 0))
	answer, err := e.Store.Range(ctx, n, executor.Range{Start: e.fine.Start, End: e.fine.End, Step: e.fine.Step})
	if err != nil {
		return nil, err
	}
	return analysis.Finite(answer.Series), nil
}

// steps finds where a counter of a signal rises.
func (e *eventsRun) steps(ctx context.Context, name, title, tag string) error {
	sig, _ := signal.Find(name)
	counter := e.present.Counter(sig, e.filters)
	if counter == nil {
		return nil
	}
	all, err := e.series(ctx, counter)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return nil
	}
	if err := e.findServers(ctx); err != nil {
		return err
	}
	for _, s := range all {
		for _, step := range analysis.Steps(s, e.knownSince(s)) {
			e.found = append(e.found, event(title, tag, s.Labels, step))
		}
	}
	return nil
}

// meetServers finds out since when each server has been seen in the range.
func (e *eventsRun) findServers(ctx context.Context) error {
	n := e.present.Servers(e.filters)
	if e.known != nil || n == nil {
		return nil
	}
	all, err := e.series(ctx, n)
	if err != nil {
		return err
	}
	e.known = map[string]int64{}
	for _, s := range all {
		e.known[serverOf(s.Labels)] = s.Times[0]
	}
	return nil
}

// knownSince is when the server of a counter was seen for the first time in the range; when the counter was, if nothing else tells
// of the server.
func (e *eventsRun) knownSince(counter series.Series) int64 {
	if at, seen := e.known[serverOf(counter.Labels)]; seen {
		return at
	}
	return counter.Times[0]
}

func event(title, tag string, labels map[string]string, step analysis.Step) frames.Event {
	what := labels[string(signal.Model)]
	if what == "" { // servers that do not say which of their models it was
		what = "a model"
		if d := labels[string(signal.Deployment)]; d != "" {
			what += " of " + d
		}
	}
	text := what
	if v := labels[string(signal.Version)]; v != "" {
		text += " version " + v
	}
	if where := labels[string(signal.Replica)]; where != "" {
		text += " on " + where
	}
	if step.Size > 1 {
		text += fmt.Sprintf(" (%.0f times)", step.Size)
	}
	return frames.Event{Time: time.UnixMilli(step.Time), Title: title + ": " + what, Text: text, Tags: eventTags(tag, labels)}
}

// eventTags are the kind of an event, and to whom it happened.
func eventTags(kind string, labels map[string]string) []string {
	tags := []string{kind}
	for _, l := range []signal.Label{signal.Environment, signal.Deployment, signal.Model} {
		if v := labels[string(l)]; v != "" {
			tags = append(tags, v)
		}
	}
	return tags
}
