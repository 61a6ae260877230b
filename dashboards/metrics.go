package dashboards

import (
	"slices"

	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// acceptedErrors is the share of failed requests beyond which the headline turns red: the default objective.
const acceptedErrors = 0.01

// Metrics is the dashboard that has the order and the words of a hosted platform's Metrics tab.
func Metrics() Dashboard {
	return Dashboard{
		Title:         "Model Serving / Metrics",
		UID:           "modelserving-metrics",
		Description:   "What the selected models are asked, how fast and how well they answer, and what that takes.",
		Tags:          []string{"model-serving"},
		Editable:      true,
		GraphTooltip:  sharedCrosshair,
		SchemaVersion: schemaVersion,
		Refresh:       "10s",
		Time:          timeRange{From: "now-30m", To: "now"},
		Timezone:      "browser",
		Version:       1,
		Links:         []any{},
		Annotations:   annotations(),
		Templating:    variables(),
		Panels: arrange([]row{
			{"Inference volume", volume()},
			{"Response time", slices.Concat(endToEnd(), inference(), firstByte())},
			{"Request and response size", sizes()},
			{"Replicas", replicas()},
			{"Concurrent requests", concurrency()},
			{"CPU usage and memory", cpu()},
			{"GPU usage and memory", gpu()},
			{"Async queue", asyncQueue()},
		}),
	}
}

// schemaVersion is that of Grafana 10.1, the oldest that the plugin runs in; newer ones migrate it when they open it.
const schemaVersion = 38

const sharedCrosshair = 1

// The layers at which quantities of requests are measured. One panel never mixes them.
const (
	oneLayer = "at one layer, the first that reports it: recorder, server, worker, queue proxy or gateway. " +
		"What happens outside it, such as the client's network, is not in the numbers. The panel's query inspector names the layer."
	inServer = "inside the model server."
	onHost   = "where the replica runs, as the server or an exporter beside it reports it; with a server that reads its host, other programs on that host are included."
	onGPU    = "on the GPU, by the driver: every process on it is included, not this server alone."
	byPolls  = "by asking the server's management endpoint at every scrape, so what is shorter than that can be missed."
	inQueue  = "in the platform's queue, before a request reaches any replica."
)

var (
	rate        = []signal.Statistic{signal.Rate}
	last        = []signal.Statistic{signal.Last}
	mean        = []signal.Statistic{signal.Mean}
	maximum     = []signal.Statistic{signal.Max}
	p95         = []signal.Statistic{signal.P95}
	percentiles = []signal.Statistic{signal.P50, signal.P90, signal.P95, signal.P99, signal.Mean}
)

var byModel = []signal.Label{signal.Model}

// ofBusiest charts the percentiles of one model: the busiest that is selected. The percentiles of several models are a
// tangle, and those of summaries cannot be merged.
func ofBusiest(name, what string, a advice) panel {
	a.measured += " Of the models that are selected, this shows the one with the most requests; select one model to see its own."
	return chart{
		signal: name, of: what + " of the busiest model, percentiles", statistics: percentiles, groupBy: byModel, limit: 1,
		// Labels beside the model are there only where series of one model cannot be merged.
		legend: "{{statistic}} {{model}} {{version}} {{deployment}} {{environment}} {{replica}}",
		styles: byStatistic(), advice: a,
	}.panel()
}

func p95ByModel(name, what string, a advice) panel {
	return chart{signal: name, of: what + " by model, p95", statistics: p95, groupBy: byModel, advice: a}.panel()
}

func volume() []panel {
	errorAdvice := advice{
		measured: oneLayer,
		high:     "requests are lost. Find the model in the panels below, read its log, and compare with its loads, replicas and queue.",
		low:      "as it should be. No line means no traffic, which is neither good nor bad.",
	}
	clientAdvice := advice{
		measured: oneLayer,
		high:     "clients send what the model does not accept, or give up before it answers: compare with the response time.",
		low:      "clients and models agree.",
	}
	cacheAdvice := advice{
		measured: inServer,
		high:     "many requests are repeats and cost nothing; inference time and compute are those of the others.",
		low:      "requests rarely repeat, or the cache is too small: make it larger, or switch it off where inputs never repeat.",
	}
	return []panel{
		headline{signal: "requests", advice: advice{measured: oneLayer, high: "more work for the replicas; compare with the concurrent requests.", low: "little or no traffic reaches the models."}}.panel(),
		headline{signal: "error_rate", advice: errorAdvice, thresholds: []thresholdStep{{Color: "text"}, {Color: bad, Value: number(acceptedErrors)}}}.panel(),
		headline{signal: "client_error_rate", advice: clientAdvice}.panel(),
		headline{signal: "response_cache_hit_ratio", advice: cacheAdvice}.panel(),
		chart{
			signal: "requests", of: " by status", statistics: rate, groupBy: []signal.Label{signal.Status}, stacked: true, styles: byStatus("fixed"),
			advice: advice{
				measured: oneLayer,
				high:     "green is traffic that was served. Yellow is the clients' doing, red the servers': find the model in the error rate by model.",
				low:      "a fall of the whole means that less traffic arrives, or that a layer before this one refuses it.",
			},
		}.panel(),
		chart{
			signal: "requests", of: " by model", statistics: rate, groupBy: byModel,
			advice: advice{
				measured: oneLayer,
				high:     "the models that the replicas work for most; the response time of these matters most.",
				low:      "a model that is rarely asked is the first to be evicted, and its next request is a cold one.",
			},
		}.panel(),
		chart{
			signal: "requests", of: " by code or reason", statistics: rate, groupBy: []signal.Label{signal.Status, signal.Code}, styles: byStatus("shades"),
			advice: advice{
				measured: oneLayer + " Codes are the protocol's or, where a server has none, its own reasons.",
				high:     "a code that rises says what kind of failure it is: refused, timed out, failed in the model, cancelled.",
				low:      "none of that kind.",
			},
		}.panel(),
		chart{signal: "error_rate", of: " by model", statistics: mean, groupBy: byModel, advice: errorAdvice}.panel(),
		chart{signal: "client_error_rate", of: " by model", statistics: mean, groupBy: byModel, advice: clientAdvice}.panel(),
		chart{signal: "response_cache_hit_ratio", of: " by model", statistics: mean, groupBy: byModel, whole: true, advice: cacheAdvice}.panel(),
	}
}

// endToEndWords tell the response time as the user sees it from the parts of it below.
const endToEndWords = " (end-to-end)"

func endToEnd() []panel {
	a := advice{
		measured: oneLayer,
		high:     "users wait. Look where the time goes: queue time means too few replicas, inference time a slow model, and neither of them a cold start.",
		low:      "users get their answers quickly. A p50 far below the p95 means that some requests take another path: a cold start, a queue, a large input.",
	}
	return []panel{ofBusiest("response_time", endToEndWords, a), p95ByModel("response_time", endToEndWords, a)}
}

func inference() []panel {
	a := advice{
		measured: inServer,
		high:     "the model itself is slow: a larger input or batch, a busy or throttled CPU or GPU, a slower version. More replicas do not help unless they share one device.",
		low:      "what users wait for beyond this is queue, cold start or network.",
	}
	return []panel{ofBusiest("inference_time", "", a), p95ByModel("inference_time", "", a)}
}

func firstByte() []panel {
	a := advice{
		measured: oneLayer,
		high:     "whoever reads a stream waits for its beginning: a queue, a cold start or a long prompt.",
		low:      "streams begin at once, however long they then take.",
	}
	return []panel{ofBusiest("time_to_first_byte", "", a), p95ByModel("time_to_first_byte", "", a)}
}

func sizes() []panel {
	return []panel{
		p95ByModel("request_size", "", advice{
			measured: oneLayer,
			high:     "large inputs take longer to send, to decode and to infer: compare with the response time, and with the size limits of what is in front of the server.",
			low:      "inputs are small; a slow model is slow for another reason.",
		}),
		p95ByModel("response_size", "", advice{
			measured: oneLayer,
			high:     "large answers take longer to encode and to send: return less, or compress it.",
			low:      "answers are small; a sudden fall can mean errors in place of answers.",
		}),
	}
}

func replicas() []panel {
	eventAdvice := advice{
		measured: byPolls,
		high:     "models come and go: requests that arrive meanwhile wait for a load. Give the models more memory, or fewer models to one replica.",
		low:      "what is in memory stays there.",
	}
	return []panel{
		chart{
			signal: "replicas", of: " by state", statistics: last, groupBy: []signal.Label{signal.State}, stepped: true, counted: true, styles: byState(),
			advice: advice{
				measured: "by counting the replicas that answer and have a selected model loaded; states beside active come from the platform.",
				high:     "a lasting gap between starting and active is a slow cold start: a smaller image or higher minimum helps. At the maximum with rising response time, there is too little capacity.",
				low:      "few replicas with high concurrency: lower the concurrency target. None means that every request waits for a cold start or fails.",
			},
		}.panel(),
		chart{
			signal: "models_resident", of: " by model", statistics: last, groupBy: byModel, stepped: true, counted: true,
			advice: advice{
				measured: byPolls,
				high:     "the model is in memory on so many replicas: requests take the hot path.",
				low:      "a model that falls to nothing was unloaded or evicted; its next request waits for a load, or fails where nothing loads it.",
			},
		}.panel(),
		chart{signal: "model_loads", of: " by model", statistics: rate, groupBy: byModel, width: third, advice: eventAdvice}.panel(),
		chart{signal: "model_evictions", of: " by model", statistics: rate, groupBy: byModel, width: third, advice: eventAdvice}.panel(),
		chart{
			signal: "load_time", of: " by model, last load", statistics: last, groupBy: byModel, stepped: true, width: third,
			advice: advice{
				measured: inServer,
				high:     "every cold request waits at least this long: smaller weights, faster storage, or keep the model in memory.",
				low:      "cold starts are cheap.",
			},
		}.panel(),
	}
}

func concurrency() []panel {
	queueAdvice := advice{
		measured: inServer,
		high:     "requests arrive faster than they are served: more replicas or instances, a lower concurrency target, or smaller batching delays.",
		low:      "requests are served as they come; capacity is not the problem.",
	}
	a := advice{
		measured: oneLayer,
		high:     "work piles up. Queued requests beside few executing ones mean that instances or replicas are missing; many executing ones that the model became slower.",
		low:      "there is room for more traffic, or for fewer replicas.",
	}
	return []panel{
		chart{signal: "concurrent_requests", of: " by state", statistics: mean, groupBy: []signal.Label{signal.State}, stacked: true, styles: byState(), advice: a}.panel(),
		chart{signal: "concurrent_requests", of: " by model", statistics: mean, groupBy: byModel, advice: a}.panel(),
		ofBusiest("queue_time", "", queueAdvice),
		p95ByModel("queue_time", "", queueAdvice),
	}
}

// ofReplica and ofGPU name a device once: replicas of two deployments can have one address.
var (
	ofReplica = []signal.Label{signal.Deployment, signal.Replica}
	ofGPU     = []signal.Label{signal.Deployment, signal.Replica, signal.GPU}
)

func cpu() []panel {
	return []panel{
		chart{
			signal: "cpu_usage", of: " by replica", statistics: mean, groupBy: ofReplica, whole: true,
			advice: advice{
				measured: onHost + " Only replicas that serve a selected model are shown.",
				high:     "near 100 %, requests wait for the CPU and every model on the replica slows down: add replicas, or move models.",
				low:      "the CPU is not what limits. With a model on the GPU this is usual.",
			},
		}.panel(),
		chart{
			signal: "memory_usage", of: " by replica, highest", statistics: maximum, groupBy: ofReplica,
			advice: advice{
				measured: onHost + " Only replicas that serve a selected model are shown.",
				high:     "near the limit, models are evicted or the server is killed: fewer models to one replica, or more memory. A steady rise without loads is a leak.",
				low:      "there is room for more models. A fall marks an unload or a restart.",
			},
		}.panel(),
	}
}

func gpu() []panel {
	return []panel{
		chart{
			signal: "gpu_utilization", of: " by GPU", statistics: mean, groupBy: ofGPU, whole: true, width: third,
			advice: advice{
				measured: onGPU,
				high:     "the GPU is always at work, though not always at full width: with rising queue time, add GPUs or larger batches.",
				low:      "the GPU waits for requests, for data or for the CPU: batch more, or put more models on it.",
			},
		}.panel(),
		chart{
			signal: "gpu_memory", of: " by GPU, highest", statistics: maximum, groupBy: ofGPU, width: third,
			advice: advice{
				measured: onGPU,
				high:     "near the GPU's size, the next load evicts a model or fails.",
				low:      "there is room for more models, or for more of a cache.",
			},
		}.panel(),
		chart{
			signal: "gpu_power", of: " by GPU", statistics: mean, groupBy: ofGPU, width: third,
			advice: advice{
				measured: onGPU,
				high:     "at the power limit the GPU lowers its clock and inference slows down.",
				low:      "little work; high utilization with low power means that small kernels keep the GPU waiting.",
			},
		}.panel(),
	}
}

func asyncQueue() []panel {
	return []panel{
		chart{
			signal: "async_queue_size", of: " by model", statistics: maximum, groupBy: byModel,
			advice: advice{
				measured: inQueue,
				high:     "a backlog that grows is never worked off by itself: more replicas, or a lower rate of requests.",
				low:      "requests are taken as they come.",
			},
		}.panel(),
		p95ByModel("async_queue_time", "", advice{
			measured: inQueue,
			high:     "answers come late, and requests may expire in the queue: more replicas, or a higher minimum where they start from none.",
			low:      "replicas are there when requests come.",
		}),
	}
}
