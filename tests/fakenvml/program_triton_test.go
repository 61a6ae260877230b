//go:build linux

package fakenvml_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/tests/fakenvml"
)

// TestModelsOnGPUsOfTheirOwn has a Triton on two of a host's GPUs, each of which has the models with instances there.
func TestModelsOnGPUsOfTheirOwn(t *testing.T) {
	var computed atomic.Int64
	gpus := map[string]string{"first": "0", "second": "1", "both": "0,1"}
	triton := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if name, isModel := strings.CutPrefix(r.URL.Path, "/v2/models/"); isModel {
			name = strings.TrimSuffix(name, "/config")
			_, _ = fmt.Fprintf(w, `{"name":%q,"platform":"tensorrt_plan","backend":"tensorrt","instance_group":[{"name":"x","kind":"KIND_GPU","count":1,"gpus":[%s]}]}`,
				name, gpus[name])
			return
		}
		n := computed.Add(1_000_000)
		for name := range gpus {
			_, _ = fmt.Fprintf(w, "nv_inference_compute_infer_duration_us{model=%q,version=\"1\"} %d\n", name, n)
		}
	}))
	t.Cleanup(triton.Close)
	_, port, _ := strings.Cut(strings.TrimPrefix(triton.URL, "http://"), ":")
	pid, _ := process(t, "/opt/tritonserver/bin/tritonserver", "--metrics-port="+port, "--http-port="+port)
	s := fakenvml.NewHost(11)
	s.Processes = []fakenvml.Process{fakenvml.NewProcess(2, pid, 3*fakenvml.GiB, 30), fakenvml.NewProcess(10, pid, 6*fakenvml.GiB, 60)}
	p := start(t, startOptions{scenario: s, library: built.library})

	const utilization = "modelserving_gpu_model_utilization_ratio"
	pg := p.until("shares of all models on their GPUs", func(pg page) bool {
		return pg.value(utilization, "gpu", "10", "model", "second") > 0.39
	})
	for gpu, want := range map[string]map[string]float64{"2": {"first": 0.2, "both": 0.1}, "10": {"second": 0.4, "both": 0.2}} {
		require.Equal(t, 2, pg.count(utilization, "gpu", gpu, "server", "triton", "provenance", "estimated"))
		for model, part := range want {
			require.InDelta(t, part, pg.value(utilization, "gpu", gpu, "model", model), 1e-6, "%s on GPU %s", model, gpu)
		}
	}
	require.Equal(t, 2*gib, pg.value("modelserving_gpu_model_memory_bytes", "gpu", "2", "model", "first"))
	require.Equal(t, 4*gib, pg.value("modelserving_gpu_model_memory_bytes", "gpu", "10", "model", "second"))
	requireModelsAddUp(t, pg)
}
