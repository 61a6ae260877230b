//go:build modelservers

package modelservers

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// loadSleep is how long a multiplexed model takes to load.
const loadSleep = 350 * time.Millisecond

// multiplexed asks for models by id, one after the other. The replica holds the two that were used last.
func multiplexed(t *testing.T, base string, ids ...string) {
	t.Helper()
	for _, id := range ids {
		one := kind{url: base + "/multiplexed", method: http.MethodGet, header: map[string]string{"serve_multiplexed_model_id": id}, status: http.StatusOK}
		one.send(t, 1)
	}
}

// patience are settings of Ray for a host that is busy. A start waits 30 s for its node and spends them on a single question
// that is not answered, unless that question ends earlier; and an HTTP proxy is given up after three questions of 5 s.
func patience() []string {
	return []string{"RAY_gcs_server_request_timeout_seconds=5", "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S=60"}
}

func TestRayServe(t *testing.T) {
	// Ray asks for a token wherever it is not told otherwise, and would write one into the home folder.
	token := rand.Text()
	server := install(t, "rayserve")
	free := ports(t, 3)
	base := loopback(free[0], "")
	// The application that answers there is deployed last.
	server.start(base+"/failing", append(patience(), "RAY_USAGE_STATS_ENABLED=0", "RAY_DEDUP_LOGS=0", "RAY_AUTH_MODE=token", "RAY_AUTH_TOKEN="+token),
		"python", "applications.py",
		"--http-port", fmt.Sprint(free[0]), "--metrics-port", fmt.Sprint(free[1]),
		"--dashboard-port", fmt.Sprint(free[2]), "--folder", server.folder)
	ask := func(path string, status, count int) kind {
		return kind{url: base + path, method: http.MethodGet, status: status, count: count}
	}
	sleeping, fine := ask("/sleeping", http.StatusOK, 40), ask("/failing", http.StatusOK, 50)
	raising, refused := ask("/failing?raise=1", http.StatusInternalServerError, 30), ask("/failing?status=429", http.StatusTooManyRequests, 20)
	unknown := ask("/nobody", http.StatusNotFound, 5)
	warm(t, sleeping, fine, raising, refused, unknown)
	multiplexed(t, base, "a", "b", "c", "a", "b", "c", "a", "b")

	// What the proxy counts for applications, once more than was sent for the question whether the server is ready; and of the
	// multiplexed models their requests, loads and unloads.
	const counted = "ray_serve_num_http_requests_total|ray_serve_multiplexed_(get_model_requests|models_load|models_unload)_counter_total"
	metrics := loopback(free[1], "/metrics")
	settle(t, metrics, `(?:`+counted+`)\{[^}]*application="[^"]+"[^}]*\}`, 4*warmUp+8+1+8+8+6)
	o := observe(t, subject{
		recognized: "Ray Serve", counter: `{__name__=~"` + counted + `",application!=""}`,
		metrics: metrics, unmanaged: true, apiKey: token,
	})
	o.requireModels("sleeping", "failing", "multiplexed")
	multiplexed(t, base, "a", "b", "b", "b", "a", "c", "c", "a", "a", "b", "b", "a")
	took, sent := sendAll(t, sleeping, fine, raising, refused)
	o.await(sent + 12 + 12 + 2 + 2)

	o.requireCounts("requests", []string{"model", "code"},
		count{labels{"model": "sleeping", "code": "200"}, sleeping.count},
		count{labels{"model": "failing", "code": "200"}, fine.count},
		count{labels{"model": "failing", "code": "500"}, raising.count},
		count{labels{"model": "failing", "code": "429"}, refused.count},
		count{labels{"model": "multiplexed", "code": "200"}, 12})
	require.InDelta(t, 30.0/100, o.value("error_rate", "mean", labels{"model": "failing"}, "model"), exactly)
	require.InDelta(t, 20.0/100, o.value("client_error_rate", "mean", labels{"model": "failing"}, "model"), exactly)
	require.InDelta(t, 0, o.value("error_rate", "mean", labels{"model": "sleeping"}, "model"), exactly)
	o.requireMedian("response_time", labels{"model": "sleeping"}, slowSleep, took[0])
	o.requireMedian("inference_time", labels{"model": "sleeping"}, slowSleep, took[0])
	o.requireNone("response_time", "mean", "response_time")
	require.InDelta(t, 2, o.value("replicas", "last", labels{"model": "sleeping", "state": "active"}, "model", "state"), exactly)
	require.InDelta(t, 1, o.value("replicas", "last", labels{"model": "failing", "state": "active"}, "model", "state"), exactly)

	// The replica held a and b: c, b again, and nothing else had to be loaded.
	o.requireCounts("model_loads", []string{"model"}, count{labels{"model": "multiplexed"}, 2})
	o.requireCounts("model_evictions", []string{"model"}, count{labels{"model": "multiplexed"}, 2})
	require.InDelta(t, 2.0/12, o.value("cold_load_rate", "mean", labels{"model": "multiplexed"}, "model"), exactly)
	require.InDelta(t, 2.0/12, o.value("cold_hit_rate", "mean", labels{"model": "multiplexed"}, "model"), exactly)
	require.InDelta(t, 2, o.value("models_resident", "last", labels{"model": "multiplexed"}, "model"), exactly)
	o.requireMedian("load_time", labels{"model": "multiplexed"}, loadSleep, []time.Duration{loadSleep * 2})

	o.requireHeld(ask("/sleeping?seconds=8", http.StatusOK, 0), 3, labels{"model": "sleeping", "state": "executing"})

	// With Ray's dashboard the plugin knows the version, and replicas by their state.
	managed := observe(t, subject{
		recognized: "Ray Serve 2.60.0 with 3 models", counter: "ray_serve_deployment_replica_healthy",
		metrics: metrics, management: loopback(free[2], ""), apiKey: token,
	})
	managed.requireModels("sleeping", "failing", "multiplexed")
	for model, replicas := range map[string]float64{"sleeping": 2, "failing": 1, "multiplexed": 1} {
		for _, state := range []string{"active", "desired"} {
			require.InDelta(t, replicas, managed.value("replicas", "last", labels{"model": model, "state": state}, "model", "state"), exactly)
		}
	}
}
