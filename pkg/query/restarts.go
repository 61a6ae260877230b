package query

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/coldhit/modelserving-datasource/pkg/analysis"
	"github.com/coldhit/modelserving-datasource/pkg/executor"
	"github.com/coldhit/modelserving-datasource/pkg/frames"
	"github.com/coldhit/modelserving-datasource/pkg/plan"
	"github.com/coldhit/modelserving-datasource/pkg/series"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// firstScrapeIntervals is how many scrape intervals pass until targets that appear together have all been scraped: a count of replicas
// that grows before that is no scaling. It looks forward from the first sample. The query cache waits for samples that are written
// late, which takes one interval more (querycache.staleMarkerIntervals).
const firstScrapeIntervals = 3

// scaling finds where the number of active replicas changes. A count that vanishes is no scaling: nobody tells any more.
func (e *eventsRun) scaling(ctx context.Context) error {
	for _, n := range e.present.ActiveReplicas(e.filters, e.environ) {
		all, err := e.series(ctx, n)
		if err != nil {
			return err
		}
		settle := max(firstScrapeIntervals*e.Store.Grid().Interval, e.fine.Step)
		for _, s := range all {
			for _, c := range analysis.Changes(s, e.fine.Step, settle, e.fine.Start.UnixMilli()) {
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
	known := map[string]bool{}
	if n := e.present.ProcessStarts(e.filters); n != nil {
		starts, err := e.series(ctx, n)
		if err != nil {
			return err
		}
		for _, s := range starts {
			known[serverOf(s.Labels)] = true
			for _, c := range analysis.Changes(s, e.fine.Step, 0, e.fine.Start.UnixMilli()) {
				if c.To > c.From {
					e.found = append(e.found, restarted(s.Labels, c.Time, "its process started again"))
				}
			}
		}
	}
	counters := e.present.RequestCounters(e.filters, e.environ)
	if counters == nil {
		return nil
	}
	all, err := e.series(ctx, counters)
	if err != nil {
		return err
	}
	return e.resets(ctx, slices.DeleteFunc(all, func(s series.Series) bool { return known[serverOf(s.Labels)] }))
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
		e.notices = appendNotice(e.notices, data.NoticeSeverityWarning, fmt.Sprintf("Request counters fell %d times in this time range. Only the latest %d were checked for restarts.", n, maxResets))
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
		loaded, err := e.loadedAround(ctx, f.Change, f.labels)
		if err != nil {
			return err
		}
		if analysis.BeganAgain(before, after, loaded) {
			e.found = append(e.found, restarted(f.labels, f.Time, "all of its request counters started again"))
		}
	}
	return nil
}

// countersAt are the counters of requests of one server at a time, model by model and metric by metric.
func (e *eventsRun) countersAt(ctx context.Context, at int64, labels map[string]string) ([]series.Series, error) {
	var all []series.Series
	for i, n := range e.present.RequestCountersByModel(serverFilter(labels), e.environ) {
		counters, err := e.countersNow(ctx, n, time.UnixMilli(at))
		if err != nil {
			return nil, err
		}
		for _, s := range counters {
			s.Labels = maps.Clone(s.Labels)
			s.Labels[counterLabel] = strconv.Itoa(i)
			all = append(all, s)
		}
	}
	return all, nil
}

// counterLabel tells the counters of one model apart.
const counterLabel = "counter"

// scrapesOfLoads is how many scrape intervals the count of a load may be from the scrape in which its model's counters fell: it is
// read at another time, and late where the server is busy.
const scrapesOfLoads = 2

// loadedAround tells of which models of a server a load was counted while its counters fell, of any version: a model has none
// before its first load.
func (e *eventsRun) loadedAround(ctx context.Context, fall analysis.Change, labels map[string]string) (func(map[string]string) bool, error) {
	sig, _ := signal.Find("model_loads")
	counter, off := e.present.Counter(sig, serverFilter(labels)), scrapesOfLoads*e.Store.Grid().Interval
	before, err := e.countersNow(ctx, counter, time.UnixMilli(fall.Before).Add(-off))
	if err != nil {
		return nil, err
	}
	after, err := e.countersNow(ctx, counter, time.UnixMilli(fall.Time).Add(off))
	if err != nil {
		return nil, err
	}
	counted := map[string]float64{}
	for _, s := range after {
		counted[s.Labels[string(signal.Model)]] += s.Values[len(s.Values)-1]
	}
	for _, s := range before {
		counted[s.Labels[string(signal.Model)]] -= s.Values[len(s.Values)-1]
	}
	return func(labels map[string]string) bool { return counted[labels[string(signal.Model)]] > 0 }, nil
}

// standing are counters as they stand at a time; none where nothing counts.
func (e *eventsRun) countersNow(ctx context.Context, n plan.Node, at time.Time) ([]series.Series, error) {
	if n == nil {
		return nil, nil
	}
	answer, err := e.Store.Instant(ctx, n, executor.Instant{At: at})
	if err != nil {
		return nil, err
	}
	return analysis.Finite(answer.Series), nil
}

// only filters by the server that labels tell of.
func serverFilter(labels map[string]string) map[signal.Label][]string {
	filters := map[signal.Label][]string{}
	for _, l := range []signal.Label{signal.Environment, signal.Deployment, signal.Replica} {
		filters[l] = []string{labels[string(l)]}
	}
	return filters
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
