package dashboards

import (
	"slices"

	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// Metrics is the dashboard that has the order and the words of a hosted platform's Metrics tab.
func Metrics() Dashboard {
	return made(MetricsUID, "Metrics", "Traffic, latency, errors and resources of the selected models.", ofMany(), []row{
		{title: "Inference volume", panels: volume()},
		{title: "Response time", panels: slices.Concat(
			busiestAndAll("response_time", endToEndWords), busiestAndAll("inference_time", ""), busiestAndAll("time_to_first_byte", ""))},
		{title: "Request and response size", panels: []panel{p95ByModel("request_size", ""), p95ByModel("response_size", "")}},
		{title: "Replicas", panels: replicas()},
		{title: "Concurrent requests", panels: concurrency()},
		{title: "CPU usage and memory", panels: cpu()},
		{title: "GPU usage and memory", panels: gpus()},
		{title: "Async queue", panels: []panel{
			chart{source: source{signal: "async_queue_size", statistics: maximum, groupBy: byModel}, of: " by model"}.panel(),
			p95ByModel("async_queue_time", ""),
		}},
	})
}

// endToEndWords distinguish the response time as the user sees it from its parts below.
const endToEndWords = " (end-to-end)"

// busiestAndAll charts the percentiles of one model, the busiest that is selected, and the p95 of all. The percentiles of
// several models are a tangle, and those of summaries cannot be merged.
func busiestAndAll(name, what string) []panel {
	of := percentilesOf(name, nil)
	// Labels beside the model are there only where series of one model cannot be merged.
	of.groupBy, of.limit = []signal.Label{signal.Model}, 1
	return []panel{
		chart{
			source: of, of: what + " of the top model, percentiles", styles: byStatistic(),
			note: "Only the selected model with the most requests is shown: select one model to see its percentiles.",
		}.panel(),
		p95ByModel(name, what),
	}
}

func p95ByModel(name, what string) panel {
	return chart{source: source{signal: name, statistics: p95, groupBy: byModel}, of: what + " by model, p95"}.panel()
}

// errorShare colours a share of failed requests by the default objective.
func errorShare() []thresholdStep {
	return []thresholdStep{{Color: "text"}, {Color: bad, Value: number(defaultObjective.ErrorRate)}}
}

func volume() []panel {
	byStatus := advice{
		high: "green requests succeeded, yellow ones failed because of the client, red ones on the server: find the model under *Error rate by model*.",
		low:  "less traffic arrives, or a layer in front of this one rejects it.",
	}
	byCode := advice{
		high: "a rising code or reason shows the kind of failure: rejected, timed out, failed in the model, or cancelled.",
		low:  "few requests of that kind.",
	}
	return []panel{
		headline{source: source{signal: "requests"}}.panel(),
		headline{source: source{signal: "error_rate"}, thresholds: errorShare()}.panel(),
		headline{source: source{signal: "client_error_rate"}}.panel(),
		headline{source: source{signal: "response_cache_hit_ratio"}}.panel(),
		chart{source: source{signal: "requests", statistics: rate, groupBy: []signal.Label{signal.Status}}, of: " by status", stacked: true, styles: byStatusOf("fixed"), advice: &byStatus}.panel(),
		chart{source: source{signal: "requests", statistics: rate, groupBy: byModel}, of: " by model"}.panel(),
		chart{source: source{signal: "requests", statistics: rate, groupBy: []signal.Label{signal.Status, signal.Code}}, of: " by code or reason", styles: byStatusOf("shades"), advice: &byCode}.panel(),
		chart{source: source{signal: "error_rate", statistics: mean, groupBy: byModel}, of: " by model"}.panel(),
		chart{source: source{signal: "client_error_rate", statistics: mean, groupBy: byModel}, of: " by model"}.panel(),
		chart{source: source{signal: "response_cache_hit_ratio", statistics: mean, groupBy: byModel}, of: " by model", share: true}.panel(),
	}
}

func replicas() []panel {
	return []panel{
		chart{source: source{signal: "replicas", statistics: last, groupBy: byState}, of: " by state", stepped: true, counted: true, styles: byStateOf()}.panel(),
		chart{source: source{signal: "models_resident", statistics: last, groupBy: byModel}, of: " by model", stepped: true, counted: true}.panel(),
		chart{source: source{signal: "model_loads", statistics: rate, groupBy: byModel}, of: " by model", width: third}.panel(),
		chart{source: source{signal: "model_evictions", statistics: rate, groupBy: byModel}, of: " by model", width: third}.panel(),
		chart{source: source{signal: "load_time", statistics: last, groupBy: byModel}, of: " by model, last load", stepped: true, width: third}.panel(),
	}
}

func concurrency() []panel {
	return append([]panel{
		chart{source: source{signal: "concurrent_requests", statistics: mean, groupBy: byState}, of: " by state", stacked: true, styles: byStateOf()}.panel(),
		chart{source: source{signal: "concurrent_requests", statistics: mean, groupBy: byModel}, of: " by model"}.panel(),
	}, busiestAndAll("queue_time", "")...)
}

func cpu() []panel {
	return []panel{
		chart{source: source{signal: "cpu_usage", statistics: mean, groupBy: ofReplica}, of: " by replica", share: true}.panel(),
		chart{source: source{signal: "memory_usage", statistics: maximum, groupBy: ofReplica}, of: " by replica, highest"}.panel(),
	}
}

func gpus() []panel {
	return []panel{
		chart{source: source{signal: "gpu_utilization", statistics: mean, groupBy: ofGPU}, of: " by GPU", share: true}.panel(),
		chart{source: source{signal: "gpu_memory_usage", statistics: mean, groupBy: ofGPU}, of: " by GPU", share: true}.panel(),
		chart{source: source{signal: "gpu_memory", statistics: maximum, groupBy: ofGPU}, of: " by GPU, highest"}.panel(),
		chart{source: source{signal: "gpu_power", statistics: mean, groupBy: ofGPU}, of: " by GPU"}.panel(),
	}
}
