package query

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestNoticesOfCollecting(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		scraper scraper
		want    string
	}{
		"no targets":    {scraper{}, "No targets are configured"},
		"no scrape yet": {scraper{targets: []Target{{Up: true}}}, "nothing has been scraped yet"},
		"just begun":    {scraper{targets: []Target{{Up: true}}, since: noon.Add(-20 * time.Second)}, "Collecting data since 11:59:40 UTC"},
		"long since":    {scraper{targets: []Target{{Up: true}}, since: noon.Add(-time.Hour)}, "No data for requests in this time range"},
		"one fails":     {scraper{targets: []Target{{Scraped: true, Problem: "x is down"}, {Up: true}}, since: noon.Add(-time.Hour)}, "1 of 2 targets are down: x is down"},
		"many fail": {scraper{targets: []Target{{Scraped: true, Problem: "1"}, {Scraped: true, Problem: "2"}, {Scraped: true, Problem: "3"}, {Scraped: true, Problem: "4"}}, since: noon.Add(-time.Hour)},
			"4 of 4 targets are down, for example 1; 2; 3"},
		"reasons are for editors": {scraper{targets: []Target{{Scraped: true}, {}, {Up: true, Scraped: true}}, since: noon.Add(-time.Hour)},
			"1 of 3 targets are down. Editors of the data source see the reasons in Save & test."},
		"not stored": {scraper{targets: []Target{{Up: true}}, since: noon.Add(-time.Hour), missing: []string{"Nothing was stored from 11:50."}}, "Nothing was stored from 11:50."},
		"a warning":  {scraper{targets: []Target{{Up: true}}, warnings: []string{"The disk is full."}}, "The disk is full."},
	} {
		h := newHarness(t)
		h.Collector = c.scraper
		require.Contains(t, h.ask(signalOf("requests", nil)).notices(), c.want, name)
	}
	h := newHarness(t, triton)
	h.Collector, h.Mistakes = scraper{targets: []Target{{Up: true}}, since: noon.Add(-time.Hour)}, []string{"Custom profile ignored."}
	require.Equal(t, "Custom profile ignored.", h.ask(signalOf("requests", nil)).notices())
	h.Collector = scraper{err: errDown}
	require.ErrorIs(t, h.fails(signalOf("requests", nil)), errDown)
	require.ErrorIs(t, h.fails(halfHour(Request{Type: PromQL, Expr: "nobody"})), errDown)
}

// Where samples were not stored, no panel says that there was no traffic.
func TestMissingSamplesAreNotNoTraffic(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.Collector = scraper{targets: []Target{{Up: true}}, since: noon.Add(-time.Hour), missing: []string{"Nothing was stored from 11:50."}}
	for name, r := range map[string]Request{"signal": signalOf("requests", nil), "promql": halfHour(Request{Type: PromQL, Expr: "nobody"}), "models": halfHour(Request{Type: Models})} {
		notices := h.ask(r).notices()
		require.Contains(t, notices, "Nothing was stored from 11:50.", name)
		require.NotContains(t, notices, "no traffic", name)
	}
}
