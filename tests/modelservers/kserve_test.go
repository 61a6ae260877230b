//go:build modelservers

package modelservers

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestKServe(t *testing.T) {
	server := install(t, "kserve")
	free := ports(t, 1)
	base := loopback(free[0], "")
	server.start(base+"/v2/health/ready", nil, "python", "sleeping.py", "--http_port", fmt.Sprint(free[0]), "--enable_grpc", "false",
		"--sleeping", fmt.Sprintf("quick=%g", quickSleep.Seconds()), "--sleeping", fmt.Sprintf("slow=%g", slowSleep.Seconds()))
	predict := func(model string, input, status, count int) kind {
		return kind{url: base + "/v1/models/" + model + ":predict", body: fmt.Sprintf(`{"instances": [%d]}`, input), status: status, count: count}
	}
	quick, failing, slow := predict("quick", 1, http.StatusOK, 60), predict("quick", -1, http.StatusBadRequest, 30), predict("slow", 1, http.StatusOK, 20)
	warm(t, quick, failing, slow)

	o := observe(t, subject{recognized: "KServe model server with 2 models", counter: "request_predict_seconds_count", metrics: base + "/metrics", window: 40 * time.Second})
	o.requireModels("quick", "slow")
	took, sent := sendAll(t, quick, failing, slow)
	o.await(sent)

	o.requireCounts("requests", []string{"model", "status"},
		count{labels{"model": "quick", "status": "success"}, quick.count},
		count{labels{"model": "quick", "status": "failure"}, failing.count},
		count{labels{"model": "slow", "status": "success"}, slow.count},
		count{labels{"model": "slow", "status": "failure"}, 0})
	require.InDelta(t, 30.0/90, o.value("error_rate", "mean", labels{"model": "quick"}, "model"), exactly)
	require.InDelta(t, 0, o.value("error_rate", "mean", labels{"model": "slow"}, "model"), exactly)
	o.requireMedian("inference_time", labels{"model": "quick"}, quickSleep, took[0])
	o.requireMedian("inference_time", labels{"model": "slow"}, slowSleep, took[2])
	o.requireMean("inference_time", labels{"model": "slow"}, slowSleep, took[2])
	o.requireMean("response_time", labels{"model": "slow"}, slowSleep, took[2])
	o.requireBusy(labels{"model": "slow", "state": "executing"}, slowSleep, took[2])
	require.InDelta(t, 1, o.value("replicas", "last", labels{"model": "slow", "state": "active"}, "model", "state"), exactly)
	o.requireNone("response_time", "p95", "response_time")
	o.requireNone("queue_time", "p95", "does not report queue_time")
}
