package signal

var (
	ofModel   = []Label{Environment, Deployment, Model, Version, Replica}
	ofOutcome = []Label{Environment, Deployment, Model, Version, Start, Replica, Status, Code}
	ofStart   = []Label{Environment, Deployment, Model, Version, Start, Replica}
	ofState   = []Label{Environment, Deployment, Model, Version, Replica, State}
	ofReplica = []Label{Environment, Deployment, Replica}
	ofGPU     = []Label{Environment, Deployment, Replica, GPU}
	ofShare   = []Label{Environment, Deployment, Model, Version, Replica, GPU}
	ofTarget  = []Label{Environment, Deployment, Model, Objective}
)

// The signals that are computed from others.
const (
	CacheHitRatio       = "cache_hit_ratio"
	ModelGPUUtilization = "model_gpu_utilization"
	// EnergyPerThousandRequests needs the requests of the models on the GPUs whose power is read.
	EnergyPerThousandRequests = "energy_per_thousand_requests"
	SLOObjective              = "slo_objective"
	SLOViolation              = "slo_violation"
	SLOBurnRate               = "slo_burn_rate"
)

const (
	byTokens   = "a language model server that counts tokens (vLLM, SGLang, TGI, LiteLLM)"
	byRecorder = "the recorder in front of the server, or a gateway that counts it (Istio, Envoy, ModelMesh)"
	byMisses   = "the recorder, a server that counts misses of its model cache (ModelMesh, Ray Serve multiplexing, Seldon), or a platform that scales to zero and tells how many replicas are active (Baseten, Knative before 1.19, kube-state-metrics)"
	byQueue    = "a platform with a durable asynchronous queue (SageMaker asynchronous inference, Baseten)"
)

// What the cold-hit rate is computed from where nothing counts it.
var (
	WithoutReplica = Derivation{From: []string{"requests", "replicas"},
		How: "the share of requests that ended just after a moment without an active replica, where a gauge tells how many there are"}
	TwoModes = Derivation{From: []string{"response_time"}, Estimated: true,
		How: "the share of requests above the valley between the two modes of the response time; where the modes overlap, at least so many"}
	QuantilesJump = Derivation{From: []string{"response_time"}, Estimated: true,
		How: "at least the share of requests above the lowest quantile of the response time that is far above the one before it"}
)

var builtin = Catalogue{
	{
		Name: "requests", Title: "Requests", Group: Volume, Shape: Count, Unit: Requests, GroupBy: ofOutcome,
		Description: "Requests that ended, per second. Split by status (2xx, 4xx and 5xx where the server reports codes, success and failure where it reports only outcomes) or by the raw code or reason.",
		MeasuredBy:  byRecorder,
	},
	{
		Name: "error_rate", Title: "Error rate", Group: Volume, Shape: Share, Unit: Ratio, GroupBy: ofModel,
		Description: "Share of requests that failed on the server's side. No traffic is no data.",
		MeasuredBy:  byRecorder,
	},
	{
		Name: "client_error_rate", Title: "Client error rate", Group: Volume, Shape: Share, Unit: Ratio, GroupBy: ofModel,
		Description: "Share of requests that ended because of the client: bad requests, cancellations.",
		MeasuredBy:  byRecorder,
	},
	{
		Name: "response_time", Title: "Response time", Group: Latency, Shape: Distribution, Unit: Seconds, GroupBy: ofStart,
		Description: "End to end, as the serving tier sees it: cold start, queue and inference together.",
		MeasuredBy:  byRecorder,
	},
	{
		Name: "inference_time", Title: "Inference time", Group: Latency, Shape: Distribution, Unit: Seconds, GroupBy: ofModel,
		Description: "Execution of the model alone, without waiting.",
		MeasuredBy:  "a model server that times its execution (Triton, Ray Serve, KServe)",
	},
	{
		Name: "queue_time", Title: "Queue time", Group: Latency, Shape: Distribution, Unit: Seconds, GroupBy: ofStart,
		Description: "Waiting inside the server before the model runs.",
		MeasuredBy:  "a model server that times its queue (Triton, TorchServe, vLLM)",
	},
	{
		Name: "time_to_first_byte", Title: "Time to first byte", Group: Latency, Shape: Distribution, Unit: Seconds, GroupBy: ofStart,
		Description: "From the request's arrival to the first byte of the response.",
		MeasuredBy:  "the recorder in front of the server, or a server that times the first response of a stream",
	},
	{
		Name: "time_to_first_token", Title: "Time to first token", Group: Latency, Shape: Distribution, Unit: Seconds, GroupBy: ofModel,
		Description: "From the request's arrival to the first token that a language model generates.",
		MeasuredBy:  byTokens,
	},
	{
		Name: "inter_token_latency", Title: "Inter-token latency", Group: Latency, Shape: Distribution, Unit: Seconds, GroupBy: ofModel,
		Description: "Time between one generated token and the next.",
		MeasuredBy:  byTokens,
	},
	{
		Name: "prefill_time", Title: "Prefill time", Group: Latency, Shape: Distribution, Unit: Seconds, GroupBy: ofModel,
		Description: "Time a language model takes to read the prompt.",
		MeasuredBy:  byTokens,
	},
	{
		Name: "decode_time", Title: "Decode time", Group: Latency, Shape: Distribution, Unit: Seconds, GroupBy: ofModel,
		Description: "Time a language model takes to generate the whole answer after the prompt is read.",
		MeasuredBy:  byTokens,
	},
	{
		Name: "request_size", Title: "Request size", Group: Size, Shape: Distribution, Unit: Bytes, GroupBy: ofModel,
		Description: "Bytes of request bodies.", MeasuredBy: byRecorder,
	},
	{
		Name: "response_size", Title: "Response size", Group: Size, Shape: Distribution, Unit: Bytes, GroupBy: ofModel,
		Description: "Bytes of response bodies.", MeasuredBy: byRecorder,
	},
	{
		Name: "input_tokens", Title: "Input tokens", Group: Size, Shape: Distribution, Unit: Tokens, GroupBy: ofModel,
		Description: "Tokens of prompts. Never converted into bytes.", MeasuredBy: byTokens,
	},
	{
		Name: "output_tokens", Title: "Output tokens", Group: Size, Shape: Distribution, Unit: Tokens, GroupBy: ofModel,
		Description: "Tokens of generated answers. Never converted into bytes.", MeasuredBy: byTokens,
	},
	{
		Name: "replicas", Title: "Replicas", Group: ReplicaRow, Shape: Level, Unit: Replicas, GroupBy: ofState,
		Description: "Replicas by state. Active ones serve; starting ones are scheduled or loading.",
		MeasuredBy:  "the metrics page of every replica as a target, or kube-state-metrics",
	},
	{
		Name: "concurrent_requests", Title: "Concurrent requests", Group: Demand, Shape: Level, Unit: Requests, GroupBy: ofState,
		Description: "Requests in the server at once: executing and queued. Executing is Little's law where no gauge counts it: seconds of work completed per second.",
		MeasuredBy:  byRecorder,
	},
	{
		Name: "async_queue_size", Title: "Async queue size", Group: Demand, Shape: Level, Unit: Requests, GroupBy: ofModel,
		Description: "Requests waiting in a durable asynchronous queue.", MeasuredBy: byQueue,
	},
	{
		Name: "async_queue_time", Title: "Async queue time", Group: Demand, Shape: Distribution, Unit: Seconds, GroupBy: ofModel,
		Description: "Time that requests spent in a durable asynchronous queue.", MeasuredBy: byQueue,
	},
	{
		Name: "cpu_usage", Title: "CPU usage", Group: Compute, Shape: Level, Unit: Ratio, GroupBy: ofReplica,
		Description: "Share of the replica's CPUs in use.",
		MeasuredBy:  "a server that reports its host (Triton), or cAdvisor",
	},
	{
		Name: "memory_usage", Title: "Memory usage", Group: Compute, Shape: Level, Unit: Bytes, GroupBy: ofReplica,
		Description: "Memory in use where the replica runs.",
		MeasuredBy:  "a server that reports its host (Triton), or cAdvisor",
	},
	{
		Name: "gpu_utilization", Title: "GPU utilization", Group: Compute, Shape: Level, Unit: Ratio, GroupBy: ofGPU,
		Description: "Share of time in which a kernel ran on the GPU.",
		MeasuredBy:  "the NVML endpoint, dcgm-exporter, or a server on a GPU host that reports it",
	},
	{
		Name: "gpu_memory", Title: "GPU memory", Group: Compute, Shape: Level, Unit: Bytes, GroupBy: ofGPU,
		Description: "Memory in use on the GPU, by every process on it.",
		MeasuredBy:  "the NVML endpoint, dcgm-exporter, or a server on a GPU host that reports it",
	},
	{
		Name: "gpu_memory_usage", Title: "GPU memory usage", Group: Compute, Shape: Share, Unit: Ratio, GroupBy: ofGPU,
		Description: "Share of the GPU's memory that is in use, by every process on it. Near 100 % the next load of a model fails.",
		MeasuredBy:  "the NVML endpoint, dcgm-exporter, or a server on a GPU host that reports it",
	},
	{
		Name: "gpu_power", Title: "GPU power", Group: Compute, Shape: Level, Unit: Watts, GroupBy: ofGPU,
		Description: "Power that the GPU draws.",
		MeasuredBy:  "the NVML endpoint, dcgm-exporter, or a server on a GPU host that reports it",
	},
	{
		Name: "model_memory", Title: "Model memory", Group: Compute, Shape: Level, Unit: Bytes, GroupBy: ofModel,
		Description: "Memory that a model takes, on whatever device.",
		MeasuredBy:  "a server that accounts for its models' memory (ModelMesh, Seldon, TorchServe, Triton), or the NVML endpoint",
	},
	{
		Name: ModelGPUUtilization, Title: "GPU utilization by model", Group: Compute, Shape: Level, Unit: Ratio, GroupBy: ofShare, Default: Mean,
		Description: "Each model's part of the time in which kernels ran on the GPUs. The parts of all models add up to the GPUs' utilization.",
		MeasuredBy:  "the NVML endpoint, or a server that times its execution, with readings of its GPUs beside it",
		Derivation: &Derivation{From: []string{"gpu_utilization", "inference_time"},
			How: "the GPU's utilization, shared out by what the NVML endpoint reads of each model's processes on that GPU, else by the time that each model's requests took to compute on the same replica"},
	},
	{
		Name: EnergyPerThousandRequests, Title: "Energy per thousand requests", Group: Compute, Shape: Share, Unit: Joules, GroupBy: ofModel,
		Description: "What a thousand requests cost in energy of the GPUs, idle time included; by model, of what the GPUs draw while they compute.",
		MeasuredBy:  "the NVML endpoint, dcgm-exporter, or a server on a GPU host that reports it",
		Derivation: &Derivation{From: []string{"gpu_power", "requests"},
			How: "the GPUs' power divided by the requests per second, times 1000; by model, the power is shared out as the GPUs' utilization is"},
	},
	{
		Name: "models_resident", Title: "Models resident", Group: ModelCache, Shape: Level, Unit: Models, GroupBy: ofModel,
		Description: "Model versions whose weights are in memory, ready to serve, counted once on every replica.",
		MeasuredBy:  "a server with a management endpoint that lists its models",
	},
	{
		Name: "model_loads", Title: "Model loads", Group: ModelCache, Shape: Count, Unit: Events, GroupBy: ofModel,
		Description: "Loads of models into memory, per second.",
		MeasuredBy:  "a server with a management endpoint that lists its models",
	},
	{
		Name: "model_evictions", Title: "Model evictions", Group: ModelCache, Shape: Count, Unit: Events, GroupBy: ofModel,
		Description: "Models taken out of memory, per second, for whatever reason.",
		MeasuredBy:  "a server with a management endpoint that lists its models",
	},
	{
		Name: "load_time", Title: "Load time", Group: ModelCache, Shape: Distribution, Unit: Seconds, GroupBy: ofModel, Extra: []Statistic{Last}, Default: Last,
		Description: "Time to bring a model into memory.",
		MeasuredBy:  "a server that times its loads (Triton 24.11 and later, vLLM, Seldon)",
	},
	{
		Name: "cold_hit_rate", Title: "Cold-hit rate", Group: ModelCache, Shape: Share, Unit: Ratio, GroupBy: ofModel,
		Description: "Share of requests that had to wait for their model to be loaded. Not the cold-load rate: one load can serve many waiting requests.",
		MeasuredBy:  byMisses,
		Otherwise:   []Derivation{WithoutReplica, TwoModes, QuantilesJump},
	},
	{
		Name: "cold_load_rate", Title: "Cold-load rate", Group: ModelCache, Shape: Share, Unit: Ratio, GroupBy: ofModel,
		Description: "Loads of models per request. Not the cold-hit rate: one load can serve many waiting requests.",
		MeasuredBy:  "a server that counts its model loads (ModelMesh, Ray Serve multiplexing, Seldon)",
	},
	{
		Name: CacheHitRatio, Title: "Cache hit ratio", Group: ModelCache, Shape: Share, Unit: Ratio, GroupBy: ofModel,
		Description: "Share of requests whose model was in memory already: 1 − cold-hit rate.",
		MeasuredBy:  byMisses,
		Derivation:  &Derivation{From: []string{"cold_hit_rate"}, How: "1 − cold-hit rate"},
	},
	{
		Name: "age_at_eviction", Title: "Age at eviction", Group: ModelCache, Shape: Distribution, Unit: Seconds, GroupBy: ofModel, Extra: []Statistic{Last},
		Description: "How long the model that was evicted had not been asked.",
		MeasuredBy:  "a server with a model cache that reports it (ModelMesh), or that tells when it was last asked for a model (Triton)",
	},
	{
		Name: "response_cache_hit_ratio", Title: "Response cache hit ratio", Group: OtherCaches, Shape: Share, Unit: Ratio, GroupBy: ofModel,
		Description: "Share of requests answered with a response that was computed before. Not the model cache.",
		MeasuredBy:  "a server with a response cache that counts its hits (Triton)",
	},
	{
		Name: "prefix_cache_hit_ratio", Title: "Prefix cache hit ratio", Group: OtherCaches, Shape: Share, Unit: Ratio, GroupBy: ofModel,
		Description: "Share of prompt tokens whose computation was reused. Counted in tokens, not in requests, and not the model cache.",
		MeasuredBy:  byTokens,
	},
	{
		Name: "kv_cache_usage", Title: "KV cache usage", Group: OtherCaches, Shape: Level, Unit: Ratio, GroupBy: ofModel,
		Description: "Share of the memory for keys and values that is in use.",
		MeasuredBy:  byTokens,
	},
	{
		Name: "prediction_staleness", Title: "Prediction staleness", Group: Freshness, Shape: Level, Unit: Seconds, GroupBy: ofModel,
		Description: "Time since the model was last trained.",
		MeasuredBy:  "a metric of your own with the time of the last training",
	},
	{
		Name: "feature_extraction_time", Title: "Feature extraction time", Group: Freshness, Shape: Distribution, Unit: Seconds, GroupBy: ofModel,
		Description: "Time to make the model's input out of the request.",
		MeasuredBy:  "a metric of your own in the service that does it",
	},
	{
		Name: SLOObjective, Title: "SLO objective", Group: Objectives, Shape: Share, Unit: Number, GroupBy: ofTarget,
		Description: "The most that each model may do of what it is held to: seconds of the response time's p95 and of the staleness of predictions, shares of requests that fail and that are cold. Grouped by less than model and objective, the highest counts.",
		MeasuredBy:  "whatever measures the signals that the objectives are about",
		Derivation: &Derivation{From: []string{"response_time", "error_rate", "cold_hit_rate", "prediction_staleness"},
			How: "the objective in the data source's settings, for the models that are measured"},
	},
	{
		Name: SLOViolation, Title: "SLO violation", Group: Objectives, Shape: Share, Unit: Times, GroupBy: ofTarget,
		Description: "How far a model is from its objective: what it does divided by what it may do. Above 1 it violates the objective. The objectives are the response time's p95, the error rate, the cache hit ratio (by its misses) and the staleness of predictions. Grouped by less than model and objective, the highest counts.",
		MeasuredBy:  "whatever measures the signals that the objectives are about",
		Derivation: &Derivation{From: []string{"response_time", "error_rate", "cold_hit_rate", "prediction_staleness"},
			How: "the value divided by the model's objective"},
	},
	{
		Name: SLOBurnRate, Title: "SLO burn rate", Group: Objectives, Shape: Share, Unit: Times, GroupBy: ofTarget,
		Description: "How fast a model uses up what its objective allows: the share of its requests that were too slow, failed, or were cold, divided by the share that may be. At 1 the budget lasts exactly as long as the objective's period. Grouped by less than model and objective, the highest counts.",
		MeasuredBy:  "a histogram of response times, or whatever measures the other signals that the objectives are about",
		Derivation: &Derivation{From: []string{"response_time", "error_rate", "cold_hit_rate"},
			How: "the share of bad requests divided by the share that the model's objective allows"},
	},
}
