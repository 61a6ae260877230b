package blackbox

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/tests/blackbox/driver"
)

// manySeries serves a page of so many series of one counter, with a label as long as names of models are.
func manySeries(t testing.TB, n int) *httptest.Server {
	t.Helper()
	var page strings.Builder
	page.WriteString("# TYPE nv_inference_request_success counter\n")
	for i := range n {
		fmt.Fprintf(&page, "nv_inference_request_success{model=\"a-model-of-many-%05d\",version=\"1\"} %d\n", i, i)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		_, _ = w.Write([]byte(page.String()))
	}))
	t.Cleanup(server.Close)
	return server
}

// ahead is a range of so many seconds from now, in which samples of now are found by functions over long windows.
func ahead(seconds int) backend.TimeRange {
	now := time.Now().Truncate(time.Second)
	return backend.TimeRange{From: now, To: now.Add(time.Duration(seconds) * time.Second)}
}

// atEverySecond is a query at each second of a range ahead.
func atEverySecond(t testing.TB, ref string, seconds int, q map[string]any) backend.DataQuery {
	t.Helper()
	made := driver.DataQuery(t, ref, ahead(seconds), time.Second, q)
	made.MaxDataPoints = 20_000
	return made
}

const everything = `last_over_time(nv_inference_request_success[4h])`

// some selects about so many of the series.
func some(n int) string {
	return fmt.Sprintf(`last_over_time(nv_inference_request_success{model=~"a-model-of-many-0(%s)..?"}[4h])`, []string{"000", "00.", "0.."}[n])
}

// worstQueries are queries that any viewer can send, each with what its refusal says.
func worstQueries(t testing.TB) map[string]struct {
	query backend.DataQuery
	says  string
} {
	t.Helper()
	type worst = struct {
		query backend.DataQuery
		says  string
	}
	values := make([]string, 100_000)
	for i := range values {
		values[i] = fmt.Sprintf("a-model-of-many-%05d", i)
	}
	joined := everything
	for range 20 {
		joined = `label_join(` + joined + `, "a", "-", "model", "model", "a", "a")`
	}
	nested := `nv_inference_request_success`
	for range 4 {
		nested = `max_over_time(` + nested + `[1d:1s])`
	}
	return map[string]worst{
		"nested calls":      {atEverySecond(t, "nested calls", 10, promQL(strings.Repeat("abs(", 625_000)+"up"+strings.Repeat(")", 10))), "bytes and 524288 are allowed"},
		"nested enough":     {atEverySecond(t, "nested enough", 10, promQL(strings.Repeat("abs(", 60_000)+"up")), "nested more than 100 levels"},
		"signs":             {atEverySecond(t, "signs", 10, promQL(strings.Repeat("-", 250_000)+"1")), "nested more than 100 levels"},
		"signs of 15 MB":    {atEverySecond(t, "signs of 15 MB", 10, promQL(strings.Repeat("-", 15_000_000)+"1")), "bytes and 524288 are allowed"},
		"many tokens":       {atEverySecond(t, "many tokens", 10, promQL("1"+strings.Repeat("+1", 100_000))), "more than 10000 names"},
		"filter values":     {atEverySecond(t, "filter values", 100, with(map[string]any{"filters": map[string]any{"model": values}})), "bytes and 524288 are allowed"},
		"some values":       {atEverySecond(t, "some values", 100, with(map[string]any{"filters": map[string]any{"model": values[:5001]}})), "more than 5000 values"},
		"a long name":       {atEverySecond(t, "a long name", 100, with(map[string]any{"signal": strings.Repeat("x", 10_000)})), "longer than 256 bytes"},
		"many statistics":   {atEverySecond(t, "many statistics", 100, with(map[string]any{"statistics": slices.Repeat([]string{"rate"}, 10_000)})), "statistics and 64 are allowed"},
		"nested subqueries": {atEverySecond(t, "nested subqueries", 1000, promQL(nested)), "samples of each series"},
		"growing labels":    {atEverySecond(t, "growing labels", 1, promQL(joined)), "times longer"},
		"all series":        {atEverySecond(t, "all series", 10_000, promQL(everything)), "choose a shorter range"},
		"ten million":       {atEverySecond(t, "ten million", 9000, promQL(some(2))), "take more than 192 MiB of memory"},
		"joined with all":   {atEverySecond(t, "joined with all", 5000, promQL(everything+" * on (model) group_left () "+everything)), "choose a shorter range"},
	}
}

// gigabyte is what the plugin has to stay below, whatever is sent.
const gigabyte = 1 << 30

func TestTheWorstRequests(t *testing.T) {
	server := manySeries(t, 20_000)
	p := driver.Start(t, binary, t.TempDir())
	s := driver.Embedded("worst", driver.Target("one", server.URL+"/metrics"))
	p.Check(s)
	require.Eventually(t, func() bool {
		response := p.Ask(s, time.Minute, map[string]any{"queryType": "promql", "expr": "count(nv_inference_request_success)", "instant": true})["A"]
		value, found := driver.Find(response, nil)
		return found && value == 20_000
	}, 30*time.Second, pollEvery)
	idle := p.PeakMemory()

	for name, worst := range worstQueries(t) {
		started := time.Now()
		response := p.Request(s, worst.query)[worst.query.RefID]
		t.Logf("%s: %.160v after %s; peak %d MiB", name, response.Error, time.Since(started).Round(time.Millisecond), p.PeakMemory()>>20)
		require.Error(t, response.Error, name)
		require.Contains(t, strings.ToLower(response.Error.Error()), strings.ToLower(worst.says), name)
		require.Equal(t, backend.ErrorSourceDownstream, response.ErrorSource, name)
	}

	// Many at once, of several organisations, and each as large as is allowed.
	var all sync.WaitGroup
	var mu sync.Mutex
	outcomes := map[string]int{}
	for sender := range 6 {
		all.Go(func() {
			of := s
			if sender%3 > 0 { // others have no data, and send the same
				of = inOrganization(int64(1+sender%3), "empty", server.URL)
			}
			var queries []backend.DataQuery
			for i := range 6 {
				queries = append(queries, atEverySecond(t, fmt.Sprint("large", i), []int{1000, 4000, 10_000}[i%3], promQL(some(i%2))))
				queries = append(queries, atEverySecond(t, fmt.Sprint("signal", i), 10_000, with(map[string]any{"limit": 1000, "window": "3h"})))
			}
			ctx, cancel := context.WithTimeout(t.Context(), 45*time.Second)
			defer cancel()
			responses, err := p.TryRequest(ctx, of, queries...)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				outcomes[err.Error()]++
			}
			for _, response := range responses {
				if response.Error == nil {
					outcomes["answered"]++
				} else {
					outcomes[fmt.Sprintf("%.60s", response.Error)]++
				}
			}
		})
	}
	all.Wait()
	peak := p.PeakMemory()
	t.Logf("peak memory: %d MiB after the first scrape, %d MiB after all; %v", idle>>20, peak>>20, outcomes)
	require.Less(t, peak, int64(gigabyte))
	require.NoError(t, p.Ask(s, time.Minute, with(nil))["A"].Error, "it is alive")
	require.Positive(t, outcomes["answered"])
}

// inOrganization is a data source of another organisation over a server.
func inOrganization(org int64, uid, url string) driver.Source {
	s := driver.Embedded(uid, driver.Target("one", url+"/metrics"))
	s.ID, s.OrgID = org, org
	return s
}

// TestAQuietOrganization has an alert rule of one organisation evaluated while another one refreshes panels that cost as much as is allowed.
func TestAQuietOrganization(t *testing.T) {
	loud, quiet := inOrganization(1, "loud", manySeries(t, 20_000).URL), inOrganization(2, "quiet", manySeries(t, 20).URL)
	quiet.Headers = map[string]string{backend.FromAlertHeaderName: "true"}
	p := driver.Start(t, binary, t.TempDir())
	rule := map[string]any{"signal": "requests", "groupBy": []string{"model"}, "window": "10s", "instant": true}
	for _, s := range []driver.Source{loud, quiet} {
		p.Check(s)
		require.Eventually(t, func() bool {
			return len(p.Ask(s, time.Minute, promQL("last_over_time(nv_inference_request_success[1m])"))["A"].Frames) > 19
		}, 30*time.Second, pollEvery)
	}
	evaluate := func(until func() bool) (latencies []time.Duration) {
		for len(latencies) < 100 || !until() {
			started := time.Now()
			response := p.Ask(quiet, time.Minute, rule)["A"]
			require.NoError(t, response.Error)
			require.NotEmpty(t, response.Frames)
			latencies = append(latencies, time.Since(started))
			time.Sleep(50 * time.Millisecond) // the pace of rules, not a wait for anything
		}
		slices.Sort(latencies)
		return latencies
	}
	alone := evaluate(func() bool { return true })

	ctx, stop := context.WithCancel(t.Context())
	var panels sync.WaitGroup
	var mu sync.Mutex
	refreshed := 0
	for range 10 {
		panels.Go(func() {
			for ctx.Err() == nil {
				queries := []backend.DataQuery{
					atEverySecond(t, "A", 8000, promQL(some(2))), atEverySecond(t, "B", 450, promQL("sum by (model) ("+everything+")")),
					atEverySecond(t, "C", 10_000, with(map[string]any{"window": "3h", "limit": 1000})), atEverySecond(t, "D", 400, promQL("quantile_over_time(0.5, nv_inference_request_success[2h])")),
				}
				if _, err := p.TryRequest(ctx, loud, queries...); err == nil {
					mu.Lock()
					refreshed++
					mu.Unlock()
				}
			}
		})
	}
	beside := evaluate(func() bool {
		mu.Lock()
		defer mu.Unlock()
		return refreshed >= 3
	})
	stop()
	panels.Wait()
	p99 := beside[len(beside)*99/100]
	t.Logf("an alert rule's evaluation: %s alone at the median and %s at the 99th percentile; %s and %s beside ten panels of another organization, which were refreshed %d times",
		alone[len(alone)/2], alone[len(alone)*99/100], beside[len(beside)/2], p99, refreshed)
	require.Less(t, p99, 2*time.Second)
}
