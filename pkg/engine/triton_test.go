package engine_test

import (
	"context"
	"math"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/engine"
	"github.com/coldhit/modelserving-datasource/pkg/plan"
	"github.com/coldhit/modelserving-datasource/tests/captures"
)

func TestRealTritonFromIdleToReload(t *testing.T) {
	server := newModelServer(t)
	server.serveText(string(captures.Recording(t, "triton", "1-metrics-all-idle")))
	server.serveIndex(ofManagement(t, "triton/3-repository-index.txt"))
	registry := newRegistry(t, engine.Options{Profiles: profiles{port: server.port(t)}})
	handle := acquire(t, registry, mainKey, embedded(server.target("triton1")))

	const cached = `nv_inference_request_success{model="cached"}`
	const resident = `modelserving_model_resident{model="cached",version="1"}`
	eventually(t, handle, cached, 0)
	quantile := eventuallyAnswers(t, handle, `nv_cache_miss_summary_per_model{model="cached",quantile="0.5"}`)
	require.True(t, math.IsNaN(quantile), "an idle summary has no quantile")
	eventually(t, handle, resident, 1)
	eventually(t, handle, `sum(modelserving_model_resident)`, 7)
	eventually(t, handle, `sum(modelserving_model_loads_total) + sum(modelserving_model_evictions_total)`, 0)
	require.Equal(t, "triton", status(t, handle, "triton1").Profile)

	server.serveText(string(captures.Recording(t, "triton", "2-metrics-all-loaded")))
	eventually(t, handle, cached, 80)
	eventuallyAnswers(t, handle, cached+` and on() up{job="triton1",environment="production",deployment="vision"} == 1`)
	server.serveText(string(captures.Recording(t, "triton", "5-metrics-during-burst")))
	eventually(t, handle, `max(nv_inference_pending_request_count)`, burstPending)

	server.serveText(string(captures.Recording(t, "triton", "6-metrics-after-unload-cached")))
	server.serveIndex(ofManagement(t, "triton/6-index-after-unload.txt"))
	eventuallyGone(t, handle, cached)
	eventually(t, handle, resident, 0)
	eventually(t, handle, `modelserving_model_evictions_total{model="cached"}`, 1)
	eventuallyAnswers(t, handle, `nv_inference_request_success{model="slow"}`) // the other models go on

	server.serveText(string(captures.Recording(t, "triton", "7-metrics-after-reload-cached")))
	server.serveIndex(ofManagement(t, "triton/3-repository-index.txt"))
	eventually(t, handle, cached, 0)
	eventually(t, handle, resident, 1)
	eventually(t, handle, `modelserving_model_loads_total{model="cached"}`, 1)
	eventually(t, handle, `sum(modelserving_model_loads_total)`, 1)
	eventually(t, handle, `sum(modelserving_model_evictions_total)`, 1)
	loads, found := value(t, handle, `increase(modelserving_model_loads_total{model="cached"}[10m]) > 0`)
	require.True(t, found)
	require.Positive(t, loads)
	eventuallyIs(t, handle, "triton1", answersManagement)
}

// burstPending is the highest number of pending requests in the capture during a burst.
const burstPending = 10

func TestModelThatIsNewOrGone(t *testing.T) {
	server := newModelServer(t)
	server.serveIndex(`[{"name":"old","version":"1","state":"READY"},{"name":"never"}]`)
	target := server.target("t")
	target.Profile, target.ManagementURL = "triton", server.URL
	handle := acquire(t, newRegistry(t, engine.Options{Profiles: profiles{}}), mainKey, embedded(target))
	eventually(t, handle, `modelserving_model_resident{model="old"}`, 1)
	eventually(t, handle, `modelserving_model_resident{model="never"}`, 0)

	server.serveIndex(`[{"name":"new","version":"1","state":"READY"}]`)
	eventually(t, handle, `modelserving_model_loads_total{model="new"}`, 1)
	eventuallyGone(t, handle, `modelserving_model_resident{model="old"}`)
	eventuallyGone(t, handle, `modelserving_model_resident{model="never"}`)
	increase, found := value(t, handle, `increase(modelserving_model_loads_total{model="new"}[1m])`)
	require.True(t, found, "a first load must be seen as a step")
	require.Positive(t, increase)
	eventually(t, handle, `sum(max_over_time(modelserving_model_evictions_total{model="old"}[1m]))`, 1)
}

func TestManagementFailureDoesNotStopScraping(t *testing.T) {
	server := newModelServer(t)
	server.serveIndex(`[{"name":"m","version":"1","state":"READY"}]`)
	target := server.target("t")
	target.Profile, target.ManagementURL = "triton", server.URL
	handle := acquire(t, newRegistry(t, engine.Options{Profiles: profiles{}}), mainKey, embedded(target))
	eventually(t, handle, `modelserving_model_resident`, 1)

	broken := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
	server.index.Store(&broken)
	eventuallyGone(t, handle, `modelserving_model_resident`)
	eventuallyIs(t, handle, "t", notManaged("HTTP 500"))
	before := server.scrapes.Load()
	require.Eventually(t, func() bool { return server.scrapes.Load() > before+2 }, patience, moment)
	eventuallyIs(t, handle, "t", scraped)

	server.serveIndex(`[{"name":"m","version":"1","state":"READY"}]`)
	eventually(t, handle, `modelserving_model_resident`, 1)
	eventually(t, handle, `modelserving_model_loads_total`, 0)
	eventuallyIs(t, handle, "t", answersManagement)
}

func ofModel(compare plan.Comparison, value, metric string) plan.Select {
	return plan.Select{Metric: metric, Matchers: []plan.Matcher{{Label: "model", Compare: compare, Value: value}}}
}

func TestLabelValues(t *testing.T) {
	server := newModelServer(t)
	server.serveText(string(captures.Recording(t, "triton", "1-metrics-all-idle")))
	handle := acquire(t, newRegistry(t, engine.Options{}), mainKey, embedded(server.target("t")))
	eventually(t, handle, `count(nv_inference_request_success)`, 7)
	values := func(label string, limit int, of ...plan.Select) []string {
		found, err := handle.LabelValues(context.Background(), label, of, time.Now().Add(-time.Minute), time.Now(), limit)
		require.NoError(t, err)
		return found
	}
	require.Equal(t, []string{"cached", "failing", "fast", "pipe", "slow", "stream"}, values("model", 0))
	require.Equal(t, []string{"cached", "failing"}, values("model", 2))
	require.Equal(t, []string{"fast", "slow"}, values("model", 0, ofModel(plan.Equal, "fast", ""), ofModel(plan.Match, "sl.*", "nv_inference_request_success")))
	require.Equal(t, []string{"production"}, values("environment", 0))
	require.Empty(t, values("model", 0, ofModel(plan.Equal, "no\"such\nmodel", "")))
	_, err := handle.LabelValues(context.Background(), "model", []plan.Select{ofModel(plan.Match, "(", "")}, time.Now(), time.Now(), 0)
	require.ErrorContains(t, err, "is invalid")
}
