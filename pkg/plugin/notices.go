package plugin

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/coldhit/modelserving-datasource/pkg/engine"
	"github.com/coldhit/modelserving-datasource/pkg/settings"
)

func (r *signalRun) warn(text string) {
	r.notices = appendNotice(r.notices, data.NoticeSeverityWarning, text)
}

func appendNotice(to []data.Notice, severity data.NoticeSeverity, text string) []data.Notice {
	if text == "" || slices.ContainsFunc(to, func(n data.Notice) bool { return n.Text == text }) {
		return to
	}
	return append(to, data.Notice{Severity: severity, Text: text})
}

// explain says why there is nothing to see, and what is known to be wrong with the store.
func (r *signalRun) explain(answered bool, targets []engine.TargetStatus) {
	for _, w := range append(r.store.Warnings(), r.mistakes...) {
		r.warn(w)
	}
	r.warn(unanswering(targets))
	if answered {
		return
	}
	if why := r.collecting(targets); why != "" {
		r.warn(why)
	} else if len(r.notices) == 0 {
		r.warn(fmt.Sprintf("No data for %s in this time range: there was no traffic, or nothing matches the filters.", r.query.Signal.Name))
	}
}

// collecting says that there has not been enough time for an answer, or nothing to ask.
func (d *Datasource) collecting(targets []engine.TargetStatus) string {
	if d.settings.Mode == settings.ModePrometheus {
		return "" // somebody else collects
	}
	if len(targets) == 0 {
		return "No targets are configured: add a model server's metrics URL in the data source's settings."
	}
	interval := d.store.ScrapeInterval()
	since := d.store.Since()
	if since.IsZero() {
		return fmt.Sprintf("Collecting data: nothing has been scraped yet. The first numbers appear after two scrapes, %s apart.", interval)
	}
	if time.Since(since) < 2*interval+time.Second {
		return fmt.Sprintf("Collecting data since %s: the first numbers appear after two scrapes, %s apart.", since.UTC().Format("15:04:05 MST"), interval)
	}
	return ""
}

// unanswering names the targets that cannot be scraped at present.
func unanswering(targets []engine.TargetStatus) string {
	const shown = 3
	var reasons []string
	for _, t := range targets {
		if !t.Up && t.LastError != "" {
			reasons = append(reasons, t.LastError)
		}
	}
	switch n := len(reasons); {
	case n == 0:
		return ""
	case n > shown:
		return fmt.Sprintf("%d of %d targets do not answer, among them %s", n, len(targets), strings.Join(reasons[:shown], "; "))
	default:
		return fmt.Sprintf("%d of %d targets do not answer: %s", n, len(targets), strings.Join(reasons, "; "))
	}
}
