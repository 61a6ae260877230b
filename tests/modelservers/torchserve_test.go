//go:build torchserve

package modelservers

import (
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	torchQuickSleep = 20 * time.Millisecond
	torchSlowSleep  = 120 * time.Millisecond
)

// startTorchServe answers the URLs of inference, management and metrics.
func startTorchServe(t *testing.T) (inference, management, metrics string) {
	t.Helper()
	_, err := exec.LookPath("java")
	require.NoError(t, err, "TorchServe needs Java 17 or newer on PATH; on Debian or Ubuntu: sudo apt-get install -y openjdk-17-jre-headless")
	server := install(t, "torchserve")
	free := ports(t, 5)
	models := []string{"quick", "slow"}
	server.write("models/README", "archives of the models\n")
	for _, model := range models {
		server.run("torch-model-archiver", "--model-name", model, "--version", "1.0", "--handler", "handler.py", "--export-path", "models")
	}
	server.write("config.properties", strings.Join([]string{
		"inference_address=" + loopback(free[0], ""), "management_address=" + loopback(free[1], ""), "metrics_address=" + loopback(free[2], ""),
		fmt.Sprintf("grpc_inference_port=%d", free[3]), fmt.Sprintf("grpc_management_port=%d", free[4]),
		"metrics_mode=prometheus", "disable_token_authorization=true", "model_store=models",
		"default_workers_per_model=1", "job_queue_size=100", "number_of_gpu=0", "",
	}, "\n"))
	logs := server.folder + "/logs"
	server.start(loopback(free[0], "/ping"), []string{"LOG_LOCATION=" + logs, "METRICS_LOCATION=" + logs, "TEMP=" + server.folder},
		"torchserve", "--foreground", "--ncs", "--model-store", "models", "--ts-config", "config.properties", "--models", "quick=quick.mar", "slow=slow.mar")
	return loopback(free[0], ""), loopback(free[1], ""), loopback(free[2], "/metrics")
}

func TestTorchServe(t *testing.T) {
	base, management, metrics := startTorchServe(t)
	predict := func(model, input string, status, count int) kind {
		return kind{url: base + "/predictions/" + model, body: input, header: map[string]string{"Content-Type": "text/plain"}, status: status, count: count}
	}
	quick, slow, failing := predict("quick", "good", http.StatusOK, 60), predict("slow", "good", http.StatusOK, 20), predict("quick", "fail", http.StatusServiceUnavailable, 20)
	versioned, unknown := predict("quick/1.0", "good", http.StatusOK, 20), predict("nobody", "good", http.StatusNotFound, 30)
	warm(t, quick, slow, failing, versioned, unknown)

	o := observe(t, subject{
		recognized: "TorchServe 0.12.0 with 2 models", counter: "ts_inference_requests_total", metrics: metrics, management: management,
	})
	o.requireModels("quick", "slow")
	unknown.send(t, unknown.count)
	took, sent := sendAll(t, quick, slow, failing, versioned)
	o.await(sent)

	o.requireCounts("requests", []string{"model", "version"},
		count{labels{"model": "quick", "version": "default"}, quick.count + failing.count},
		count{labels{"model": "quick", "version": "1.0"}, versioned.count},
		count{labels{"model": "slow", "version": "default"}, slow.count})
	require.InDelta(t, 20.0/150, o.value("error_rate", "mean", nil), exactly)
	require.InDelta(t, 30.0/150, o.value("client_error_rate", "mean", nil), exactly)
	o.requireBusy(labels{"model": "slow", "state": "executing"}, torchSlowSleep, took[1])
	for _, model := range []string{"quick", "slow"} {
		require.InDelta(t, 1, o.value("replicas", "last", labels{"model": model, "state": "active"}, "model", "state"), exactly, "workers")
		require.InDelta(t, 1, o.value("models_resident", "last", labels{"model": model}, "model"), exactly)
	}
	require.Positive(t, o.value("memory_usage", "last", nil))
	require.Positive(t, o.value("load_time", "last", nil))
	for _, name := range []string{"response_time", "inference_time", "queue_time"} {
		o.requireNone(name, "mean", name)
	}
	require.GreaterOrEqual(t, mean(took[0]), torchQuickSleep.Seconds())
}
