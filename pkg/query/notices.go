package query

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
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
func (r *signalRun) explain(ctx context.Context, answered bool) error {
	status, err := r.status(ctx, r.Range)
	if err != nil {
		return err
	}
	for _, w := range append(status.warnings, r.Mistakes...) {
		r.warn(w)
	}
	for _, m := range status.missing {
		r.warn(m)
	}
	r.warn(describeDown(status.targets))
	if answered {
		return nil
	}
	if why := r.collecting(status); why != "" {
		r.warn(why)
	} else if len(r.notices) == 0 {
		r.warn(fmt.Sprintf("No data for %s in this time range: no traffic, or no match for the filters.", r.query.Signal.Name))
	}
	return nil
}

// collecting says that there has not been enough time for an answer, or nothing to ask.
func (e *Evaluator) collecting(s status) string {
	if !s.collects {
		return "" // somebody else collects
	}
	if len(s.targets) == 0 {
		return "No targets are configured. Add the metrics URL of a model server in the data source settings."
	}
	interval := e.Store.Grid().Interval
	if s.since.IsZero() {
		return fmt.Sprintf("Collecting data: nothing has been scraped yet. The first numbers appear after two scrapes, %s apart.", interval)
	}
	if e.Now().Sub(s.since) < 2*interval+time.Second {
		return fmt.Sprintf("Collecting data since %s: the first numbers appear after two scrapes, %s apart.", s.since.UTC().Format("15:04:05 MST"), interval)
	}
	return ""
}

// describeDown counts the targets that cannot be scraped at present, with the first reasons if the user may see them.
func describeDown(targets []Target) string {
	const shown = 3
	down := 0
	var reasons []string
	for _, t := range targets {
		if t.Up || !t.Scraped {
			continue
		}
		down++
		if t.Problem != "" {
			reasons = append(reasons, t.Problem)
		}
	}
	what := fmt.Sprintf("%d of %d targets are down", down, len(targets))
	switch {
	case down == 0:
		return ""
	case len(reasons) == 0:
		return what + ". Editors of the data source see the reasons in Save & test."
	case down > shown:
		return fmt.Sprintf("%s, for example %s", what, strings.Join(reasons[:min(shown, len(reasons))], "; "))
	}
	return fmt.Sprintf("%s: %s", what, strings.Join(reasons, "; "))
}
