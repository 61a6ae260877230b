package captures

// traps are all that are known.
var traps = []trap{
	{"every server", "Three caches share the word cache hit: models in memory, responses, prefixes", "Three signals, and no metric fills two of them", TestThreeCachesShareTheWordCacheHit},
	{"every server", "Units: micro-, milli- and whole seconds; bytes, mebibytes called megabytes, gibibytes called gigabytes; percentages, ratios called percent, basis points", "Each metric has its unit in the profile; values are converted to the signal's. Basis points are in no signal of the catalogue; a profile of one's own reads them", TestUnitsInTheWild},
	{"every server", "The label that means the model has a dozen names, or is missing; DCGM's modelName is a GPU", "Each profile names its own; where there is none, none is made up", TestLabelThatMeansModel},
	{"every server", "Gauges and histograms named _total, counters without it", "The profile has the type as it is, whatever the name says", TestGaugesNamedTotalAndCountersWithoutIt},
	{"every server", "Gauges that hold the last event's value: load times, TorchServe's PredictionTime", "Load times are answered as the last one alone; the last request's time is not read", TestLastValueGaugesAreNotAveraged},
	{"every server", "A platform shows its engine's metrics under its own labels (Triton, Dynamo)", "Who is preferred counts, the other one is left out", TestPlatformWrapping},
	{"every server", "A platform renames its engine's metrics (vertex_)", "They are nobody else's and count nothing twice; the names themselves are published nowhere, so that they are read by a profile of one's own, which is vLLM's with other names", TestVertexRenamesAnEnginesMetrics},
	{"every server", "A platform and its engine share a page", "The engine's numbers are left out where the platform tells them", TestAPlatformAndItsEngineOnOnePageCountOnce},
	{"every server", "Series disappear when a model is unloaded", "What was counted until then stays in windows that reach there; nothing is zero or less", TestSeriesDisappearOnUnload},
	{"every server", "Gateway, queue proxy, activator, server and worker count the same request", "One layer is read, and named with the answer", TestMultiLayerDoubleCounting},
	{"every server", "A gateway's numbers beside those of the servers behind it", "It counts only in environments where no server does", TestAGatewayCountsOnlyWhereNoServerDoes},
	{"every server", "Pages with the content type text/plain; version=1.0.0 (MLServer, BentoML)", "Read as text, by Save & test and by scraping", TestTextOfVersion1},
	{"every server", "Some answer in OpenMetrics (KServe, Ray)", "Either format gives the same numbers", TestOpenMetrics},
	{"every server", "None speaks protobuf", "It is asked for, for native histograms; text is read as well", TestNoServerSpeaksProtobuf},
	{"every server", "Pages have whatever their servers write", "Every line of every recording is read", TestEveryRecordingCanBeRead},

	{"Ray Serve", "Sums of histograms are made of the middles of buckets", "No mean is taken of them", TestRayHistogramSumsAreNotUsed},
	{"Ray Serve", "A page is 1 to 2 MB in size; only Ray compresses", "Asked for with gzip; the default limits let the whole page through", TestRayPageIsLargeUnlessCompressed},
	{"Ray Serve", "Series of a deleted deployment stay", "Its replicas and models are gone with their gauges, within half a minute; it has no latency and no error rate any more, and its requests are 0", TestRaySeriesOfDeletedDeploymentsStay},
	{"Ray Serve", "Replicas that were removed", "They are not counted", TestRayReplicasThatWereRemovedAreGone},
	{"Ray Serve", "Requests that raised, or were refused, are missing from the deployment's counter", "The proxy's counter is read", TestRayRequestsThatRaisedOrWereRefusedAreCounted},
	{"Ray Serve", "Requests that no application serves", "They are left out", TestRayRequestsThatNoApplicationServesAreLeftOut},
	{"Ray Serve", "The counter of loads counts failed ones, the histogram of load times does not", "Loads are counted by the counter, failed ones included, as the answer says", TestRayLoadsThatFailedAreCounted},
	{"Ray Serve", "The label handle=\" contains le=\"", "Labels are parsed, not searched for", TestHandleContainsLe},
	{"Ray Serve", "Handles beside the bounds of buckets", "They stay apart", TestRayHandlesAreNotBounds},
	{"Ray Serve", "Engines' metrics are called ray_vllm_ and ray_sglang_, and their sums are made up", "Profiles of their own, without means; Ray Serve's count of requests is preferred", TestRayWrapsItsEngines},

	{"Triton", "An error that a Python model returns for one request counts as a success", "Said with every answer about requests and errors", TestTritonErrorsOfSingleRequestsCountAsSuccesses},
	{"Triton", "An ensemble's failure counts twice", "Said with every answer about requests and errors", TestTritonEnsembleFailuresCountTwice},
	{"Triton", "A request that a full queue refused (503) is counted nowhere", "Said with every answer about requests and errors", TestTritonRequestsThatAFullQueueRefusedCountNowhere},
	{"Triton", "A request that waited too long is REJECTED", "It counts as the server's failure", TestTritonQueueTimeOutsAreRejected},
	{"Triton", "Before 24.07 failures have no reason", "They are failures; there is no rate of the client's errors", TestTritonBefore2407GivesNoReason},
	{"Triton", "Unload drops a model's series, reload starts them at 0", "The model is not resident, and no count is negative", TestTritonUnloadDropsTheSeriesAndReloadStartsAtZero},
	{"Triton", "Quantiles of an idle summary are Nan", "There is no data", TestTritonQuantilesOfIdleSummariesAreNotANumber},
	{"Triton", "The server-wide totals of the response cache are gauges", "Only the counters by model are read", TestTritonServerWideCacheTotalsAreGauges},
	{"Triton", "nv_inference_count and exec_count leave out answers from the response cache", "Requests are counted by their outcome; the mean inference time is over those that ran the model", TestTritonInferenceCountsLeaveCachedAnswersOut},
	{"Triton", "histogram_latencies=true is accepted before 24.11, and does nothing", "It is said which version is needed", TestTritonHistogramsThatWereSwitchedOnAreNotThere},

	{"TorchServe", "Latencies add up for successes while requests count all", "No mean is given", TestTorchServeHasNoMeanBecauseLatencyCountsSuccessesOnly},
	{"TorchServe", "ts_inference_latency includes the time in the queue", "It is taken off before requests that execute are counted", TestTorchServeExecutingIsWithoutTheTimeInTheQueue},
	{"TorchServe", "A failing handler and a full queue both answer 503", "Neither the model nor the reason is made up", TestTorchServeFailingHandlersAndFullQueuesAnswerAlike},
	{"TorchServe", "Status is known for the whole host", "Error rates are the host's", TestTorchServeStatusIsOfTheWholeHost},
	{"TorchServe", "model_version is default unless the URL names one", "Shown as it is, beside named ones", TestTorchServeVersionIsDefaultUnlessNamed},
	{"TorchServe", "Series survive scale-down and unregister", "Replicas are servers that answer; residency is not read from metrics", TestTorchServeSeriesOfUnregisteredModelsMakeNoReplicas},

	{"MLServer", "The version is None or empty unless named", "Shown as it is; one model may have three", TestMLServerVersionIsNoneOrEmptyUnlessNamed},
	{"MLServer", "Unknown models get series", "They only fail, and have no replica", TestMLServerUnknownModelsOnlyFail},
	{"MLServer", "gRPC errors are missing from grpc_server_handled_total", "The models' own counters are read", TestMLServerErrorsByGRPCAreCounted},
	{"MLServer", "Failures do not say whose doing they were", "The error rate includes the client's, and says so", TestMLServerErrorRateIncludesTheClients},
	{"MLServer", "Routes count questions about the repository too", "Only routes of inference are read", TestMLServerClientErrorsAreOfInferenceRoutes},
	{"MLServer", "Series survive an unload", "Replicas are servers that answer; residency is the management endpoint's", TestMLServerUnloadedModelsHaveNoReplicas},

	{"KServe", "No status is reported", "Failures are requests that did not reach the postprocessing", TestKServeFailuresAreInferred},

	{"BentoML", "Health checks are counted like requests", "They are left out", TestBentoMLHealthChecksAreNoRequests},
	{"BentoML", "A request that passes through services is counted by each", "Services are told apart", TestBentoMLServicesBehindServicesAreApart},

	{"Knative, KServe, Baseten", "A server that answers scrapes is a replica, and one that does not may be a gap in scraping", "Only a gauge that reads 0 says that no replica is active; requests of times that nobody knows of are left out of the cold-hit rate", TestGapsInScrapingAreNotWithoutAReplica},
	{"Knative", "Request metrics of a queue proxy do not say the model", "target_info on the same page does", TestKnativeQueueProxiesAreFilteredByTheirTargetInfo},

	{"SageMaker", "Microseconds, and percentages of several CPUs or GPUs, which go beyond 100", "CloudWatch's words for units are in the table of units. Nothing reads CloudWatch yet", TestUnitsOfSageMaker},
	{"SageMaker", "moto, which stands for CloudWatch in tests, answers statistics of exact dimensions; percentiles fail with HTTP 500, searches and metric math are empty, Metrics Insights is wrong", "Cannot be met: nothing reads CloudWatch yet. Its answers are recorded, and whoever reads CloudWatch may not test those with moto", TestMotoAnswersStatisticsAndNothingElse},
	{"SageMaker", "moto lists a metric once for each value", "Cannot be met: nothing reads CloudWatch yet", TestMotoListsMetricsOnceForEachValue},
}
