package dashboards

import (
	"fmt"
	"strings"

	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// advice is what a panel says beside its signal's own description: where it is measured, and what its values mean for who
// looks at them.
type advice struct {
	measured string
	high     string
	low      string
}

// The layers at which quantities are measured. One panel never mixes them.
const (
	oneLayer = "at one layer, the first that reports it: recorder, server, worker, queue proxy or gateway. " +
		"What happens outside it, such as the client's network, is not in the numbers. The panel's query inspector names the layer."
	inServer = "inside the model server."
	onHost   = "where the replica runs, as the server or an exporter beside it reports it; with a server that reads its host, other programs on that host are included. " +
		"Only replicas that serve a selected model are shown."
	onGPU      = "on the GPU, by the driver: every process on it is included, not this server alone."
	byPolls    = "by asking the server's management endpoint at every scrape, so what is shorter than that can be missed."
	inQueue    = "in the platform's queue, before a request reaches any replica."
	byOneWait  = "by the recorder in front of the server, which knows of each request whether it waited for its model, or by a server that counts the misses of its model cache."
	ofOwn      = "by a metric of your own, which a profile in the data source's settings turns into this signal."
	inEngine   = "inside the language model's engine, by its own clock and counters."
	againstOwn = "by dividing what the panels of this model show by its objectives, which are in the data source's settings."
)

// adviceOf is what panels of each signal say, on every dashboard.
var adviceOf = map[string]advice{
	"requests": {
		measured: oneLayer,
		high:     "more work for the replicas. If queue time rises with it, add replicas or lower the concurrency target.",
		low:      "little traffic reaches the models: if that is a surprise, look at what is in front of them. A model that is rarely asked is the first to be evicted.",
	},
	"error_rate": {
		measured: oneLayer,
		high:     "requests are lost. Find the model, read its log, and compare with its loads, replicas and queue.",
		low:      "as it should be. No line means no traffic, which is neither good nor bad.",
	},
	"client_error_rate": {
		measured: oneLayer,
		high:     "clients send what the model does not accept, or give up before it answers: compare with the response time.",
		low:      "clients and models agree.",
	},
	"response_time": {
		measured: oneLayer,
		high:     "users wait. Look where the time goes: queue time means too few replicas, inference time a slow model or too small an instance, and neither of them a cold start.",
		low:      "users get their answers quickly. A p50 far below the p95 means that some requests take longer: a cold start, a queue, a large input.",
	},
	"inference_time": {
		measured: inServer,
		high:     "the model itself is slow: a larger input or batch, a busy or throttled CPU or GPU, a slower version. Take a larger instance; more replicas do not help unless they share one device.",
		low:      "what users wait for beyond this is queue, cold start or network.",
	},
	"queue_time": {
		measured: inServer,
		high:     "requests arrive faster than they are served: more replicas or instances, a lower concurrency target, or smaller batching delays.",
		low:      "requests are served as they come; capacity is not the problem.",
	},
	"time_to_first_byte": {
		measured: oneLayer,
		high:     "whoever reads a stream waits for its beginning: a queue, a cold start or a long prompt.",
		low:      "answers begin at once. Where the response time is long all the same, it is the length of the answer.",
	},
	"request_size": {
		measured: oneLayer,
		high:     "large inputs take longer to read and to compute: compare with the inference time before blaming the model.",
		low:      "small inputs. If the response time is high all the same, the size is not the cause.",
	},
	"response_size": {
		measured: oneLayer,
		high:     "large answers take longer to send; a sudden rise is often a change in what clients ask for.",
		low:      "small answers. A sudden fall can mean that errors are answered instead.",
	},
	"replicas": {
		measured: "by counting the replicas that answer and have a selected model loaded; states beside active come from the platform.",
		high:     "a lasting gap between starting and active is a slow cold start: a smaller image or higher minimum helps. At the maximum with rising response time, there is too little capacity.",
		low:      "few replicas with high concurrency: lower the concurrency target. None means that every request waits for a cold start or fails.",
	},
	"concurrent_requests": {
		measured: oneLayer,
		high:     "work piles up. Queued requests beside few executing ones mean that instances or replicas are missing; many executing ones that the model became slower.",
		low:      "there is room for more traffic, or for fewer replicas.",
	},
	"async_queue_size": {
		measured: inQueue,
		high:     "a backlog that grows is never worked off by itself: more replicas, or a lower rate of requests.",
		low:      "requests are taken as they come.",
	},
	"async_queue_time": {
		measured: inQueue,
		high:     "answers come late, and requests may expire in the queue: more replicas, or a higher minimum where they start from none.",
		low:      "replicas are there when requests come.",
	},
	"cpu_usage": {
		measured: onHost,
		high:     "near 100 %, requests wait for the CPU and every model on the replica slows down: add replicas, move models, or take a larger instance.",
		low:      "the CPU is not what limits; a smaller instance may do. With a model on the GPU this is usual.",
	},
	"memory_usage": {
		measured: onHost,
		high:     "near the limit, models are evicted or the server is killed: fewer models to one replica, or a larger instance. A steady rise without loads is a leak.",
		low:      "there is room for more models. A fall marks an unload or a restart.",
	},
	"gpu_utilization": {
		measured: onGPU,
		high:     "the GPU is always at work, though not always at full width: with rising queue time, add GPUs or larger batches.",
		low:      "the GPU waits for requests, for data or for the CPU: batch more, put more models on it, or take a smaller one.",
	},
	"gpu_memory": {
		measured: onGPU,
		high:     "near the GPU's size, the next load evicts a model or fails.",
		low:      "there is room for more models, or for more of a cache.",
	},
	"gpu_memory_usage": {
		measured: onGPU,
		high:     "near 100 % the next load evicts a model or fails: fewer models to the GPU, or a larger one. Servers that take all memory at their start are always near it.",
		low:      "there is room for more models, or for more of a cache.",
	},
	"gpu_power": {
		measured: onGPU,
		high:     "at the power limit the GPU lowers its clock and inference slows down.",
		low:      "little work; high utilization with low power means that small kernels keep the GPU waiting.",
	},
	"model_memory": {
		measured: "by the server that holds the models, or by the NVML endpoint beside it.",
		high:     "few models of this size fit: each of its loads evicts others. Give it replicas of its own, or a smaller precision.",
		low:      "cheap to keep in memory, so better kept than loaded anew.",
	},
	signal.ModelGPUUtilization: {
		measured: "by sharing out the GPU's utilization, which the driver reports, in proportion to what the NVML endpoint reads of each model's processes, else to the time that the server took to compute each model's requests: an estimate where models run at the same time.",
		high:     "this model is what the GPU works for. When the GPU is full, it is the one to move, to batch or to give a GPU of its own.",
		low:      "the model takes little of the GPU; another one is what fills it.",
	},
	signal.EnergyPerThousandRequests: {
		measured: "from the power that the driver reports and the requests that the servers count; by model, shared out as the GPU's utilization is.",
		high:     "the GPUs draw power for little work: batch more, put more models on a GPU, or scale down when traffic is low.",
		low:      "the GPUs' power goes into requests.",
	},
	"models_resident": {
		measured: byPolls,
		high:     "the model is in memory on so many replicas: requests find it there (hot starts).",
		low:      "a model that falls to nothing was unloaded or evicted; its next request waits for a load, or fails where nothing loads it.",
	},
	"model_loads": {
		measured: byPolls,
		high:     "models that are loaded and evicted in turn do not fit into memory together: more memory, or fewer models to one replica.",
		low:      "models stay where they are, so requests find them in memory.",
	},
	"model_evictions": {
		measured: byPolls,
		high:     "memory is too small for the models that are asked in turn: a larger instance, or fewer models to one replica.",
		low:      "all models that are asked fit into memory.",
	},
	"load_time": {
		measured: inServer,
		high:     "every cold request waits at least this long: smaller weights, faster storage, or keep the model in memory.",
		low:      "cold starts are cheap.",
	},
	"cold_hit_rate": {
		measured: byOneWait,
		high:     "many requests wait for a load: keep the model in memory, give the cache more room, or route each model to few replicas.",
		low:      "requests find their model in memory.",
	},
	signal.CacheHitRatio: {
		measured: byOneWait,
		high:     "requests find their model in memory.",
		low:      "the model is evicted between its requests: more memory, fewer models to one replica, or keep this one loaded.",
	},
	"cold_load_rate": {
		measured: inServer,
		high:     "nearly every request causes a load: the cache holds none of what is asked. Give it more room, or send a model's requests to the same replica.",
		low:      "loads are rare beside requests. With a high cold-hit rate all the same, many requests wait for each load: loads are slow.",
	},
	"age_at_eviction": {
		measured: byPolls,
		high:     "only models that nobody asks any more are evicted: the cache is large enough.",
		low:      "models are evicted shortly after they were used, so they will be loaded again: the cache is too small.",
	},
	"response_cache_hit_ratio": {
		measured: inServer,
		high:     "many requests are repeats and cost nothing; inference time and compute are those of the others.",
		low:      "requests rarely repeat, or the cache is too small: make it larger, or switch it off where inputs never repeat.",
	},
	"prediction_staleness": {
		measured: ofOwn,
		high:     "the model predicts from an old training: look at the training pipeline's last runs, and at whether the new version was rolled out.",
		low:      "the model was trained lately.",
	},
	"feature_extraction_time": {
		measured: ofOwn,
		high:     "the request waits for its features before the model sees it: look at the feature store, not at the model.",
		low:      "features are there at once.",
	},
	signal.SLOViolation: {
		measured: againstOwn,
		high:     "above 1 the model violates the objective, twice as badly at 2. Look at the signal that the objective is about.",
		low:      "well below 1 there is room; near 1 the next burst violates the objective.",
	},
	signal.SLOBurnRate: {
		measured: againstOwn + " Requests that were too slow, failed or were cold count as bad.",
		high:     "at 14.4 a month's budget is used up within two days: act now. At 6 it lasts five days, at 3 ten.",
		low:      "below 1 the budget outlasts its period.",
	},
	"time_to_first_token": {
		measured: inEngine,
		high:     "users see nothing for long: prompts wait for a slot or are long. More replicas, a larger batch for prefill, or a prefix cache.",
		low:      "answers begin at once.",
	},
	"inter_token_latency": {
		measured: inEngine,
		high:     "text appears slowly: the batch is too large for the GPU, or prefills of others interrupt it.",
		low:      "text appears faster than it is read.",
	},
	"prefill_time": {
		measured: inEngine,
		high:     "prompts are long, or computed anew that could have come from the prefix cache.",
		low:      "prompts are short or cached.",
	},
	"decode_time": {
		measured: inEngine,
		high:     "answers are long, or tokens slow: compare with the output tokens and the inter-token latency.",
		low:      "answers are short or fast.",
	},
	"input_tokens": {
		measured: inEngine,
		high:     "long prompts take memory for keys and values, and time before the first token.",
		low:      "short prompts; the prefill is not what takes time.",
	},
	"output_tokens": {
		measured: inEngine,
		high:     "long answers hold their place in the batch for long: the response time grows with them.",
		low:      "short answers.",
	},
	"prefix_cache_hit_ratio": {
		measured: inEngine,
		high:     "much of the prompts was computed before and is reused.",
		low:      "prompts share little, or the requests that share a prefix go to different replicas: route them by prefix.",
	},
	"kv_cache_usage": {
		measured: inEngine,
		high:     "near 100 % requests wait or are interrupted and computed anew: more memory, fewer concurrent requests, or shorter contexts.",
		low:      "there is room for more or longer requests.",
	},
}

// describe is a panel's description in Markdown: what the signal is, then the advice. Note, where there is one, comes between.
func describe(s signal.Signal, a advice, note string) string {
	parts := []string{s.Description}
	if note != "" {
		parts = append(parts, note)
	}
	for _, p := range []struct{ heading, text string }{{"Measured", a.measured}, {"High", a.high}, {"Low", a.low}} {
		parts = append(parts, fmt.Sprintf("**%s:** %s", p.heading, p.text))
	}
	return strings.Join(parts, "\n\n")
}

// mustAdvise is what panels of a signal say. A signal that nobody wrote for is a mistake in this package.
func mustAdvise(name string) advice {
	a, ok := adviceOf[name]
	if !ok {
		panic(fmt.Sprintf("dashboards: nobody has written what high and low values of %q mean", name))
	}
	return a
}
