package rules

import (
	"fmt"
	"time"

	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// perHour turns events per second into events per hour.
const perHour = 3600

func modelCache(o Options) []Rule {
	evictionWindow := 3 * o.Window
	return []Rule{
		{
			Name: "cache-hit-ratio-low", Title: "Cache hit ratio low", Group: ModelCache, Severity: Critical, For: 5 * time.Minute,
			By: byModel, Queries: []Query{{Ref: "ratio", Signal: signal.CacheHitRatio, Statistic: signal.Mean, Window: o.Window, MinimumRequests: o.MinimumRequests}},
			When:    []Comparison{{Ref: "ratio", Is: "<", Than: o.CacheHitRatio}},
			Summary: "Only {ratio:share} of the requests of {who} find it in memory, under the limit of " + shareText(o.CacheHitRatio) + " for any model.",
			Means:   "Whatever the model's own objective is, more of its requests wait for a load than the limit allows that the rules were exported with (cacheHitRatio).",
			Causes:  []string{"The model cache is too small for the models that are in use, and they push one another out."},
			Actions: []string{"Do what is said under Cache hit below objective."},
			Panels:  []string{signal.CacheHitRatio, "cold_hit_rate", "model_loads"},
		},
		{
			Name: "cold-load-rate-high", Title: "Cold load rate high", Group: ModelCache, Severity: Warning, For: 5 * time.Minute,
			By: byModel, Queries: []Query{{Ref: "rate", Signal: "cold_load_rate", Statistic: signal.Mean, Window: o.Window, MinimumRequests: o.MinimumRequests}},
			When:    []Comparison{{Ref: "rate", Is: ">", Than: o.ColdLoadRate}},
			Summary: "{who} is loaded {rate:share} as often as it is asked, over the limit of " + shareText(o.ColdLoadRate) + ".",
			Means:   "The model is loaded often for the requests that it gets. One load can serve many waiting requests, so that the share of cold requests is higher still.",
			Causes: []string{
				"The model is evicted between its requests: the model cache is too small, or the model is asked seldom.",
				"Replicas come and go, and each loads the model again.",
			},
			Actions: []string{
				"Compare with the evictions. Where there are many, give the model cache more memory, or spread the models over more replicas.",
				"Compare with the replicas. Where they come and go, scale down later.",
			},
			Panels: []string{"cold_load_rate", "model_loads"},
		},
		{
			Name: "evictions-sustained", Title: "Evictions sustained", Group: ModelCache, Severity: Warning, For: 20 * time.Minute,
			By: byDeployment, Queries: []Query{{Ref: "rate", Signal: "model_evictions", Statistic: signal.Rate, Window: evictionWindow}},
			When:    []Comparison{{Ref: "rate", Factor: perHour, Is: ">", Than: o.Evictions}},
			Shown:   []Formula{{"hourly", fmt.Sprintf("$rate * %d", perHour)}},
			Summary: "{who} evicts {hourly:number} models an hour; " + numberText(o.Evictions) + " are usual.",
			Means:   "Models are taken out of memory again and again, longer than a roll-out takes.",
			Causes: []string{
				"The model cache is too small for the models that are in use.",
				"A model that crashes is loaded again and again.",
			},
			Actions: []string{
				"Look at which models are evicted, and how long they had not been asked (age at eviction). If that is short, the cache is too small: give it more memory, or spread the models over more replicas.",
			},
			Panels: []string{"model_evictions"},
		},
		{
			Name: "model-missing", Title: "Model missing", Group: ModelCache, Severity: Critical, For: 5 * time.Minute,
			By: byModel,
			Queries: []Query{
				{Ref: "resident", Signal: "models_resident", Statistic: signal.Mean, Beside: signal.Max, Window: o.Window},
				{Ref: "refused", Signal: "client_error_rate", Statistic: signal.Mean, Window: o.Window, MinimumRequests: o.MinimumRequests},
			},
			When:    []Comparison{{Ref: "refused", Is: ">", Than: 0.5}, {Ref: "resident", Is: "<=", Than: 0}},
			Summary: "{who} is in the memory of no server, and {refused:share} of the requests for it are refused.",
			Means:   "Clients ask for a model that the servers know and have not loaded, and most of them are turned away. It needs something that counts requests in front of the server: the recorder, or a gateway.",
			Causes: []string{
				"The model was unloaded, and clients do not know.",
				"The model failed to load.",
			},
			Actions: []string{
				"Load the model, or send its clients elsewhere. If it does not load, the server's log says why: most often memory, or a missing file.",
			},
			Panels: []string{"client_error_rate", "models_resident"},
		},
	}
}

func capacity(o Options) []Rule {
	return []Rule{
		{
			Name: "servers-do-not-answer", Title: "Servers do not answer", Group: Capacity, Severity: Critical, For: time.Minute,
			By: byDeployment, Queries: []Query{{Ref: "unanswered", Unanswered: true, Window: o.Window}},
			When:    []Comparison{{Ref: "unanswered", Is: ">", Than: 0}},
			Summary: "No server of {who} has answered for " + durationText(o.Window) + ": its models are gone.",
			Means:   "Of the metrics pages of a deployment not one has answered within the window. The models of the deployment are most likely not served either. One page that does not answer, or a gap in scraping, is not enough.",
			Causes: []string{
				"The servers crashed, or cannot start.",
				"The network between Grafana and the servers, or an expired key or certificate.",
			},
			Actions: []string{
				"Save & test of the data source says for each target why it does not answer.",
				"If the deployment was taken down on purpose, take its targets out of the data source.",
			},
			Panels: []string{"replicas", "requests"},
		},
		{
			Name: "async-queue-growing", Title: "Async queue growing", Group: Capacity, Severity: Warning, For: 10 * time.Minute,
			By: byModel,
			// Two numbers of one range belong to the same series, whatever comes and goes.
			Queries: []Query{{Ref: "queue", Signal: "async_queue_size", Statistic: signal.Last, Window: o.Window, Over: 6 * o.Window,
				Reduced: []Reduction{{"waiting", "last"}, {"usual", "mean"}}}},
			When:    []Comparison{{Ref: "waiting", Is: ">", Than: o.QueueSize}, {Ref: "waiting", Is: ">", Than: 1.2, ThanRef: "usual"}},
			Summary: "{waiting:number} requests wait in the asynchronous queue of {who}, on average {usual:number} over the last " + durationText(6*o.Window) + ": it grows.",
			Means:   "More requests are put into the durable queue than replicas take out of it, and more wait than the least that matters (queueSize).",
			Causes: []string{
				"More requests than the replicas can take.",
				"Replicas that fail to take requests out: errors, or a replica that hangs.",
			},
			Actions: []string{
				"Compare with the replicas and with the error rate. If replicas are at their maximum, raise it; if they are idle, look at their logs.",
			},
			Panels: []string{"async_queue_size"},
		},
		{
			Name: "replicas-starting-too-long", Title: "Replicas starting too long", Group: Capacity, Severity: Warning, For: o.StartingFor,
			By: byDeployment, Queries: []Query{{Ref: "starting", Signal: "replicas", Statistic: signal.Last, Filters: inState("starting"), Window: o.Window}},
			When:    []Comparison{{Ref: "starting", Is: ">", Than: 0}},
			Summary: "{starting:number} replicas of {who} have been starting for " + durationText(o.StartingFor) + ".",
			Means:   "All the time there were replicas that are scheduled or loading and do not serve.",
			Causes: []string{
				"No node has the GPU or the memory that the replica asks for.",
				"The image or the weights take long to fetch.",
				"The replica crashes while it loads, and starts again.",
			},
			Actions: []string{
				"Look at the events of the pod or the log of the worker: waiting for a node, fetching, or crashing.",
				"Smaller images, weights on a local disk, and a higher least number of replicas make starts rare and short.",
			},
			Panels: []string{"replicas"},
		},
		{
			Name: "gpu-memory-near-full", Title: "GPU memory near full", Group: Capacity, Severity: Warning, For: 10 * time.Minute,
			By: byGPU, Queries: []Query{{Ref: "usage", Signal: "gpu_memory_usage", Statistic: signal.Mean, Window: o.Window}},
			When:    []Comparison{{Ref: "usage", Is: ">", Than: o.GPUMemory}},
			Summary: "{usage:share} of the memory of {who} is in use, over the limit of " + shareText(o.GPUMemory) + ".",
			Means:   "The GPU has little memory left, for whatever process on it. The next model, or a larger batch, may not fit.",
			Causes: []string{
				"More models on the GPU than fit.",
				"A server that takes memory in advance, as vLLM does with gpu_memory_utilization: then the limit has to be above what it takes.",
				"A leak, where usage grows without more models.",
			},
			Actions: []string{
				"Compare with the memory of each model. Move models to another GPU, or take one with more memory.",
				"Where a server takes its memory in advance, export the rules with a higher gpuMemory.",
			},
			Panels: []string{"gpu_memory_usage", "gpu_memory"},
		},
	}
}

func inState(state string) map[signal.Label][]string {
	return map[signal.Label][]string{signal.State: {state}}
}
