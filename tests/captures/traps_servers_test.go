package captures

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

var (
	tritonLoaded  = []string{"1-metrics-all-idle", "2-metrics-all-loaded"}
	tritonRefused = []string{"5-metrics-during-burst", "6-metrics-after-unload-cached"}
)

// 100 requests reached the model failing, by itself and as a step of pipe; every request with a negative number was answered
// with HTTP 500.
func TestTritonErrorsOfSingleRequestsCountAsSuccesses(t *testing.T) {
	t.Parallel()
	require.Contains(t, answers(t, "triton", tritonLoaded, "error_rate", signal.Mean), "model=failing version=1 0", "as Triton has it")
	s := replay(t, "triton", tritonLoaded)
	for _, name := range []string{"requests", "error_rate"} {
		for _, how := range s.descriptions(embedded(t), name, statisticOf(name)) {
			require.Contains(t, how, "errors that a Python model returns for single requests count as successes", name)
		}
	}
}

func statisticOf(name string) signal.Statistic {
	if name == "requests" {
		return signal.Rate
	}
	return signal.Mean
}

// 40 requests were sent to the ensemble pipe, 10 of them failed.
func TestTritonEnsembleFailuresCountTwice(t *testing.T) {
	t.Parallel()
	s := replay(t, "triton", tritonLoaded)
	require.Contains(t, answers(t, "triton", tritonLoaded, "requests", signal.Rate), "code=OTHER model=pipe status=failure version=1 20")
	for _, name := range []string{"requests", "error_rate"} {
		for _, how := range s.descriptions(embedded(t), name, statisticOf(name)) {
			require.Contains(t, how, "failures of an ensemble count twice", name)
		}
	}
}

// 120 requests were sent to slow, 100 of them were answered with 503 at once.
func TestTritonRequestsThatAFullQueueRefusedCountNowhere(t *testing.T) {
	t.Parallel()
	s := replay(t, "triton", tritonLoaded)
	total := s.number(`sum(increase({__name__=~"nv_inference_request_(success|failure)",model="slow"}[60001ms]))`)
	require.InDelta(t, 20, total, 0.01)
	for _, name := range []string{"requests", "error_rate"} {
		for _, how := range s.descriptions(embedded(t), name, statisticOf(name)) {
			require.Contains(t, how, "requests that a full queue rejects are not counted", name)
		}
	}
}

func TestTritonQueueTimeOutsAreRejected(t *testing.T) {
	t.Parallel()
	require.Contains(t, answers(t, "triton", tritonRefused, "requests", signal.Rate), "code=REJECTED model=slow status=failure version=1 8")
	require.Contains(t, answers(t, "triton", tritonRefused, "error_rate", signal.Mean), "model=slow version=1 0.3333", "8 of 24: not the client's doing")
	require.Contains(t, answers(t, "triton", tritonRefused, "client_error_rate", signal.Mean), "model=slow version=1 0")
}

// The pages are those of 2.51, with the failures as 2.39 writes them.
func TestTritonBefore2407GivesNoReason(t *testing.T) {
	t.Parallel()
	withoutReason := func(page []byte) []byte {
		others := regexp.MustCompile(`(?m)^nv_inference_request_failure\{.*reason="(CANCELED|REJECTED|BACKEND)".*\n`)
		return regexp.MustCompile(`,reason="OTHER"`).ReplaceAll(others.ReplaceAll(page, nil), nil)
	}
	s := newStore(t, 2)
	s.add("triton", withoutReason(Recording(t, "triton", tritonLoaded[0])), withoutReason(Recording(t, "triton", tritonLoaded[1])))
	require.Contains(t, s.answers(embedded(t), "requests", signal.Rate, "model", "status", "code"), "model=pipe status=failure 20")
	require.Contains(t, s.answers(embedded(t), "error_rate", signal.Mean, "model"), "model=pipe 0.4")
	require.Equal(t, []string{"no data"}, s.answers(embedded(t), "client_error_rate", signal.Mean, "model"), "whose doing it was is not known")
}

func TestTritonUnloadDropsTheSeriesAndReloadStartsAtZero(t *testing.T) {
	t.Parallel()
	const cached = "model=cached version=1 1"
	require.NotContains(t, answers(t, "triton", tritonRefused, "models_resident", signal.Last), cached)
	reloaded := []string{"6-metrics-after-unload-cached", "7-metrics-after-reload-cached"}
	require.Contains(t, answers(t, "triton", reloaded, "models_resident", signal.Last), cached)
	whole := replay(t, "triton", []string{"4-metrics-all-loaded2", "5-metrics-during-burst", "6-metrics-after-unload-cached", "7-metrics-after-reload-cached"})
	require.Negative(t, whole.number(`sum(nv_inference_request_success{model="cached"}) - sum(nv_inference_request_success{model="cached"} offset 2m)`),
		"what a difference would make of it")
	for _, line := range whole.answers(embedded(t), "requests", signal.Rate, "model") {
		require.NotRegexp(t, ` -`, line)
	}
}

// The parts of the plan are asked as they are: quantiles of models that nobody asked are NaN in the store.
func TestTritonQuantilesOfIdleSummariesAreNotANumber(t *testing.T) {
	t.Parallel()
	s := replay(t, "triton", []string{"1-metrics-all-idle", "1-metrics-all-idle"})
	require.NotEmpty(t, s.ask(`nv_inference_request_summary_us{quantile="0.95"} != nv_inference_request_summary_us{quantile="0.95"}`), "NaN is unlike itself")
	require.Equal(t, []string{"no data"}, s.answers(embedded(t), "response_time", signal.P95, "model"))
}

func TestTritonServerWideCacheTotalsAreGauges(t *testing.T) {
	t.Parallel()
	page := string(Recording(t, "triton", tritonLoaded[1]))
	require.Contains(t, page, "# TYPE nv_cache_num_hits gauge")
	for _, recipes := range embedded(t).Find("triton").Signals {
		for _, r := range recipes {
			for _, metric := range r.Reads() {
				require.NotRegexp(t, `^nv_cache_(num_(hits|misses|lookups|entries|evictions)|util)$`, metric)
			}
		}
	}
	require.Equal(t, []string{"model=cached version=1 0.8734"}, answers(t, "triton", tritonLoaded, "response_cache_hit_ratio", signal.Mean), "69 of 69 + 10")
}

// 80 requests were sent to cached, 69 of them were answered from the response cache.
func TestTritonInferenceCountsLeaveCachedAnswersOut(t *testing.T) {
	t.Parallel()
	require.Contains(t, answers(t, "triton", tritonLoaded, "requests", signal.Rate), "model=cached status=success version=1 80")
	s := replay(t, "triton", tritonLoaded)
	wrong := spoiled(t, "triton", "metric: nv_inference_request_success, set", "metric: nv_inference_count, set")
	require.Contains(t, s.answers(wrong, "requests", signal.Rate, "model", "status"), "model=cached status=success 11")
	mean := s.number(`sum(increase(nv_inference_compute_infer_duration_us{model="cached"}[60001ms])) / sum(increase(nv_inference_count{model="cached"}[60001ms])) / 1e6`)
	require.InDelta(t, 0.05121, mean, 1e-5)
	require.Contains(t, answers(t, "triton", tritonLoaded, "inference_time", signal.Mean), "model=cached version=1 0.05121", "over the 11 that ran the model")
}

// The server of the recordings was started with histogram_latencies=true and decoupled requests were sent to stream.
func TestTritonHistogramsThatWereSwitchedOnAreNotThere(t *testing.T) {
	t.Parallel()
	require.NotContains(t, string(Recording(t, "triton", tritonLoaded[1])), "histogram_ms")
	s := replay(t, "triton", tritonLoaded)
	require.Empty(t, s.answers(embedded(t), "time_to_first_byte", signal.P95, "model"))
	sig, _ := signal.Find("time_to_first_byte")
	require.Contains(t, embedded(t).Detect(s.has).Explain(sig, signal.P95, s.has), "run Triton 24.11 or later with --metrics-config histogram_latencies=true")
}

// A failing handler answered 15 times, a full queue 79 times, all with 503.
func TestTorchServeFailingHandlersAndFullQueuesAnswerAlike(t *testing.T) {
	t.Parallel()
	s := replay(t, "torchserve", []string{"0-before-any-request", "2-metrics-loaded"})
	require.InDelta(t, 94, s.number(`Requests5XX`), 0)
	require.Equal(t, []string{"0.2089"}, s.answers(embedded(t), "error_rate", signal.Mean, "model", "version"), "the model is not made up")
	for _, line := range s.answers(embedded(t), "requests", signal.Rate, "model", "status", "code") {
		require.Regexp(t, `^model=(fast|slow|failing) \d+$`, line, "neither a status nor a code")
	}
}

// The applications gone and muxgone were deleted a minute before the last recording, after 20 more requests to gone.
func TestRaySeriesOfDeletedDeploymentsStay(t *testing.T) {
	t.Parallel()
	before, after := Recording(t, "ray_serve", "5-before-delete"), Recording(t, "ray_serve", "6-after-delete")
	at := newStore(t, 2)
	at.add("ray_serve", before, after)
	require.Contains(t, at.answers(embedded(t), "requests", signal.Rate, "model"), "model=gone 20", "what it served before is not lost")

	since := newStore(t, 2)
	since.add("ray_serve", after, after)
	for _, metric := range []string{"ray_serve_num_http_requests_total", "ray_serve_http_request_latency_ms_count", "ray_serve_deployment_queued_queries"} {
		require.NotEmpty(t, since.ask(metric+`{application="gone"}`), "%s stays", metric)
	}
	require.Contains(t, since.answers(embedded(t), "requests", signal.Rate, "model"), "model=gone 0")
	require.Contains(t, since.answers(embedded(t), "model_loads", signal.Rate, "model"), "model=muxgone 0")
	for _, s := range []*store{at, since} {
		for _, name := range []string{"replicas", "models_resident"} {
			require.NotRegexp(t, "gone", s.answers(embedded(t), name, signal.Last, "model"), name)
		}
		require.Empty(t, s.ask(embedded(t).Find("ray_serve").IdentityMetric+`{application="gone"}`), "it is not among the models that are served")
	}
	for name, st := range map[string]signal.Statistic{
		"response_time": signal.P95, "queue_time": signal.P95, "load_time": signal.P95, "error_rate": signal.Mean, "cold_load_rate": signal.Mean,
	} {
		require.NotRegexp(t, "gone", since.answers(embedded(t), name, st, "model"), "%s: no traffic is no data", name)
	}
}

func TestMLServerErrorRateIncludesTheClients(t *testing.T) {
	t.Parallel()
	s := replay(t, "mlserver", []string{"0-before-any-request", "2-metrics-loaded"})
	failed := s.number(`sum(increase(model_infer_request_failure_total[60001ms]))`)
	byServer := s.number(`sum(increase(rest_server_requests_total{status_code="500"}[60001ms]))`)
	require.Greater(t, failed, byServer, "unknown models and bad input are among the failures")
	for _, how := range s.descriptions(embedded(t), "error_rate", signal.Mean) {
		require.Contains(t, how, "all failed requests, client errors included")
	}
}
