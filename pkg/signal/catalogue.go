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
	ColdHitRate         = "cold_hit_rate"
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
	byMisses   = "the recorder, a server that counts misses of its model cache (ModelMesh, Ray Serve multiplexing, Seldon), or a platform that scales to zero and reports its active replicas (Baseten, Knative before 1.19, kube-state-metrics)"
	byQueue    = "a platform with a durable asynchronous queue (SageMaker asynchronous inference, Baseten)"
)

// What the cold-hit rate is computed from where nothing counts it.
var (
	WithoutReplica = Derivation{From: []string{"requests", "replicas"},
		How: "the share of requests completed after a scrape without an active replica, if a gauge reports the replicas"}
	TwoModes = Derivation{From: []string{"response_time"}, Estimated: true,
		How: "the share of requests above the valley between the two modes of the response time, or a lower bound if the modes overlap"}
	QuantilesJump = Derivation{From: []string{"response_time"}, Estimated: true,
		How: "a lower bound: the share of requests above the first large jump between two quantiles of the response time"}
)

var builtin = Catalogue{
	{
		Name: "requests", Title: "Requests", Group: Volume, Shape: Count, Unit: Requests, GroupBy: ofOutcome,
		Description: "Completed requests per second. You can split them by status (2xx, 4xx and 5xx if the server reports codes, success and failure if it reports only outcomes) or by the raw code or reason.",
		MeasuredBy:  byRecorder,
	},
	{
		Name: "error_rate", Title: "Error rate", Group: Volume, Shape: Share, Unit: Ratio, GroupBy: ofModel,
		Description: "Share of requests that failed on the server side. Without traffic there is no data.",
		MeasuredBy:  byRecorder,
	},
	{
		Name: "client_error_rate", Title: "Client error rate", Group: Volume, Shape: Share, Unit: Ratio, GroupBy: ofModel,
		Description: "Share of requests that failed because of the client, such as invalid or cancelled requests.",
		MeasuredBy:  byRecorder,
	},
	{
		Name: "response_time", Title: "Response time", Group: Latency, Shape: Distribution, Unit: Seconds, GroupBy: ofStart,
		Description: "Time from the arrival of a request to the end of its response: cold start, queue and inference.",
		MeasuredBy:  byRecorder,
	},
	{
		Name: "inference_time", Title: "Inference time", Group: Latency, Shape: Distribution, Unit: Seconds, GroupBy: ofModel,
		Description: "Time to run the model, without waiting.",
		MeasuredBy:  "a model server that times its execution (Triton, Ray Serve, KServe)",
	},
	{
		Name: "queue_time", Title: "Queue time", Group: Latency, Shape: Distribution, Unit: Seconds, GroupBy: ofStart,
		Description: "Time that a request waits in the server before the model runs.",
		MeasuredBy:  "a model server that times its queue (Triton, TorchServe, vLLM)",
	},
	{
		Name: "time_to_first_byte", Title: "Time to first byte", Group: Latency, Shape: Distribution, Unit: Seconds, GroupBy: ofStart,
		Description: "Time from the arrival of a request to the first byte of its response.",
		MeasuredBy:  "the recorder in front of the server, or a server that times the first response of a stream",
	},
	{
		Name: "time_to_first_token", Title: "Time to first token", Group: Latency, Shape: Distribution, Unit: Seconds, GroupBy: ofModel,
		Description: "Time from the arrival of a request to the first generated token.",
		MeasuredBy:  byTokens,
	},
	{
		Name: "inter_token_latency", Title: "Inter-token latency", Group: Latency, Shape: Distribution, Unit: Seconds, GroupBy: ofModel,
		Description: "Time between one generated token and the next.",
		MeasuredBy:  byTokens,
	},
	{
		Name: "prefill_time", Title: "Prefill time", Group: Latency, Shape: Distribution, Unit: Seconds, GroupBy: ofModel,
		Description: "Time to process the prompt.",
		MeasuredBy:  byTokens,
	},
	{
		Name: "decode_time", Title: "Decode time", Group: Latency, Shape: Distribution, Unit: Seconds, GroupBy: ofModel,
		Description: "Time to generate the completion after the prompt is processed.",
		MeasuredBy:  byTokens,
	},
	{
		Name: "request_size", Title: "Request size", Group: Size, Shape: Distribution, Unit: Bytes, GroupBy: ofModel,
		Description: "Size of request bodies.", MeasuredBy: byRecorder,
	},
	{
		Name: "response_size", Title: "Response size", Group: Size, Shape: Distribution, Unit: Bytes, GroupBy: ofModel,
		Description: "Size of response bodies.", MeasuredBy: byRecorder,
	},
	{
		Name: "input_tokens", Title: "Input tokens", Group: Size, Shape: Distribution, Unit: Tokens, GroupBy: ofModel,
		Description: "Prompt tokens per request.", MeasuredBy: byTokens,
	},
	{
		Name: "output_tokens", Title: "Output tokens", Group: Size, Shape: Distribution, Unit: Tokens, GroupBy: ofModel,
		Description: "Generated tokens per request.", MeasuredBy: byTokens,
	},
	{
		Name: "replicas", Title: "Replicas", Group: ReplicaRow, Shape: Level, Unit: Replicas, GroupBy: ofState,
		Description: "Replicas by state. Active replicas serve requests. Starting replicas are scheduled or loading.",
		MeasuredBy:  "the metrics page of every replica as a target, or kube-state-metrics",
	},
	{
		Name: "concurrent_requests", Title: "Concurrent requests", Group: Demand, Shape: Level, Unit: Requests, GroupBy: ofState,
		Description: "Requests in the server at the same time, executing or queued. If the server has no gauge, executing requests are derived from completed work (Little's law).",
		MeasuredBy:  byRecorder,
	},
	{
		Name: "async_queue_size", Title: "Async queue size", Group: Demand, Shape: Level, Unit: Requests, GroupBy: ofModel,
		Description: "Requests waiting in a durable asynchronous queue.", MeasuredBy: byQueue,
	},
	{
		Name: "async_queue_time", Title: "Async queue time", Group: Demand, Shape: Distribution, Unit: Seconds, GroupBy: ofModel,
		Description: "Time that a request waits in a durable asynchronous queue.", MeasuredBy: byQueue,
	},
	{
		Name: "cpu_usage", Title: "CPU usage", Group: Compute, Shape: Level, Unit: Ratio, GroupBy: ofReplica,
		Description: "Share of the replica's CPUs in use.",
		MeasuredBy:  "a server that reports its host (Triton), or cAdvisor",
	},
	{
		Name: "memory_usage", Title: "Memory usage", Group: Compute, Shape: Level, Unit: Bytes, GroupBy: ofReplica,
		Description: "Memory in use on the replica's host or container.",
		MeasuredBy:  "a server that reports its host (Triton), or cAdvisor",
	},
	{
		Name: "gpu_utilization", Title: "GPU utilization", Group: Compute, Shape: Level, Unit: Ratio, GroupBy: ofGPU,
		Description: "Share of time in which a kernel ran on the GPU.",
		MeasuredBy:  "the NVML endpoint, dcgm-exporter, or a server on a GPU host that reports it",
	},
	{
		Name: "gpu_memory", Title: "GPU memory", Group: Compute, Shape: Level, Unit: Bytes, GroupBy: ofGPU,
		Description: "GPU memory in use by all processes.",
		MeasuredBy:  "the NVML endpoint, dcgm-exporter, or a server on a GPU host that reports it",
	},
	{
		Name: "gpu_memory_usage", Title: "GPU memory usage", Group: Compute, Shape: Share, Unit: Ratio, GroupBy: ofGPU,
		Description: "Share of the GPU's memory in use by all processes. Near 100 % the next model load fails.",
		MeasuredBy:  "the NVML endpoint, dcgm-exporter, or a server on a GPU host that reports it",
	},
	{
		Name: "gpu_power", Title: "GPU power", Group: Compute, Shape: Level, Unit: Watts, GroupBy: ofGPU,
		Description: "Power draw of the GPU.",
		MeasuredBy:  "the NVML endpoint, dcgm-exporter, or a server on a GPU host that reports it",
	},
	{
		Name: "model_memory", Title: "Model memory", Group: Compute, Shape: Level, Unit: Bytes, GroupBy: ofModel,
		Description: "Memory used by the model, on CPU or GPU.",
		MeasuredBy:  "a server that accounts for its models' memory (ModelMesh, Seldon, TorchServe, Triton), or the NVML endpoint",
	},
	{
		Name: ModelGPUUtilization, Title: "GPU utilization by model", Group: Compute, Shape: Level, Unit: Ratio, GroupBy: ofShare, Default: Mean,
		Description: "Each model's share of GPU utilization. The shares of all models add up to the utilization of the GPUs.",
		MeasuredBy:  "the NVML endpoint, or a server that times its execution, with readings of its GPUs beside it",
		Derivation: &Derivation{From: []string{"gpu_utilization", "inference_time"},
			How: "the GPU's utilization, shared out by the NVML endpoint's readings of each model's processes, or else by the compute time of each model on the same replica"},
	},
	{
		Name: EnergyPerThousandRequests, Title: "Energy per thousand requests", Group: Compute, Shape: Share, Unit: Joules, GroupBy: ofModel,
		Description: "GPU energy for a thousand requests. Without a model, idle time is included. By model, only the power drawn while the GPUs compute is shared out.",
		MeasuredBy:  "the NVML endpoint, dcgm-exporter, or a server on a GPU host that reports it",
		Derivation: &Derivation{From: []string{"gpu_power", "requests"},
			How: "the GPUs' power divided by the requests per second, times 1000. By model, the power is shared out like the GPUs' utilization"},
	},
	{
		Name: "models_resident", Title: "Models resident", Group: ModelCache, Shape: Level, Unit: Models, GroupBy: ofModel,
		Description: "Model versions that are loaded and ready to serve, counted once per replica.",
		MeasuredBy:  "a server with a management endpoint that lists its models",
	},
	{
		Name: "model_loads", Title: "Model loads", Group: ModelCache, Shape: Count, Unit: Events, GroupBy: ofModel,
		Description: "Model loads per second.",
		MeasuredBy:  "a server with a management endpoint that lists its models",
	},
	{
		Name: "model_evictions", Title: "Model evictions", Group: ModelCache, Shape: Count, Unit: Events, GroupBy: ofModel,
		Description: "Model unloads per second, for any reason.",
		MeasuredBy:  "a server with a management endpoint that lists its models",
	},
	{
		Name: "load_time", Title: "Load time", Group: ModelCache, Shape: Distribution, Unit: Seconds, GroupBy: ofModel, Extra: []Statistic{Last}, Default: Last,
		Description: "Time to load a model into memory.",
		MeasuredBy:  "a server that times its loads (Triton 24.11 and later, vLLM, Seldon)",
	},
	{
		Name: "cold_hit_rate", Title: "Cold-hit rate", Group: ModelCache, Shape: Share, Unit: Ratio, GroupBy: ofModel,
		Description: "Share of requests that waited for their model to load. This is not the cold-load rate, because one load can serve many waiting requests.",
		MeasuredBy:  byMisses,
		Otherwise:   []Derivation{WithoutReplica, TwoModes, QuantilesJump},
	},
	{
		Name: "cold_load_rate", Title: "Cold-load rate", Group: ModelCache, Shape: Share, Unit: Ratio, GroupBy: ofModel,
		Description: "Model loads per request. This is not the cold-hit rate, because one load can serve many waiting requests.",
		MeasuredBy:  "a server that counts its model loads (ModelMesh, Ray Serve multiplexing, Seldon)",
	},
	{
		Name: CacheHitRatio, Title: "Cache hit ratio", Group: ModelCache, Shape: Share, Unit: Ratio, GroupBy: ofModel,
		Description: "Share of requests served by a model that was already loaded (1 − cold-hit rate).",
		MeasuredBy:  byMisses,
		Derivation:  &Derivation{From: []string{"cold_hit_rate"}, How: "1 − cold-hit rate"},
	},
	{
		Name: "age_at_eviction", Title: "Age at eviction", Group: ModelCache, Shape: Distribution, Unit: Seconds, GroupBy: ofModel, Extra: []Statistic{Last},
		Description: "Time between a model's last request and its eviction.",
		MeasuredBy:  "a server that reports the age of its model cache (ModelMesh) or the time of each model's last request (Triton)",
	},
	{
		Name: "response_cache_hit_ratio", Title: "Response cache hit ratio", Group: OtherCaches, Shape: Share, Unit: Ratio, GroupBy: ofModel,
		Description: "Share of requests served from the response cache. This is not the model cache.",
		MeasuredBy:  "a server with a response cache that counts its hits (Triton)",
	},
	{
		Name: "prefix_cache_hit_ratio", Title: "Prefix cache hit ratio", Group: OtherCaches, Shape: Share, Unit: Ratio, GroupBy: ofModel,
		Description: "Share of prompt tokens found in the prefix cache. It is counted in tokens, not in requests, and is not the model cache.",
		MeasuredBy:  byTokens,
	},
	{
		Name: "kv_cache_usage", Title: "KV cache usage", Group: OtherCaches, Shape: Level, Unit: Ratio, GroupBy: ofModel,
		Description: "Share of the KV cache in use.",
		MeasuredBy:  byTokens,
	},
	{
		Name: "prediction_staleness", Title: "Prediction staleness", Group: Freshness, Shape: Level, Unit: Seconds, GroupBy: ofModel,
		Description: "Time since the model was last trained.",
		MeasuredBy:  "a metric of your own with the time of the last training",
	},
	{
		Name: "feature_extraction_time", Title: "Feature extraction time", Group: Freshness, Shape: Distribution, Unit: Seconds, GroupBy: ofModel,
		Description: "Time to build the model's input (feature extraction).",
		MeasuredBy:  "a metric of your own in the service that does it",
	},
	{
		Name: SLOObjective, Title: "SLO objective", Group: Objectives, Shape: Share, Unit: Number, GroupBy: ofTarget,
		Description: "Objectives (SLOs) of each model, as upper limits: seconds for the p95 response time and the staleness, shares for failed and cold requests. When grouped, the highest limit is shown.",
		MeasuredBy:  "the source of the signal that the objective refers to",
		Derivation: &Derivation{From: []string{"response_time", "error_rate", "cold_hit_rate", "prediction_staleness"},
			How: "the objectives in the data source settings, for models with data"},
	},
	{
		Name: SLOViolation, Title: "Objective used", Group: Objectives, Shape: Share, Unit: Ratio, GroupBy: ofTarget,
		Description: "Measured value divided by its target: above 100 % the model misses the objective. Your objectives are the p95 response time, the error rate, the cache hit ratio (by its misses) and the staleness of predictions. When grouped, the worst model is shown.",
		MeasuredBy:  "the source of the signal that the objective refers to",
		Derivation: &Derivation{From: []string{"response_time", "error_rate", "cold_hit_rate", "prediction_staleness"},
			How: "the value divided by the model's objective"},
	},
	{
		Name: SLOBurnRate, Title: "SLO burn rate", Group: Objectives, Shape: Share, Unit: Times, GroupBy: ofTarget,
		Description: "Speed at which a model uses its error budget: the share of slow, failed or cold requests divided by the share that the objective allows. At 1 the budget lasts exactly as long as its period. When grouped, the worst model is shown.",
		MeasuredBy:  "a histogram of response times, or the source of the other signals with objectives",
		Derivation: &Derivation{From: []string{"response_time", "error_rate", "cold_hit_rate"},
			How: "the share of bad requests divided by the share that the model's objective allows"},
	},
}
