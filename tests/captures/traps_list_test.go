package captures

// traps lists all caveats that are known.
var traps = []trap{
	{"every server", "Three caches use the term cache hit: the model cache, the response cache and the prefix cache", "You get three signals, and no metric feeds two of them", TestThreeCachesShareTheWordCacheHit},
	{"every server", "Units differ: micro-, milli- and seconds, bytes, mebibytes called megabytes, gibibytes called gigabytes, percentages, ratios called percent, basis points", "The profile has the unit of each metric, and values are converted to the unit of the signal. No signal uses basis points, but your own profile can", TestUnitsInTheWild},
	{"every server", "The label for the model has a dozen names or is missing. In DCGM, modelName is a GPU", "Each profile maps its own label. If there is none, no model is shown", TestLabelThatMeansModel},
	{"every server", "Some gauges and histograms end in _total, and some counters do not", "The profile has the real type, independent of the name", TestGaugesNamedTotalAndCountersWithoutIt},
	{"every server", "Some gauges hold the value of the last event: load times, PredictionTime of TorchServe", "You see load times as the last load. The time of the last request is not used", TestLastValueGaugesAreNotAveraged},
	{"every server", "A platform exports the metrics of its engine under its own labels (Triton, Dynamo)", "The preferred source is used and the other is ignored", TestPlatformWrapping},
	{"every server", "A platform renames the metrics of its engine (vertex_)", "They match no built-in profile and count nothing twice. The names are not published. You can read them with your own profile, a copy of the one for vLLM with other names", TestVertexRenamesAnEnginesMetrics},
	{"every server", "A platform and its engine share a metrics endpoint", "The metrics of the engine are ignored if the platform reports the same signal", TestAPlatformAndItsEngineOnOnePageCountOnce},
	{"every server", "Series disappear when a model is unloaded", "Earlier requests stay in windows that include them, and no value is negative", TestSeriesDisappearOnUnload},
	{"every server", "Gateway, queue proxy, activator, server and worker count the same request", "One layer is used, and the provenance names it", TestMultiLayerDoubleCounting},
	{"every server", "A gateway counts the same requests as the servers behind it", "The gateway is used only in environments in which no server reports requests", TestAGatewayCountsOnlyWhereNoServerDoes},
	{"every server", "Some endpoints have the content type text/plain; version=1.0.0 (MLServer, BentoML)", "Save & test and scraping read them as text", TestTextOfVersion1},
	{"every server", "Some endpoints serve OpenMetrics (KServe, Ray)", "You get the same values from both formats", TestOpenMetrics},
	{"every server", "No known server supports the protobuf format", "It is requested for native histograms, and text is read as well", TestNoServerSpeaksProtobuf},
	{"every server", "Endpoints may serve anything that their servers write", "Every line of every capture is parsed", TestEveryRecordingCanBeRead},

	{"Ray Serve", "Histogram sums are computed from the middles of the buckets", "You get no mean of these histograms", TestRayHistogramSumsAreNotUsed},
	{"Ray Serve", "The metrics endpoint returns 1 to 2 MB, and only Ray compresses", "Gzip is requested, and the default scrape limits allow the whole response", TestRayPageIsLargeUnlessCompressed},
	{"Ray Serve", "Series of a deleted deployment remain", "Its replicas and models disappear with their gauges within half a minute. It has no latency and no error rate, and its request rate is 0", TestRaySeriesOfDeletedDeploymentsStay},
	{"Ray Serve", "Removed replicas remain in the metrics", "They are not counted", TestRayReplicasThatWereRemovedAreGone},
	{"Ray Serve", "The deployment's counter lacks requests that raised an exception or were rejected", "The counter of the proxy is used", TestRayRequestsThatRaisedOrWereRefusedAreCounted},
	{"Ray Serve", "Requests without a matching application are counted", "They are ignored", TestRayRequestsThatNoApplicationServesAreLeftOut},
	{"Ray Serve", "The load counter includes failed loads, the histogram of load times does not", "Loads are read from the counter, and the provenance says that failed loads are included", TestRayLoadsThatFailedAreCounted},
	{"Ray Serve", "The label handle=\" contains le=\"", "Labels are parsed, not searched", TestHandleContainsLe},
	{"Ray Serve", "Handles appear next to bucket bounds", "They are kept separate", TestRayHandlesAreNotBounds},
	{"Ray Serve", "Metrics of engines are named ray_vllm_ and ray_sglang_, and their sums are fabricated", "They have their own profiles without means, and the request counter of Ray Serve is preferred", TestRayWrapsItsEngines},

	{"Triton", "An error that a Python model returns for one request counts as a success", "The provenance of requests and error rates shows this", TestTritonErrorsOfSingleRequestsCountAsSuccesses},
	{"Triton", "A failure of an ensemble counts twice", "The provenance of requests and error rates shows this", TestTritonEnsembleFailuresCountTwice},
	{"Triton", "A request that is rejected by a full queue (503) is not counted", "The provenance of requests and error rates shows this", TestTritonRequestsThatAFullQueueRefusedCountNowhere},
	{"Triton", "A request that times out in the queue is REJECTED", "It counts as a failure of the server", TestTritonQueueTimeOutsAreRejected},
	{"Triton", "Before 24.07, failures have no reason", "They count as failures, and you get no client error rate", TestTritonBefore2407GivesNoReason},
	{"Triton", "An unload removes the series of a model, and a reload starts them at 0", "The model is not resident, and no rate is negative", TestTritonUnloadDropsTheSeriesAndReloadStartsAtZero},
	{"Triton", "Quantiles of an idle summary are Nan", "You see no data", TestTritonQuantilesOfIdleSummariesAreNotANumber},
	{"Triton", "The server-wide totals of the response cache are gauges", "Only the counters of each model are used", TestTritonServerWideCacheTotalsAreGauges},
	{"Triton", "nv_inference_count and exec_count exclude responses from the response cache", "Requests are counted by outcome, and the mean inference time covers requests that ran the model", TestTritonInferenceCountsLeaveCachedAnswersOut},
	{"Triton", "histogram_latencies=true is accepted before 24.11 and has no effect", "The notice names the version that you need", TestTritonHistogramsThatWereSwitchedOnAreNotThere},

	{"TorchServe", "Latencies include successes only, while requests include all", "You get no mean", TestTorchServeHasNoMeanBecauseLatencyCountsSuccessesOnly},
	{"TorchServe", "ts_inference_latency includes the queue time", "The queue time is subtracted before executing requests are derived", TestTorchServeExecutingIsWithoutTheTimeInTheQueue},
	{"TorchServe", "A failing handler and a full queue both return 503", "No model and no reason is guessed", TestTorchServeFailingHandlersAndFullQueuesAnswerAlike},
	{"TorchServe", "Status codes are known for the whole host only", "You get the error rates of the host", TestTorchServeStatusIsOfTheWholeHost},
	{"TorchServe", "model_version is default unless the URL names a version", "You see default next to named versions", TestTorchServeVersionIsDefaultUnlessNamed},
	{"TorchServe", "Series remain after a scale-down or unregister", "Replicas are the servers that respond, and residency is not read from metrics", TestTorchServeSeriesOfUnregisteredModelsMakeNoReplicas},

	{"MLServer", "The version is None or empty unless named", "You see it unchanged, so one model may have three versions", TestMLServerVersionIsNoneOrEmptyUnlessNamed},
	{"MLServer", "Unknown models get series", "They have failures only, and no replica", TestMLServerUnknownModelsOnlyFail},
	{"MLServer", "gRPC errors are missing from grpc_server_handled_total", "The counters of the models are used", TestMLServerErrorsByGRPCAreCounted},
	{"MLServer", "Failures do not distinguish client and server", "The error rate includes client errors, and the provenance shows this", TestMLServerErrorRateIncludesTheClients},
	{"MLServer", "Routes include requests to the repository API", "Only inference routes are used", TestMLServerClientErrorsAreOfInferenceRoutes},
	{"MLServer", "Series remain after an unload", "Replicas are the servers that respond, and residency comes from the management endpoint", TestMLServerUnloadedModelsHaveNoReplicas},

	{"KServe", "No status is reported", "Failures are requests that did not reach postprocessing", TestKServeFailuresAreInferred},

	{"BentoML", "Health checks are counted like requests", "They are excluded", TestBentoMLHealthChecksAreNoRequests},
	{"BentoML", "A request that passes through several services is counted by each", "You see each service separately", TestBentoMLServicesBehindServicesAreApart},

	{"Knative, KServe, Baseten", "A server that responds to scrapes is a replica, and one that does not may be a gap in scraping", "Only a gauge of 0 means that no replica is active. Requests during gaps are excluded from the cold-hit rate", TestGapsInScrapingAreNotWithoutAReplica},
	{"Knative", "Request metrics of a queue proxy have no model label", "target_info of the same endpoint provides the model", TestKnativeQueueProxiesAreFilteredByTheirTargetInfo},

	{"SageMaker", "Units are microseconds and percentages over several CPUs or GPUs, which exceed 100", "The unit table has the unit names of CloudWatch. CloudWatch is not supported yet", TestUnitsOfSageMaker},
	{"SageMaker", "moto, which simulates CloudWatch in tests, returns statistics of exact dimensions only. Percentiles fail with HTTP 500, searches and metric math are empty, and Metrics Insights is wrong", "CloudWatch is not supported yet. The captures contain the responses of moto, and those features cannot be tested with it", TestMotoAnswersStatisticsAndNothingElse},
	{"SageMaker", "moto lists a metric once per value", "CloudWatch is not supported yet", TestMotoListsMetricsOnceForEachValue},
}
