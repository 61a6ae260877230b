package dashboards

import (
	"fmt"
	"strings"

	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// advice is what a panel's description says after what the panel shows: what high and low values mean, and what to do, a
// sentence each.
type advice struct {
	high, low string
	// lowMatters says that low values are the ones to act on.
	lowMatters bool
}

// adviceOf is what panels of each signal say, on every dashboard.
var adviceOf = map[string]advice{
	"requests": {
		high: "traffic is growing: if queue time grows too, add replicas or lower the concurrency target.",
		low:  "little traffic arrives: if you do not expect that, check the gateway and the clients.",
	},
	"error_rate": {
		high: "requests fail: open the failing model and check its logs, loads, replicas and queue at the same time.",
		low:  "requests succeed.",
	},
	"client_error_rate": {
		high: "clients send invalid requests or give up waiting: compare with the response time.",
		low:  "clients send valid requests and wait for the response.",
	},
	"response_time": {
		high: "users wait: compare queue time, inference time and cold starts to find out where.",
		low:  "users get fast responses.",
	},
	"inference_time": {
		high: "the model itself is slow: check input sizes, batch sizes, the GPU's load and the last version change.",
		low:  "the model is fast, so any remaining delay is queueing, cold starts or the network.",
	},
	"queue_time": {
		high: "requests arrive faster than they are processed: add replicas or lower the concurrency target.",
		low:  "capacity is sufficient.",
	},
	"time_to_first_byte": {
		high: "streams start late: check for queueing, cold starts and long prompts.",
		low:  "responses start at once.",
	},
	"request_size": {
		high: "large inputs take longer to read and process: compare with the inference time.",
		low:  "request size does not explain a slow response.",
	},
	"response_size": {
		high: "large responses take longer to send: check whether clients changed what they request.",
		low:  "responses are small, and a sudden drop can mean error responses.",
	},
	"replicas": {
		high: "if starting replicas stay above 0, cold starts are slow: use a smaller image or raise the minimum.",
		low:  "few replicas with many concurrent requests mean that the concurrency target is too high.",
	},
	"concurrent_requests": {
		high: "work is piling up: queued requests mean too few replicas, executing ones a slow model.",
		low:  "you have room for more traffic or fewer replicas.",
	},
	"async_queue_size": {
		high: "a growing backlog means requests arrive faster than replicas process them: add replicas.",
		low:  "replicas keep up with the queue.",
	},
	"async_queue_time": {
		high: "results are late, and requests may expire: add replicas or raise the minimum.",
		low:  "replicas are available when requests arrive.",
	},
	"cpu_usage": {
		high: "near 100 % all models on the replica slow down: add replicas, move models or use a larger instance.",
		low:  "the CPU is not the bottleneck, which is normal for models on a GPU.",
	},
	"memory_usage": {
		high: "near the limit the server evicts models or is killed: serve fewer models per replica or use a larger instance.",
		low:  "you have room for more models, and a drop marks an unload or a restart.",
	},
	"gpu_utilization": {
		high: "the GPU is busy: if queue time grows too, add GPUs or increase the batch size.",
		low:  "the GPU waits for requests, data or the CPU: batch more or place more models on it.",
	},
	"gpu_memory": {
		high: "near the size of the GPU, the next model load fails or evicts another model.",
		low:  "you have room for more models or a larger cache.",
	},
	"gpu_memory_usage": {
		high: "near 100 % the next model load fails or evicts another model: move models or use a larger GPU.",
		low:  "you have room for more models or a larger cache.",
	},
	"gpu_power": {
		high: "at the power limit the GPU lowers its clock and inference slows down.",
		low:  "the GPU does little work, or is held up by many small kernels if its utilization is high.",
	},
	"model_memory": {
		high: "loading this model evicts several others: give it dedicated replicas or quantise it.",
		low:  "the model is cheap to keep in memory.",
	},
	signal.ModelGPUUtilization: {
		high: "this model uses most of the GPU: move it, batch its requests or give it a dedicated GPU.",
		low:  "other models use the GPU.",
	},
	signal.EnergyPerThousandRequests: {
		high: "the GPUs draw power for little work: batch more, share GPUs or scale down at low traffic.",
		low:  "the GPUs use their power for requests.",
	},
	"models_resident": {
		high:       "the model is loaded on many replicas, so requests are warm.",
		low:        "at 0 the model is unloaded, and its next request waits for a load or fails.",
		lowMatters: true,
	},
	"model_loads": {
		high: "models evict each other: add memory or serve fewer models per replica.",
		low:  "models stay loaded, so requests are warm.",
	},
	"model_evictions": {
		high: "the models in use do not fit into memory: add memory or serve fewer models per replica.",
		low:  "the models in use fit into memory.",
	},
	"load_time": {
		high: "each cold request waits at least this long: use smaller weights, faster storage, or keep the model loaded.",
		low:  "cold starts are cheap.",
	},
	"cold_hit_rate": {
		high: "many requests wait for a load: keep the model loaded, add memory, or route it to fewer replicas.",
		low:  "most requests find their model loaded.",
	},
	signal.CacheHitRatio: {
		high:       "most requests find their model loaded.",
		low:        "the model is evicted between its requests: add memory, serve fewer models per replica, or keep this one loaded.",
		lowMatters: true,
	},
	"cold_load_rate": {
		high: "most requests trigger a load: add memory, or route each model to the same replicas.",
		low:  "loads are rare, and a high cold-hit rate with few loads means that loads are slow.",
	},
	"age_at_eviction": {
		high:       "only unused models are evicted, so the model cache is large enough.",
		low:        "recently used models are evicted, so the model cache is too small: add memory.",
		lowMatters: true,
	},
	"response_cache_hit_ratio": {
		high: "many requests are repeats and need no inference.",
		low:  "requests rarely repeat, or the cache is too small: enlarge it or turn it off.",
	},
	"prediction_staleness": {
		high: "the model is outdated: check the training pipeline and whether the new version is deployed.",
		low:  "the model was trained recently.",
	},
	"feature_extraction_time": {
		high: "requests wait for their features: check the feature store.",
		low:  "features are available at once.",
	},
	signal.SLOViolation: {
		high: "the model misses its objective above 100 %: open the signal that the objective refers to.",
		low:  "well below 100 % you have headroom, and near 100 % the next burst misses the objective.",
	},
	signal.SLOBurnRate: {
		high: "at 14.4 a 30-day error budget is gone in 2 days: act now.",
		low:  "below 1 the error budget outlasts its period.",
	},
	"time_to_first_token": {
		high: "users wait for the first word: add replicas, batch prefills, or use a prefix cache.",
		low:  "responses start at once.",
	},
	"inter_token_latency": {
		high: "text appears slowly: reduce the batch size, or separate prefill from decode.",
		low:  "text appears faster than reading speed.",
	},
	"prefill_time": {
		high: "prompts are long, or miss the prefix cache.",
		low:  "prompts are short or cached.",
	},
	"decode_time": {
		high: "completions are long or tokens are slow: compare output tokens and inter-token latency.",
		low:  "completions are short or fast.",
	},
	"input_tokens": {
		high: "long prompts use KV cache and delay the first token.",
		low:  "prompts are short, so prefill is not the bottleneck.",
	},
	"output_tokens": {
		high: "long completions hold their batch slots longer, so the response time grows.",
		low:  "completions are short.",
	},
	"prefix_cache_hit_ratio": {
		high:       "most of the prompts is reused.",
		low:        "prompts share little, or requests with the same prefix go to different replicas: route by prefix.",
		lowMatters: true,
	},
	"kv_cache_usage": {
		high: "near 100 % requests are queued, or preempted and recomputed: add memory, or limit concurrency or context length.",
		low:  "you have room for more or longer requests.",
	},
}

// describe is a panel's description in Markdown, at most three sentences: what the panel shows, then the advice. A note, where
// there is one, takes the place of the half of the advice that matters less.
func describe(s signal.Signal, a advice, note string) string {
	high, low := "**High:** "+a.high, "**Low:** "+a.low
	shows := firstSentence(s.Description)
	switch {
	case note == "":
		return strings.Join([]string{shows, high, low}, "\n\n")
	case a.lowMatters:
		return strings.Join([]string{shows, note, low}, "\n\n")
	}
	return strings.Join([]string{shows, note, high}, "\n\n")
}

// firstSentence is what a signal's description begins with; the rest of it is in docs/signals.md.
func firstSentence(text string) string {
	first, _, more := strings.Cut(text, ". ")
	if more {
		return first + "."
	}
	return first
}

// mustAdvise is the advice for a signal. A signal without advice is a mistake in this package.
func mustAdvise(name string) advice {
	a, ok := adviceOf[name]
	if !ok {
		panic(fmt.Sprintf("dashboards: there is no advice for the signal %q", name))
	}
	return a
}
