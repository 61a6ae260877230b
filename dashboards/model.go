package dashboards

import "github.com/coldhit/modelserving-datasource/pkg/signal"

var (
	byState      = []signal.Label{signal.State}
	byObjective  = []signal.Label{signal.Objective}
	byStart      = []signal.Label{signal.Start}
	byVersion    = []signal.Label{signal.Deployment, signal.Version}
	byDeployment = []signal.Label{signal.Deployment}
)

// Model is the dashboard of one model.
func Model() Dashboard {
	return made(ModelUID, "Model", "Everything about one model: traffic, latency, warm and cold requests, memory, GPU and freshness.", ofOne(), []row{
		{title: "At a glance", panels: modelAtAGlance()},
		{title: "Response time", panels: []panel{
			chart{source: percentilesOf("response_time", nil), of: endToEndWords + ", percentiles", objective: true, styles: byStatistic(), note: dashedObjective}.panel(),
			chart{source: percentilesOf("inference_time", nil), of: ", percentiles", styles: byStatistic()}.panel(),
			chart{source: percentilesOf("queue_time", nil), of: ", percentiles", styles: byStatistic()}.panel(),
			chart{source: percentilesOf("time_to_first_byte", nil), of: ", percentiles", styles: byStatistic()}.panel(),
		}},
		{title: "Warm and cold requests", panels: hotAgainstCold()},
		{title: "Traffic and errors", panels: []panel{
			chart{source: source{signal: "requests", statistics: rate, groupBy: []signal.Label{signal.Status, signal.Code}}, of: " by status and code", stacked: true, styles: byStatusOf("shades"), width: third}.panel(),
			chart{source: source{signal: "error_rate", statistics: mean, groupBy: byVersion}, of: " by version", objective: true, note: dashedObjective, width: third}.panel(),
			chart{source: source{signal: "client_error_rate", statistics: mean, groupBy: byVersion}, of: " by version", width: third}.panel(),
		}},
		{title: "Objectives", panels: []panel{
			chart{source: source{signal: signal.SLOViolation, statistics: mean, groupBy: byObjective}, of: ", each objective", lines: atObjective(), styles: objectiveNames()}.panel(),
			chart{source: source{signal: signal.SLOBurnRate, statistics: mean, groupBy: byObjective}, of: " by objective", lines: burning(), styles: objectiveNames(),
				note: "Alerts fire when the burn rate stays above 14.4 for 1 h, 6 for 6 h, 3 for 1 d or 1 for 3 d, each also over a short window."}.panel(),
		}},
		{title: "Loads and evictions", panels: loadsAndEvictions()},
		{title: "Memory, GPU and replicas", panels: []panel{
			chart{source: source{signal: "model_memory", statistics: maximum, groupBy: byVersion}, of: " by version, highest", width: quarter}.panel(),
			chart{source: source{signal: signal.ModelGPUUtilization, statistics: mean, groupBy: byDeployment}, width: quarter}.panel(),
			chart{source: source{signal: "replicas", statistics: last, groupBy: byState}, of: " by state", stepped: true, counted: true, styles: byStateOf(), width: quarter}.panel(),
			chart{source: source{signal: "concurrent_requests", statistics: mean, groupBy: byState}, of: " by state", stacked: true, styles: byStateOf(), width: quarter}.panel(),
		}},
		{title: "Freshness", panels: []panel{
			headline{source: source{signal: "prediction_staleness"}, width: sixth}.panel(),
			chart{source: source{signal: "prediction_staleness", statistics: last, groupBy: byVersion}, of: " by version", objective: true, note: dashedObjective, width: 10}.panel(),
			chart{source: percentilesOf("feature_extraction_time", nil), of: ", percentiles", styles: byStatistic(), width: 10}.panel(),
		}},
		{title: "Language model", closed: true, panels: languageModel()},
	})
}

const dashedObjective = "The dashed line is the model's objective from the data source settings."

// percentilesOf is all statistics of a distribution of one model.
func percentilesOf(name string, where map[signal.Label]string) source {
	return source{signal: name, statistics: percentiles, where: where, legend: "{{statistic}} {{model}} {{version}} {{deployment}} {{environment}} {{replica}}"}
}

func modelAtAGlance() []panel {
	one := func(h headline) panel { h.width = sixth; return h.panel() }
	return []panel{
		one(headline{source: source{signal: "requests"}}),
		one(headline{source: source{signal: "response_time", statistics: p95}, of: ", p95"}),
		one(headline{source: source{signal: "error_rate"}}),
		one(headline{source: source{signal: signal.CacheHitRatio}}),
		headline{source: source{signal: signal.SLOViolation, groupBy: byObjective}, of: ", each objective", thresholds: violation(), several: true, styles: objectiveNames(), width: third}.panel(),
	}
}

// The values of the label path.
var (
	hot  = map[signal.Label]string{signal.Start: "hot"}
	cold = map[signal.Label]string{signal.Start: "cold"}
)

func hotAgainstCold() []panel {
	hotAdvice := advice{
		high: "the model is slow although it is loaded: check queue time and inference time.",
		low:  "slow responses are cold starts.",
	}
	coldAdvice := advice{
		high: "cold starts are expensive: smaller weights or faster storage shorten them, more memory avoids them.",
		low:  "cold starts are cheap, so evicting this model costs little.",
	}
	return []panel{
		chart{source: percentilesOf("response_time", hot), of: ", warm requests", styles: byStatistic(), note: "Only requests whose model was already loaded are included.", advice: &hotAdvice}.panel(),
		chart{source: percentilesOf("response_time", cold), of: ", cold requests", styles: byStatistic(), note: "Only requests that waited for their model to load are included.", advice: &coldAdvice}.panel(),
		chart{source: source{signal: "requests", statistics: rate, groupBy: byStart}, of: " by start (hot, cold)", stacked: true, styles: byStartStyles()}.panel(),
		chart{source: source{signal: signal.CacheHitRatio, statistics: mean, groupBy: byDeployment}, of: " by deployment", share: true, objective: true, note: dashedObjective}.panel(),
	}
}

func loadsAndEvictions() []panel {
	return []panel{
		chart{source: source{signal: "models_resident", statistics: last, groupBy: ofReplica}, of: " by replica", stepped: true, counted: true, width: third}.panel(),
		chart{source: source{signal: "model_loads", statistics: rate, groupBy: ofReplica}, of: " by replica", width: third}.panel(),
		chart{source: source{signal: "model_evictions", statistics: rate, groupBy: ofReplica}, of: " by replica", width: third}.panel(),
		chart{source: source{signal: "load_time", statistics: last, groupBy: ofReplica}, of: " by replica, last load", stepped: true, width: third}.panel(),
		chart{source: source{signal: "cold_load_rate", statistics: mean, groupBy: byDeployment}, of: " by deployment", width: third}.panel(),
		chart{source: source{signal: "age_at_eviction", statistics: last, groupBy: ofReplica}, of: " by replica, last eviction", stepped: true, width: third}.panel(),
	}
}

func languageModel() []panel {
	var all []panel
	for _, name := range []string{"time_to_first_token", "inter_token_latency", "prefill_time", "decode_time", "input_tokens", "output_tokens"} {
		all = append(all, chart{source: percentilesOf(name, nil), of: ", percentiles", styles: byStatistic()}.panel())
	}
	return append(all,
		chart{source: source{signal: "kv_cache_usage", statistics: maximum, groupBy: ofReplica}, of: " by replica, highest", share: true}.panel(),
		chart{source: source{signal: "prefix_cache_hit_ratio", statistics: mean, groupBy: ofReplica}, of: " by replica", share: true}.panel(),
	)
}
