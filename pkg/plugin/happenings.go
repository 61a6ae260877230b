package plugin

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/coldhit/modelserving-datasource/pkg/analysis"
	"github.com/coldhit/modelserving-datasource/pkg/frames"
	"github.com/coldhit/modelserving-datasource/pkg/promql"
	"github.com/coldhit/modelserving-datasource/pkg/series"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// scrapesToSettle is how many scrape intervals it takes until all targets that come at once have been seen.
const scrapesToSettle = 3

// scaling finds where the number of active replicas changes. A count that vanishes is no scaling: nobody tells any more.
func (e *eventsRun) scaling(ctx context.Context) error {
	for _, n := range e.present.ActiveReplicas(e.filters, e.environ) {
		all, err := e.series(ctx, n)
		if err != nil {
			return err
		}
		settle := max(scrapesToSettle*e.store.ScrapeInterval(), e.fine.step)
		for _, s := range all {
			for _, c := range analysis.Changes(s, e.fine.step, settle, e.fine.start.UnixMilli()) {
				e.found = append(e.found, scaled(s.Labels, c))
			}
		}
	}
	return nil
}

func scaled(labels map[string]string, c analysis.Change) frames.Event {
	title := "Scaled up"
	if c.To < c.From {
		title = "Scaled down"
	}
	what := labels[string(signal.Model)]
	if what == "" {
		what = labels[string(signal.Deployment)]
	}
	return frames.Event{
		Time: time.UnixMilli(c.Time), Title: title + ": " + what, Tags: eventTags(kindScaling, labels),
		Text: fmt.Sprintf("%s: from %.4g to %.4g active replicas", what, c.From, c.To),
	}
}

// maxResets bounds how many falls of counters are looked into; the latest are.
const maxResets = 100

// restarts finds where a server's process began anew: where it says when it began, by that, else by its counters of requests.
func (e *eventsRun) restarts(ctx context.Context) error {
	said := map[string]bool{}
	if n := e.present.ProcessStarts(e.filters); n != nil {
		starts, err := e.series(ctx, n)
		if err != nil {
			return err
		}
		for _, s := range starts {
			said[serverOf(s.Labels)] = true
			for _, c := range analysis.Changes(s, e.fine.step, 0, e.fine.start.UnixMilli()) {
				if c.To > c.From {
					e.found = append(e.found, restarted(s.Labels, c.Time, "its process began anew"))
				}
			}
		}
	}
	counters := e.present.RequestCounters(e.filters, e.environ, false)
	if counters == nil {
		return nil
	}
	all, err := e.series(ctx, counters)
	if err != nil {
		return err
	}
	return e.resets(ctx, slices.DeleteFunc(all, func(s series.Series) bool { return said[serverOf(s.Labels)] }))
}

// resets looks into the falls of servers' counters: where a model was unloaded only its own are gone.
func (e *eventsRun) resets(ctx context.Context, servers []series.Series) error {
	type fall struct {
		labels map[string]string
		analysis.Change
	}
	var falls []fall
	for _, s := range servers {
		for _, c := range analysis.Falls(s) {
			falls = append(falls, fall{s.Labels, c})
		}
	}
	slices.SortStableFunc(falls, func(a, b fall) int { return int(b.Time - a.Time) })
	if n := len(falls); n > maxResets {
		e.notices = appendNotice(e.notices, data.NoticeSeverityWarning, fmt.Sprintf("Counters of requests fell %d times in this time range; the latest %d were looked at for restarts.", n, maxResets))
		falls = falls[:maxResets]
	}
	for _, f := range falls {
		before, err := e.countersAt(ctx, f.Before, f.labels)
		if err != nil {
			return err
		}
		after, err := e.countersAt(ctx, f.Time, f.labels)
		if err != nil {
			return err
		}
		if analysis.BeganAgain(before, after) {
			e.found = append(e.found, restarted(f.labels, f.Time, "all of its counters of requests began again"))
		}
	}
	return nil
}

// countersAt are the counters of requests of one server at a time, model by model.
func (e *eventsRun) countersAt(ctx context.Context, at int64, labels map[string]string) ([]series.Series, error) {
	filters := map[signal.Label][]string{}
	for _, l := range []signal.Label{signal.Environment, signal.Deployment, signal.Replica} {
		filters[l] = []string{labels[string(l)]}
	}
	n := e.present.RequestCounters(filters, e.environ, true)
	if n == nil {
		return nil, nil
	}
	answer, err := e.store.Instant(ctx, promql.Text(n, 0), time.UnixMilli(at))
	if err != nil {
		return nil, err
	}
	return analysis.Finite(answer.Series), nil
}

// serverOf tells servers apart.
func serverOf(labels map[string]string) string {
	return analysis.Key(labels, []signal.Label{signal.Environment, signal.Deployment, signal.Replica})
}

func restarted(labels map[string]string, at int64, why string) frames.Event {
	where := labels[string(signal.Replica)]
	return frames.Event{
		Time: time.UnixMilli(at), Title: "Restarted: " + where, Text: where + ": " + why, Tags: eventTags("restart", labels),
	}
}
