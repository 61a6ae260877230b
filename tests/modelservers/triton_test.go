//go:build modelservers

package modelservers

import (
	"net/http"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/demo/fleet"
	"github.com/coldhit/modelserving-datasource/demo/prerequisite"
	"github.com/coldhit/modelserving-datasource/demo/progress"
	"github.com/coldhit/modelserving-datasource/demo/stack"
	"github.com/coldhit/modelserving-datasource/demo/triton"
)

// startTriton starts the demo's server with models of this test's own.
func startTriton(t *testing.T) *triton.Server {
	t.Helper()
	cache, err := stack.CacheFolder()
	require.NoError(t, err)
	found, err := prerequisite.Check(t.Context())
	require.NoError(t, err)
	installation, err := triton.Install(t.Context(), cache, found.Python, progress.NewPrinter(t.Output()))
	require.NoError(t, err)
	models := []fleet.Model{
		{Name: "quick", Versions: []int{1, 2}, ServiceMS: float64(quickSleep.Milliseconds()), Instances: atOnce},
		{Name: "slow", Versions: []int{1}, ServiceMS: float64(slowSleep.Milliseconds()), Instances: atOnce},
		{Name: "failing", Versions: []int{1}, ServiceMS: 1, Instances: 1, FailShare: 1},
	}
	server, err := triton.Start(&running, installation, filepath.Join(scratch, "triton"), models)
	require.NoError(t, err)
	stopAfter(t, server)
	require.NoError(t, server.WaitReady(t.Context()))
	return server
}

func TestTriton(t *testing.T) {
	server := startTriton(t)
	infer := func(path string, status, count int) kind {
		return kind{url: server.HTTP + "/v2/models/" + path + "/infer", status: status, count: count,
			body: `{"inputs": [{"name": "INPUT", "shape": [1, 1], "datatype": "FP32", "data": [1]}]}`}
	}
	quick, older, slow := infer("quick", http.StatusOK, 60), infer("quick/versions/1", http.StatusOK, 20), infer("slow", http.StatusOK, 20)
	failing := infer("failing", http.StatusInternalServerError, 30)
	warm(t, quick, older, slow, failing)

	o := observe(t, subject{
		recognized: "NVIDIA Triton Inference Server 2.51.0 with 3 models", metrics: server.Metrics, management: server.HTTP,
		counter: `{__name__=~"nv_inference_request_success|nv_inference_request_failure"}`,
	})
	o.requireModels("quick", "slow", "failing")
	took, sent := sendAll(t, quick, older, slow, failing)
	o.await(sent)

	o.requireCounts("requests", []string{"model", "version", "status"},
		count{labels{"model": "quick", "version": "2", "status": "success"}, quick.count},
		count{labels{"model": "quick", "version": "1", "status": "success"}, older.count},
		count{labels{"model": "slow", "status": "success"}, slow.count},
		count{labels{"model": "failing", "status": "failure"}, failing.count})
	require.InDelta(t, 1, o.value("error_rate", "mean", labels{"model": "failing"}, "model"), exactly)
	require.InDelta(t, 0, o.value("error_rate", "mean", labels{"model": "quick"}, "model"), exactly)
	for _, name := range []string{"response_time", "inference_time"} {
		o.requireMean(name, labels{"model": "slow"}, slowSleep, took[2])
	}
	require.GreaterOrEqual(t, o.value("response_time", "p50", labels{"model": "slow"}, "model"), slowSleep.Seconds())
	o.requireBusy(labels{"model": "slow", "state": "executing"}, slowSleep, took[2])
	require.InDelta(t, 2, o.value("models_resident", "last", labels{"model": "quick"}, "model"), exactly, "both versions")
}
