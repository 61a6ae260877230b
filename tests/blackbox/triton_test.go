package blackbox

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/tests/blackbox/driver"
)

const (
	// waitForScrape bounds waits that end as soon as a scrape is seen: it is for machines that do much else.
	waitForScrape = time.Minute
	pollEvery     = 50 * time.Millisecond
)

func query(signal string, statistics []string, groupBy ...string) map[string]any {
	return map[string]any{"signal": signal, "statistics": statistics, "groupBy": groupBy, "window": "1m"}
}

func TestTritonUnderLoad(t *testing.T) {
	t.Parallel()
	server := newReplay(t, "1-metrics-all-idle", "3-repository-index")
	p := driver.Start(t, binary, t.TempDir())
	s := driver.Embedded("load", server.target("one"))

	idle := p.Check(s)
	require.Equal(t, "OK", idle.Status.String(), idle.Message)
	require.Contains(t, idle.Message, "NVIDIA Triton Inference Server 2.51.0 with 6 models")
	require.Contains(t, string(idle.JSONDetails), "Recognized by nv_inference_request_success.")
	requireScraped(t, server, "1-metrics-all-idle", 3)
	answers := p.Ask(s, time.Minute, query("response_time", []string{"p95"}, "model"), query("error_rate", nil, "model"))
	require.Empty(t, answers["A"].Frames[0].Fields, "the quantile of an idle summary is Nan: no data\n%s", driver.Describe(answers["A"]))
	require.Empty(t, answers["B"].Frames[0].Fields, "no traffic is no data\n%s", driver.Describe(answers["B"]))

	server.show("2-metrics-all-loaded", "")
	requireScraped(t, server, "2-metrics-all-loaded", 3)
	answers = p.Ask(s, time.Minute,
		query("requests", nil, "model", "status"),
		query("error_rate", nil, "model"),
		query("response_time", []string{"p50", "p95", "mean"}, "model"),
		query("inference_time", []string{"mean"}, "model"),
		query("response_cache_hit_ratio", nil, "model"),
		query("concurrent_requests", []string{"last"}, "model", "state"),
		query("models_resident", []string{"last"}),
		query("replicas", []string{"last"}, "deployment", "state"),
		query("memory_usage", []string{"last"}, "replica"),
	)
	for ref, r := range answers {
		require.NoError(t, r.Error, "%s: %s", ref, driver.Describe(r))
	}
	require.InDelta(t, 20.0/50, driver.Value(t, answers["B"], map[string]string{"model": "pipe"}), 1e-9, "failures ÷ all")
	require.InDelta(t, 0, driver.Value(t, answers["B"], map[string]string{"model": "fast"}), 1e-9)
	success := driver.Value(t, answers["A"], map[string]string{"model": "pipe", "status": "success"})
	failure := driver.Value(t, answers["A"], map[string]string{"model": "pipe", "status": "failure"})
	require.InDelta(t, 30.0/20, success/failure, 1e-9)
	fast := driver.Value(t, answers["A"], map[string]string{"model": "fast", "status": "success"})
	require.InDelta(t, 260.0/30, fast/success, 1e-9, "both versions")
	require.InDelta(t, (2231255.0+1150194)/260/1e6, driver.Value(t, answers["C"], map[string]string{"model": "fast", "statistic": "mean"}), 1e-9)
	require.InDelta(t, 0.020319, driver.Value(t, answers["C"], map[string]string{"model": "pipe", "statistic": "p95"}), 1e-9)
	require.InDelta(t, 0.010153, driver.Value(t, answers["C"], map[string]string{"model": "fast", "version": "2", "statistic": "p95"}), 1e-9)
	require.InDelta(t, 0.005818, driver.Value(t, answers["C"], map[string]string{"model": "fast", "version": "1", "statistic": "p95"}), 1e-9)
	require.Contains(t, driver.Notices(answers["C"]), "cannot be merged")
	require.InDelta(t, 563264.0/11/1e6, driver.Value(t, answers["D"], map[string]string{"model": "cached"}), 1e-9, "without the answers from the cache")
	requireProvenance(t, answers["C"])
	_, states := p.Call(s, "values", "label=state")
	require.Equal(t, []any{"active", "executing", "queued"}, states["values"])
	_, statuses := p.Call(s, "values", "label=status")
	require.Equal(t, []any{"failure", "success"}, statuses["values"], "of the servers that are there")
	require.InDelta(t, 69.0/79, driver.Value(t, answers["E"], map[string]string{"model": "cached"}), 1e-9)
	require.Len(t, answers["E"].Frames, 1, "only the model with a cache")
	executing := driver.Value(t, answers["F"], map[string]string{"model": "slow", "state": "executing"})
	require.InDelta(t, (5001467.0-3583469)/(456574-52), executing/driver.Value(t, answers["F"], map[string]string{"model": "pipe", "state": "executing"}), 1e-6)
	require.InDelta(t, 0, driver.Value(t, answers["F"], map[string]string{"model": "slow", "state": "queued"}), 1e-9)
	require.InDelta(t, 7, driver.Value(t, answers["G"], nil), 1e-9, "model versions in the repository index")
	require.InDelta(t, 1, driver.Value(t, answers["H"], map[string]string{"deployment": "demo", "state": "active"}), 1e-9)
	require.InDelta(t, 1201545216, driver.Value(t, answers["I"], nil), 1e-3)
	// A scrape may end between two queries of a request, which then tell of different moments; at most a few times.
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		answers := p.Ask(s, time.Minute, query("requests", nil, "model", "status"), query("requests", nil, "code"))
		failures := driver.Value(t, answers["A"], map[string]string{"model": "pipe", "status": "failure"})
		assert.InEpsilon(c, failures, driver.Value(t, answers["B"], map[string]string{"code": "OTHER"}), 1e-9)
	}, waitForScrape, 4*pollEvery)
}

func TestModelsThatVanishAndComeBack(t *testing.T) {
	t.Parallel()
	server := newReplay(t, "2-metrics-all-loaded", "3-repository-index")
	p := driver.Start(t, binary, t.TempDir())
	s := driver.Embedded("vanish", server.target("one"))
	p.Check(s)
	requireScraped(t, server, "2-metrics-all-loaded", 2)
	server.show("5-metrics-during-burst", "")
	requireScraped(t, server, "5-metrics-during-burst", 3)
	burst := p.Ask(s, time.Minute, query("requests", nil, "model"), query("concurrent_requests", []string{"max"}, "model", "state"))
	require.Positive(t, driver.Value(t, burst["B"], map[string]string{"model": "slow", "state": "queued"}))

	server.show("6-metrics-after-unload-cached", "6-index-after-unload")
	requireScraped(t, server, "6-metrics-after-unload-cached", 4)
	cached := map[string]string{"model": "cached"}
	happened := func(cachedNow float64, events ...string) (resident backend.DataResponse) {
		t.Helper()
		// The repository index is asked for apart from the metrics.
		require.EventuallyWithT(t, func(c *assert.CollectT) {
			answers := p.Ask(s, time.Minute, query("models_resident", []string{"last"}, "model"), map[string]any{"queryType": "events"})
			assert.Equal(c, events, titles(t, answers["B"]))
			resident = answers["A"]
			assert.InDelta(c, cachedNow, driver.Value(t, resident, cached), 0, driver.Describe(resident))
		}, waitForScrape, 4*pollEvery)
		return resident
	}
	unloaded := happened(0, "Model unloaded: cached")
	require.InDelta(t, 2, driver.Value(t, unloaded, map[string]string{"model": "fast"}), 1e-9, "both versions")

	server.show("7-metrics-after-reload-cached", "3-repository-index")
	requireScraped(t, server, "7-metrics-after-reload-cached", 4)
	happened(1, "Model unloaded: cached", "Model loaded: cached")
	requests := p.Ask(s, time.Minute, query("requests", nil, "model"))["A"]
	require.GreaterOrEqual(t, driver.Value(t, requests, cached), 0.0, "a counter that comes back at 0 is a reset, not a fall")
}

func TestTritonWithoutSummaries(t *testing.T) {
	t.Parallel()
	server := newReplay(t, "8-metrics-default-idle", "3-repository-index")
	p := driver.Start(t, binary, t.TempDir())
	s := driver.Embedded("default", server.target("one"))
	require.Contains(t, string(p.Check(s).JSONDetails), "summary_latencies=true")
	requireScraped(t, server, "8-metrics-default-idle", 2)
	server.show("9-metrics-default-loaded", "")
	requireScraped(t, server, "9-metrics-default-loaded", 3)

	panel := query("response_time", []string{"p95"}, "model")
	alert := query("response_time", []string{"p95"}, "model")
	alert["instant"] = true
	answers := p.Ask(s, time.Minute, panel, alert, query("request_size", nil, "model"))
	require.Positive(t, driver.Value(t, answers["A"], map[string]string{"model": "fast", "statistic": "mean"}))
	_, found := driver.Find(answers["A"], map[string]string{"statistic": "p95"})
	require.False(t, found)
	require.Contains(t, driver.Notices(answers["A"]), "--metrics-config summary_latencies=true")
	require.Empty(t, answers["B"].Frames[0].Fields, "a number that an alert compares never silently becomes a mean")
	require.Contains(t, driver.Notices(answers["B"]), "--metrics-config summary_latencies=true")
	require.Contains(t, driver.Notices(answers["C"]), "does not report request_size")
	require.Contains(t, driver.Notices(answers["C"]), "recorder")
}

// requireProvenance checks that every frame says how its numbers came about.
func requireProvenance(t *testing.T, r backend.DataResponse) {
	t.Helper()
	require.NotEmpty(t, r.Frames)
	for _, f := range r.Frames {
		text, err := json.Marshal(f.Meta.Custom)
		require.NoError(t, err)
		require.Contains(t, string(text), `"origin":"measured"`)
		require.Contains(t, string(text), `"server":"NVIDIA Triton Inference Server"`)
		require.Contains(t, string(text), `"layer":"server"`)
		require.Regexp(t, `"metrics":\["nv_inference_request_(summary|duration)_us"`, string(text))
	}
}
