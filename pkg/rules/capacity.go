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
			Summary: "{model}: only {ratio:share} of requests hit a loaded model, limit " + shareText(o.CacheHitRatio) + " for any model ({place}).",
			Means:   "The cache hit ratio of the model is below the limit for any model that you exported the rules with (cacheHitRatio), independent of its own objective.",
			Causes:  []string{"The model cache is too small for the models in use, so they evict each other."},
			Actions: []string{"Follow the steps of the rule Cache hit below objective."},
			Panels:  []string{signal.CacheHitRatio, "cold_hit_rate", "model_loads"},
		},
		{
			Name: "cold-load-rate-high", Title: "Cold-load rate high", Group: ModelCache, Severity: Warning, For: 5 * time.Minute,
			By: byModel, Queries: []Query{{Ref: "rate", Signal: "cold_load_rate", Statistic: signal.Mean, Window: o.Window, MinimumRequests: o.MinimumRequests}},
			When:    []Comparison{{Ref: "rate", Is: ">", Than: o.ColdLoadRate}},
			Summary: "{model}: loads are {rate:share} of requests, limit " + shareText(o.ColdLoadRate) + " ({place}).",
			Means:   "The model is loaded often compared with its requests. One load can serve many waiting requests, so the share of cold requests can be higher.",
			Causes: []string{
				"The model is evicted between its requests: the model cache is too small, or the model is rarely requested.",
				"Replicas start and stop often, and each one loads the model again.",
			},
			Actions: []string{
				"Check the evictions. If there are many, add memory or spread your models over more replicas.",
				"Check the replicas. If they start and stop often, increase your scale-down delay.",
			},
			Panels: []string{"cold_load_rate", "model_loads"},
		},
		{
			Name: "evictions-sustained", Title: "Evictions sustained", Group: ModelCache, Severity: Warning, For: 20 * time.Minute,
			By: byDeployment, Queries: []Query{{Ref: "rate", Signal: "model_evictions", Statistic: signal.Rate, Window: evictionWindow}},
			When:    []Comparison{{Ref: "rate", Factor: perHour, Is: ">", Than: o.Evictions}},
			Shown:   []Formula{{"hourly", fmt.Sprintf("$rate * %d", perHour)}},
			Summary: "{place}: {hourly:number} models unloaded per hour (limit " + numberText(o.Evictions) + ", measured over " + durationText(evictionWindow) + ").",
			Means:   "Models are unloaded more often than your limit (evictions), for longer than a rollout takes. Scheduled reloads count as well.",
			Causes: []string{
				"The model cache is too small for the models in use.",
				"A model crashes and is loaded again.",
				"A job reloads models on a schedule.",
			},
			Actions: []string{
				"Check which models are unloaded, and their age at eviction. If the age is short, the model cache is too small: add memory or spread your models over more replicas.",
				"If the reloads are planned, export the rules with a higher limit (evictions).",
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
			Summary: "{model}: not loaded on any server, and {refused:share} of its requests are rejected ({place}).",
			Means:   "Clients request a model that the servers list but have not loaded, and most requests are rejected. The rule needs the recorder or a gateway in front of the server, which counts such requests.",
			Causes: []string{
				"The model was unloaded, and clients still request it.",
				"The model failed to load.",
			},
			Actions: []string{
				"Load the model or redirect its clients. If it does not load, check the server's log: usually memory or a missing file.",
			},
			Panels: []string{"client_error_rate", "models_resident"},
		},
	}
}

func capacity(o Options) []Rule {
	return []Rule{
		{
			Name: "deployment-down", Title: "Deployment down", Group: Capacity, Severity: Critical, For: time.Minute,
			By: byDeployment, Queries: []Query{{Ref: "down", Unanswered: true, Window: o.Window}},
			When:    []Comparison{{Ref: "down", Is: ">", Than: 0}},
			Summary: "{place} is down: no metrics endpoint has responded for " + durationText(o.Window) + ".",
			Means:   "No metrics endpoint of the deployment has responded within the window, so its models are most likely down as well. A single failing endpoint or a gap in scraping does not fire this rule.",
			Causes: []string{
				"The servers crashed or cannot start.",
				"The network between Grafana and your servers fails, or a key or certificate has expired.",
			},
			Actions: []string{
				"Run Save & test in your data source settings: it shows the error of each target.",
				"If you shut the deployment down on purpose, remove its targets from the data source.",
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
			Summary: "{model}: {waiting:number} requests in the async queue and growing, average {usual:number} over " + durationText(6*o.Window) + " ({place}).",
			Means:   "The durable queue grows, and more requests wait in it than your minimum (queueSize).",
			Causes: []string{
				"Requests arrive faster than replicas process them.",
				"Replicas do not process the queue: they return errors or hang.",
			},
			Actions: []string{
				"Check the replicas and the error rate. If the replicas are at their maximum, raise it. If they are idle, check their logs.",
			},
			Panels: []string{"async_queue_size"},
		},
		{
			Name: "replicas-starting-too-long", Title: "Replicas starting too long", Group: Capacity, Severity: Warning, For: o.StartingFor,
			By: byDeployment, Queries: []Query{{Ref: "starting", Signal: "replicas", Statistic: signal.Last, Filters: inState("starting"), Window: o.Window}},
			When:    []Comparison{{Ref: "starting", Is: ">", Than: 0}},
			Summary: "{place}: {starting:number} replicas are still starting.",
			Means:   "Replicas have been scheduled or loading for longer than your limit (startingFor) and do not serve yet.",
			Causes: []string{
				"No node has the GPU or the memory that the replica requests.",
				"The image or the weights take long to download.",
				"The replica crashes while it loads and restarts.",
			},
			Actions: []string{
				"Check the events of the pod or the log of the worker: scheduling, downloading or crashing.",
				"Use smaller images, keep weights on a local disk, or raise your minimum number of replicas.",
			},
			Panels: []string{"replicas"},
		},
		{
			Name: "gpu-memory-near-full", Title: "GPU memory near full", Group: Capacity, Severity: Warning, For: 10 * time.Minute,
			By: byGPU, Queries: []Query{{Ref: "usage", Signal: "gpu_memory_usage", Statistic: signal.Mean, Window: o.Window}},
			When:    []Comparison{{Ref: "usage", Is: ">", Than: o.GPUMemory}},
			Summary: "GPU {gpu} of {replica}: {usage:share} of its memory is in use, limit " + shareText(o.GPUMemory) + " ({place}).",
			Means:   "The GPU has little memory left. The next model or a larger batch may not fit. All processes on the GPU are included.",
			Causes: []string{
				"Too many models on the GPU.",
				"A server that preallocates memory, such as vLLM with gpu_memory_utilization. Set the limit above that share.",
				"A memory leak, if usage grows without more models.",
			},
			Actions: []string{
				"Check the memory of each model. Move models to another GPU, or use one with more memory.",
				"If your server preallocates memory, export the rules with a higher gpuMemory.",
			},
			Panels: []string{"gpu_memory_usage", "gpu_memory"},
		},
	}
}

func inState(state string) map[signal.Label][]string {
	return map[signal.Label][]string{signal.State: {state}}
}
