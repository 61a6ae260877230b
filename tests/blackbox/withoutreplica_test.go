package blackbox

import (
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/tests/blackbox/driver"
)

// untilRounds is how long it may take until windows hold what they are to hold.
const untilRounds = 2 * time.Minute

// scaledToZero is a platform whose model goes to zero replicas and comes back every ten scrapes. In each of these rounds 12
// requests wait for the replica, and 48 find it there.
func scaledToZero(t *testing.T) *httptest.Server {
	t.Helper()
	var scrapes atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n := scrapes.Add(1) - 1
		place := n % 10
		requests, active := 60*(n/10)+12+8*min(place, 6), 0
		if place <= 5 {
			active = 1
		}
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		_, _ = fmt.Fprintf(w, "baseten_inference_requests_total{model_name=\"iris\",deployment_id=\"d1\",is_async=\"false\",status_code=\"200\"} %d\n"+
			"baseten_replicas_active{model_name=\"iris\",deployment_id=\"d1\"} %d\n", requests, active)
	}))
	t.Cleanup(server.Close)
	return server
}

func TestRequestsWhileNoReplicaIsActiveAreColdHits(t *testing.T) {
	t.Parallel()
	p := driver.Start(t, binary, t.TempDir())
	vllm := latencies("llama", map[float64]float64{0.3: 10, 0.5: 60})
	s := driver.Embedded("zero", unmanaged(t, "baseten", scaledToZero(t).URL+"/metrics"), unmanaged(t, "vllm", growing(t, vllm).URL+"/metrics"))
	iris := map[string]string{"model": "iris"}
	near := func(want, got float64) bool { return math.Abs(want-got) < 0.06 } // the window's ends are not those of rounds
	var answer backend.DataResponse
	require.Eventually(t, func() bool {
		q := within("30s", query("cold_hit_rate", nil, "model"))
		q["instant"] = true
		answer = p.Ask(s, 30*time.Second, q)["A"]
		share, found := driver.Find(answer, iris)
		return found && near(0.2, share)
	}, untilRounds, 4*pollEvery)
	_, found := driver.Find(answer, map[string]string{"model": "llama"})
	require.False(t, found, "nobody tells of vLLM whether there are replicas")
	from := provenanceOf(t, answer, iris)
	require.Equal(t, "derived", from[0].Origin)
	require.Contains(t, from[0].Recipe, "checked every 1s")
	require.Contains(t, answer.Frames[0].Meta.ExecutedQueryString, "baseten_replicas_active")

	ratio := within("30s", query("cache_hit_ratio", nil, "model"))
	ratio["instant"] = true
	require.Eventually(t, func() bool {
		answers := p.Ask(s, 30*time.Second, ratio, map[string]any{"queryType": "models"})
		cold := cell(t, answers["B"], "iris", "cold_hit_rate_mean")
		return near(0.8, driver.Value(t, answers["A"], iris)) && cold != nil && near(0.2, *cold)
	}, untilRounds, 4*pollEvery)
}

// While the autoscaler does not answer, nobody knows that there is no replica.
func TestAGapInScrapingIsNoLackOfReplicas(t *testing.T) {
	t.Parallel()
	p := driver.Start(t, binary, t.TempDir())
	mesh := growing(t, "istio_requests_total{reporter=\"source\",destination_service_name=\"iris\",response_code=\"200\"} +5\n")
	autoscaler := newFakeServer(t, "autoscaler_actual_pods{service_name=\"iris\",revision_name=\"iris-1\"} 0\n")
	s := driver.Embedded("gap", unmanaged(t, "mesh", mesh.URL+"/metrics"), unmanaged(t, "autoscaler", autoscaler.URL+"/metrics"))
	q := within("10s", query("cold_hit_rate", nil, "model"))
	q["instant"] = true
	iris := map[string]string{"model": "iris"}
	share := func() (float64, bool) { return driver.Find(p.Ask(s, time.Minute, q)["A"], iris) }
	require.Eventually(t, func() bool {
		value, found := share()
		return found && value == 1
	}, untilRounds, 4*pollEvery)
	autoscaler.show("")
	require.Eventually(t, func() bool {
		_, found := share()
		return !found
	}, untilRounds, 4*pollEvery)
	requests := within("10s", query("requests", nil, "model"))
	requests["instant"] = true
	require.Positive(t, driver.Value(t, p.Ask(s, time.Minute, requests)["A"], iris), "they go on")
	autoscaler.show("autoscaler_actual_pods{service_name=\"iris\",revision_name=\"iris-1\"} 2\n")
	require.Eventually(t, func() bool {
		value, found := share()
		return found && value == 0
	}, untilRounds, 4*pollEvery)
}
