//go:build modelservers

package modelservers

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// encoderSleep is that of the service behind the service.
const encoderSleep = 30 * time.Millisecond

func TestBentoML(t *testing.T) {
	server := install(t, "bentoml")
	free := ports(t, 1)
	base := loopback(free[0], "")
	server.start(base+"/readyz", []string{"BENTOML_HOME=" + server.folder + "/home", "BENTOML_DO_NOT_TRACK=True"},
		"bentoml", "serve", "service:Classifier", "--host", "127.0.0.1", "--port", fmt.Sprint(free[0]))
	classify := func(input, status, count int) kind {
		return kind{url: base + "/classify", body: fmt.Sprintf(`{"value": %d}`, input), status: status, count: count}
	}
	good, refused, failing := classify(1, http.StatusOK, 20), classify(-1, http.StatusBadRequest, 10), classify(91, http.StatusInternalServerError, 20)
	through := kind{url: base + "/encode_and_classify", body: `{"value": 1}`, status: http.StatusOK, count: 50}
	healthCheck := kind{url: base + "/livez", method: http.MethodGet, status: http.StatusOK}
	warm(t, good, refused, failing, through)

	o := observe(t, subject{
		recognized: "BentoML with 2 models", metrics: base + "/metrics",
		counter: `bentoml_service_request_total{endpoint!~"/(readyz|livez|healthz|metrics)",runner_name="classifier"}`,
	})
	o.requireModels("classifier", "encoder")
	healthCheck.send(t, 15)
	took, sent := sendAll(t, good, refused, failing, through)
	o.await(sent)

	o.requireCounts("requests", []string{"model", "status"},
		count{labels{"model": "classifier", "status": "2xx"}, good.count + through.count},
		count{labels{"model": "classifier", "status": "4xx"}, refused.count},
		count{labels{"model": "classifier", "status": "5xx"}, failing.count},
		count{labels{"model": "encoder", "status": "2xx"}, through.count})
	o.requireCounts("requests", []string{"model", "code"},
		count{labels{"model": "classifier", "code": "400"}, refused.count},
		count{labels{"model": "classifier", "code": "500"}, failing.count})
	require.InDelta(t, 20.0/100, o.value("error_rate", "mean", labels{"model": "classifier"}, "model"), exactly)
	require.InDelta(t, 10.0/100, o.value("client_error_rate", "mean", labels{"model": "classifier"}, "model"), exactly)
	require.InDelta(t, 0, o.value("error_rate", "mean", labels{"model": "encoder"}, "model"), exactly)
	o.requireMedian("response_time", labels{"model": "encoder"}, encoderSleep, took[3])
	o.requireMean("response_time", labels{"model": "encoder"}, encoderSleep, took[3])
	require.InDelta(t, 1, o.value("replicas", "last", labels{"model": "classifier", "state": "active"}, "model", "state"), exactly)
	o.requireNone("queue_time", "p95", "does not report queue_time")

	held := kind{url: base + "/classify", body: `{"value": 1, "seconds": 6}`, status: http.StatusOK}
	o.requireHeld(held, 3, labels{"model": "classifier"})
}
