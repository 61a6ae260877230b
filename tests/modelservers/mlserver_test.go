//go:build modelservers

package modelservers

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	quickSleep = 20 * time.Millisecond
	slowSleep  = 120 * time.Millisecond
)

// startMLServer answers the URLs of inference and of metrics.
func startMLServer(t *testing.T) (inference, metrics string) {
	t.Helper()
	server := install(t, "mlserver")
	free := ports(t, 3)
	server.write("settings.json", fmt.Sprintf(
		`{"host": "127.0.0.1", "http_port": %d, "grpc_port": %d, "metrics_port": %d, "parallel_workers": 1, "metrics_dir": "metrics"}`,
		free[0], free[1], free[2]))
	for name, slept := range map[string]time.Duration{"quick": quickSleep, "slow": slowSleep} {
		server.write("models/"+name+"/model-settings.json", fmt.Sprintf(
			`{"name": %q, "implementation": "sleeping.Sleeping", "parameters": {"version": "v1", "extra": {"seconds": %g}}}`, name, slept.Seconds()))
	}
	server.start(loopback(free[0], "/v2/health/ready"), []string{"PYTHONPATH=" + server.folder}, "mlserver", "start", ".")
	return loopback(free[0], ""), loopback(free[2], "/metrics")
}

func TestMLServer(t *testing.T) {
	base, metrics := startMLServer(t)
	infer := func(path string, input, status, count int) kind {
		return kind{url: base + "/v2/models/" + path + "/infer", status: status, count: count,
			body: fmt.Sprintf(`{"inputs": [{"name": "x", "shape": [1], "datatype": "FP32", "data": [%d]}]}`, input)}
	}
	quick, quickV1, failing := infer("quick", 1, http.StatusOK, 40), infer("quick/versions/v1", 1, http.StatusOK, 20), infer("quick", -1, http.StatusBadRequest, 30)
	slow := infer("slow", 1, http.StatusOK, 20)
	warm(t, quick, quickV1, failing, slow)

	o := observe(t, subject{
		recognized: "MLServer 1.7.1 with 2 models", counter: "model_infer_request_duration_count", metrics: metrics, management: base,
	})
	o.requireModels("quick", "slow")
	took, sent := sendAll(t, quick, quickV1, failing, slow)
	o.await(sent)

	o.requireCounts("requests", []string{"model", "version", "status"},
		count{labels{"model": "quick", "version": "None", "status": "success"}, quick.count},
		count{labels{"model": "quick", "version": "v1", "status": "success"}, quickV1.count},
		count{labels{"model": "quick", "status": "failure"}, failing.count},
		count{labels{"model": "slow", "status": "success"}, slow.count})
	require.InDelta(t, 30.0/90, o.value("error_rate", "mean", labels{"model": "quick"}, "model"), exactly)
	require.InDelta(t, 0, o.value("error_rate", "mean", labels{"model": "slow"}, "model"), exactly)
	require.InDelta(t, 30.0/110, o.value("client_error_rate", "mean", nil), exactly, "all models together")
	o.requireMean("response_time", labels{"model": "slow"}, slowSleep, took[3])
	require.GreaterOrEqual(t, o.value("response_time", "mean", labels{"model": "quick"}, "model"), quickSleep.Seconds())
	o.requireBusy(labels{"model": "slow"}, slowSleep, took[3])
	require.InDelta(t, 1, o.value("replicas", "last", labels{"state": "active"}, "deployment", "state"), exactly)
	for _, model := range []string{"quick", "slow"} {
		require.InDelta(t, 1, o.value("models_resident", "last", labels{"model": model}, "model"), exactly)
	}
	o.requireNone("time_to_first_byte", "p95", "does not report time_to_first_byte")

	unload := kind{url: base + "/v2/repository/models/slow/unload", status: http.StatusOK}
	unload.send(t, 1)
	require.Eventually(t, func() bool { return o.value("models_resident", "last", labels{"model": "slow"}, "model") == 0 }, scrapeTimeout, pollEvery)
	require.InDelta(t, 1, o.value("models_resident", "last", labels{"model": "quick"}, "model"), exactly)
	o.awaitEvents("Model unloaded: slow")
}
