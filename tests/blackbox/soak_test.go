package blackbox

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/genproto/pluginv2"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/tests/blackbox/driver"
)

// soakTime is how long the soak test runs: MODELSERVING_TEST_SOAK, such as 30m, or a little while.
func soakTime(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("MODELSERVING_TEST_SOAK")
	if text == "" {
		return time.Minute
	}
	d, err := time.ParseDuration(text)
	require.NoError(t, err)
	return d
}

// usage is what a process has at a time.
type usage struct{ goroutines, descriptors, heap, resident float64 }

func (u usage) String() string {
	return fmt.Sprintf("%.0f goroutines, %.0f descriptors, %.0f MiB of heap, %.0f MiB resident", u.goroutines, u.descriptors, u.heap/(1<<20), u.resident/(1<<20))
}

var usageMetrics = map[string]*regexp.Regexp{}

func init() {
	for _, name := range []string{"go_goroutines", "process_open_fds", "go_memstats_heap_alloc_bytes", "process_resident_memory_bytes"} {
		usageMetrics[name] = regexp.MustCompile(`(?m)^` + name + ` (\S+)`)
	}
}

func readUsage(t *testing.T, p *driver.Plugin) usage {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), waitForScrape)
	defer cancel()
	answer, err := p.Health.CollectMetrics(ctx, &pluginv2.CollectMetricsRequest{})
	require.NoError(t, err)
	value := func(name string) float64 {
		found := usageMetrics[name].FindSubmatch(answer.GetMetrics().GetPrometheus())
		require.NotNil(t, found, name)
		v, err := strconv.ParseFloat(string(found[1]), 64)
		require.NoError(t, err)
		return v
	}
	return usage{value("go_goroutines"), value("process_open_fds"), value("go_memstats_heap_alloc_bytes"), value("process_resident_memory_bytes")}
}

// medianUsage is the median of each. Of the heap it is the least, which is what is left after garbage was collected.
func medianUsage(all []usage) usage {
	of := func(field func(usage) float64, share int) float64 {
		var values []float64
		for _, u := range all {
			values = append(values, field(u))
		}
		slices.Sort(values)
		return values[len(values)*share/100]
	}
	return usage{
		of(func(u usage) float64 { return u.goroutines }, 50), of(func(u usage) float64 { return u.descriptors }, 50),
		of(func(u usage) float64 { return u.heap }, 0), of(func(u usage) float64 { return u.resident }, 50),
	}
}

// TestSoak changes targets, labels and settings all the time, queries, and checks health. After the first third memory, goroutines and
// descriptors have to be flat. Labels come back in turns, as those of deployments do: new ones for ever would be new series.
func TestSoak(t *testing.T) {
	t.Parallel()
	const servers, turns = 6, 8
	var pages []*counting
	for range servers {
		pages = append(pages, newCounting(t))
	}
	models := manySeries(t, 500)
	p := driver.Start(t, binary, t.TempDir())
	whole := soakTime(t)
	started := time.Now()
	var warm, flat []usage
	for round := 0; time.Since(started) < whole; round++ {
		targets := []map[string]any{deployed(t, "models", models.URL+"/metrics", fmt.Sprint("deployment", round%turns))}
		for i, page := range pages {
			if (round+i)%3 > 0 {
				targets = append(targets, deployed(t, fmt.Sprint("target", i), page.url, fmt.Sprint("deployment", (round/2+i)%turns)))
			}
		}
		s := driver.Embedded("soak", targets...)
		s.JSON["scrapeTimeout"] = fmt.Sprintf("%dms", 500+round%turns)
		p.Check(s)
		for _, q := range []map[string]any{
			with(nil), with(map[string]any{"signal": "response_time"}), promQL("sum by (deployment) (rate(nv_inference_request_success[1m]))"), promQL("scrape_number"),
			{"queryType": "events"}, {"queryType": "models"},
		} {
			response := p.Ask(s, 5*time.Minute, q)["A"]
			require.NoError(t, response.Error)
		}
		status, _ := p.Call(s, "values", "label=model")
		require.Equal(t, 200, status)
		time.Sleep(300 * time.Millisecond) // the pace of changes, not a wait for anything
		now := readUsage(t, p)
		switch at := time.Since(started); {
		case at > 2*whole/3:
			flat = append(flat, now)
		case at > whole/3:
			warm = append(warm, now)
		}
	}
	before, after := medianUsage(warm), medianUsage(flat)
	t.Logf("after a third of %s: %s; in the last third: %s", whole, before, after)
	// In a short run idle connections, which end after half a minute, and the series of the turns are still being made.
	share, more, slack := 1.1, 10.0, 16.0*(1<<20)
	if whole < 10*time.Minute {
		share, more, slack = 1.5, 50, 48*(1<<20)
	}
	require.LessOrEqual(t, after.goroutines, before.goroutines*share+more)
	require.LessOrEqual(t, after.descriptors, before.descriptors*share+more)
	require.LessOrEqual(t, after.heap, before.heap*share+slack)
	require.LessOrEqual(t, after.resident, before.resident*share+slack)
}
