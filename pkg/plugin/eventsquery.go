package plugin

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/coldhit/modelserving-datasource/pkg/analysis"
	"github.com/coldhit/modelserving-datasource/pkg/frames"
	"github.com/coldhit/modelserving-datasource/pkg/promql"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// eventKinds are the counters whose steps are events, and what a step of each is called.
var eventKinds = []struct{ signal, title, tag string }{
	{"model_loads", "Model loaded", "load"},
	{"model_evictions", "Model unloaded", "unload"},
}

// maxEvents bounds the annotations of one query; the latest are kept.
const maxEvents = 1000

// eventsQuery answers what happened to models, for annotations.
func (d *Datasource) eventsQuery(ctx context.Context, r request) (data.Frames, error) {
	exists, err := d.metrics(ctx, r.asked.From, r.asked.To)
	if err != nil {
		return nil, err
	}
	filters, err := signal.NewFilters(r.Filters)
	if err != nil {
		return nil, badQuery{err}
	}
	// Events are looked for at the finest step that the bound on points allows, not at the panel's.
	fine, err := newGrid(r.asked, d.store.ScrapeInterval(), maxPoints)
	if err != nil {
		return nil, badQuery{err}
	}
	var found []frames.Event
	var executed []string
	var notices []data.Notice
	for _, kind := range eventKinds {
		sig, _ := signal.Find(kind.signal)
		counter := d.profiles.Detect(exists).Counter(sig, filters)
		if counter == nil {
			continue
		}
		expr := promql.Text(counter, 0)
		executed = append(executed, expr)
		answer, err := d.store.Range(ctx, expr, fine.start, fine.end, fine.step)
		if err != nil {
			return nil, err
		}
		for _, s := range analysis.Finite(answer.Series) {
			for _, step := range analysis.Steps(s, fine.start.UnixMilli()) {
				found = append(found, event(kind.title, kind.tag, s.Labels, step))
			}
		}
	}
	if len(executed) == 0 {
		notices = appendNotice(notices, data.NoticeSeverityInfo, "Nothing here tells when models are loaded and unloaded: no target has a management endpoint that answers.")
	}
	slices.SortStableFunc(found, func(a, b frames.Event) int { return a.Time.Compare(b.Time) })
	if n := len(found); n > maxEvents {
		notices = appendNotice(notices, data.NoticeSeverityWarning, fmt.Sprintf("There are %d events in this time range; the latest %d are shown.", n, maxEvents))
		found = found[n-maxEvents:]
	}
	return frames.Events(found, strings.Join(executed, "\n\n"), notices), nil
}

func event(title, tag string, labels map[string]string, step analysis.Step) frames.Event {
	what := labels[string(signal.Model)]
	if v := labels[string(signal.Version)]; v != "" {
		what += " version " + v
	}
	text := what
	if where := labels[string(signal.Replica)]; where != "" {
		text += " on " + where
	}
	if step.Size > 1 {
		text += fmt.Sprintf(" (%.0f times)", step.Size)
	}
	tags := []string{tag}
	for _, l := range []signal.Label{signal.Environment, signal.Deployment, signal.Model} {
		if v := labels[string(l)]; v != "" {
			tags = append(tags, v)
		}
	}
	return frames.Event{Time: time.UnixMilli(step.Time), Title: title + ": " + labels[string(signal.Model)], Text: text, Tags: tags}
}
