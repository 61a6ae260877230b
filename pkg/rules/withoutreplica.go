package rules

import (
	"fmt"
	"strings"
	"time"

	"github.com/coldhit/modelserving-datasource/pkg/profile"
	"github.com/coldhit/modelserving-datasource/pkg/promql"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// withoutReplica is the share of a window's requests that came while no replica was active, where something tells how many
// there are; else it is empty. Each evaluation records the requests of one piece of time, so that long windows only add up what
// is recorded.
func (w *ruleExpressions) withoutReplica(by []signal.Label, filters map[signal.Label][]string, window time.Duration) string {
	every := max(w.options.Interval, w.servers.ScrapeInterval)
	sig, _ := signal.Find(signal.ColdHitRate)
	q := signal.Query{Signal: sig, Statistics: []signal.Statistic{signal.Mean}, GroupBy: by, Filters: filters, Window: every}
	// A query without a limit has one part at most.
	parts := w.servers.Profiles.WithoutReplica(q, w.servers.Environment(every), profile.Pieces{Every: every, Scrape: w.servers.ScrapeInterval})
	if len(parts) == 0 {
		return ""
	}
	name := fmt.Sprintf("modelserving:%s:%s:rate_%s", level(by), called("requests_by_active_replica", filters), durationText(every))
	w.record(name, every, promql.Text(parts[0].Plan, 0), nil)
	sum := func(matchers string) string {
		return fmt.Sprintf("sum by (%s) (sum_over_time(%s[%s]))", strings.Join(words(by), ", "), selected(name, matchers), durationText(window))
	}
	return fmt.Sprintf(`(%s or %s * 0) / (%s > 0)`, sum(`start="cold"`), sum(""), sum(""))
}

// either is the first of two ruleExpressions, and for what it says nothing of the second; an empty one is none.
func either(first, second string) string {
	switch {
	case first == "":
		return second
	case second == "":
		return first
	}
	return first + " or " + second
}
