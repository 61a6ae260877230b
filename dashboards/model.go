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
	return made(ModelUID, "Model", "Everything about one model: what it is asked, what is hot and what is cold, its memory, GPU and freshness.", ofOne(), []row{
		{title: "At a glance", panels: modelAtAGlance()},
		{title: "Response time", panels: []panel{
			chart{ask: percentilesOf("response_time", nil), of: endToEndWords + ", percentiles", objective: true, styles: byStatistic(), note: dashedObjective}.panel(),
			chart{ask: percentilesOf("inference_time", nil), of: ", percentiles", styles: byStatistic()}.panel(),
			chart{ask: percentilesOf("queue_time", nil), of: ", percentiles", styles: byStatistic()}.panel(),
			chart{ask: percentilesOf("time_to_first_byte", nil), of: ", percentiles", styles: byStatistic()}.panel(),
		}},
		{title: "Hot against cold", panels: hotAgainstCold()},
		{title: "Traffic and errors", panels: []panel{
			chart{ask: ask{signal: "requests", statistics: rate, groupBy: []signal.Label{signal.Status, signal.Code}}, of: " by status and code", stacked: true, styles: byStatusOf("shades"), width: third}.panel(),
			chart{ask: ask{signal: "error_rate", statistics: mean, groupBy: byVersion}, of: " by version", objective: true, note: dashedObjective, width: third}.panel(),
			chart{ask: ask{signal: "client_error_rate", statistics: mean, groupBy: byVersion}, of: " by version", width: third}.panel(),
		}},
		{title: "Objectives", panels: []panel{
			chart{ask: ask{signal: signal.SLOViolation, statistics: mean, groupBy: byObjective}, of: " by objective", lines: atObjective(), styles: objectiveNames()}.panel(),
			chart{ask: ask{signal: signal.SLOBurnRate, statistics: mean, groupBy: byObjective}, of: " by objective", lines: burning(), styles: objectiveNames(),
				note: "The dashed lines are at 1, 3, 6 and 14.4, where alert rules fire."}.panel(),
		}},
		{title: "Loads and evictions", panels: loadsAndEvictions()},
		{title: "Memory, GPU and replicas", panels: []panel{
			chart{ask: ask{signal: "model_memory", statistics: maximum, groupBy: byVersion}, of: " by version, highest", width: quarter}.panel(),
			chart{ask: ask{signal: signal.ModelGPUUtilization, statistics: mean, groupBy: byDeployment}, width: quarter}.panel(),
			chart{ask: ask{signal: "replicas", statistics: last, groupBy: byState}, of: " by state", stepped: true, counted: true, styles: byStateOf(), width: quarter}.panel(),
			chart{ask: ask{signal: "concurrent_requests", statistics: mean, groupBy: byState}, of: " by state", stacked: true, styles: byStateOf(), width: quarter}.panel(),
		}},
		{title: "Freshness", panels: []panel{
			headline{ask: ask{signal: "prediction_staleness"}, width: sixth}.panel(),
			chart{ask: ask{signal: "prediction_staleness", statistics: last, groupBy: byVersion}, of: " by version", objective: true, note: dashedObjective, width: 10}.panel(),
			chart{ask: percentilesOf("feature_extraction_time", nil), of: ", percentiles", styles: byStatistic(), width: 10}.panel(),
		}},
		{title: "Language model", closed: true, panels: languageModel()},
	})
}

const dashedObjective = "The dashed line is the model's objective, from the data source's settings; without a line it is held to none, or is far from it."

// percentilesOf asks for all statistics of a distribution of one model.
func percentilesOf(name string, where map[signal.Label]string) ask {
	return ask{signal: name, statistics: percentiles, where: where, legend: "{{statistic}} {{model}} {{version}} {{deployment}} {{environment}} {{replica}}"}
}

func modelAtAGlance() []panel {
	one := func(h headline) panel { h.width = sixth; return h.panel() }
	return []panel{
		one(headline{ask: ask{signal: "requests"}}),
		one(headline{ask: ask{signal: "response_time", statistics: p95}, of: ", p95"}),
		one(headline{ask: ask{signal: "error_rate"}}),
		one(headline{ask: ask{signal: signal.CacheHitRatio}}),
		headline{ask: ask{signal: signal.SLOViolation, groupBy: byObjective}, of: " by objective", thresholds: violation(), several: true, styles: objectiveNames(), width: third}.panel(),
	}
}

// The values of the label start.
var (
	hot  = map[signal.Label]string{signal.Start: "hot"}
	cold = map[signal.Label]string{signal.Start: "cold"}
)

func hotAgainstCold() []panel {
	hotAdvice := advice{
		measured: oneLayer + " Only requests whose model was in memory.",
		high:     "the model is slow even when it is there: a cold start is not the cause. Look at queue and inference time.",
		low:      "what is slow in the response time of all requests is the cold ones beside this panel.",
	}
	coldAdvice := advice{
		measured: oneLayer + " Only requests that waited for their model to be loaded.",
		high:     "each cold start costs its user this much. Smaller weights or faster storage make it shorter; more memory makes it rarer.",
		low:      "cold starts hurt little: evicting this model is cheap.",
	}
	return []panel{
		chart{ask: percentilesOf("response_time", hot), of: ", hot starts", styles: byStatistic(), advice: &hotAdvice}.panel(),
		chart{ask: percentilesOf("response_time", cold), of: ", cold starts", styles: byStatistic(), advice: &coldAdvice}.panel(),
		chart{ask: ask{signal: "requests", statistics: rate, groupBy: byStart}, of: " by start", stacked: true, styles: byStartOf()}.panel(),
		chart{ask: ask{signal: signal.CacheHitRatio, statistics: mean, groupBy: byDeployment}, of: " by deployment", share: true, objective: true, note: dashedObjective}.panel(),
	}
}

func loadsAndEvictions() []panel {
	return []panel{
		chart{ask: ask{signal: "models_resident", statistics: last, groupBy: ofReplica}, of: " by replica", stepped: true, counted: true, width: third}.panel(),
		chart{ask: ask{signal: "model_loads", statistics: rate, groupBy: ofReplica}, of: " by replica", width: third}.panel(),
		chart{ask: ask{signal: "model_evictions", statistics: rate, groupBy: ofReplica}, of: " by replica", width: third}.panel(),
		chart{ask: ask{signal: "load_time", statistics: last, groupBy: ofReplica}, of: " by replica, last load", stepped: true, width: third}.panel(),
		chart{ask: ask{signal: "cold_load_rate", statistics: mean, groupBy: byDeployment}, of: " by deployment", width: third}.panel(),
		chart{ask: ask{signal: "age_at_eviction", statistics: last, groupBy: ofReplica}, of: " by replica, last eviction", stepped: true, width: third}.panel(),
	}
}

func languageModel() []panel {
	var all []panel
	for _, name := range []string{"time_to_first_token", "inter_token_latency", "prefill_time", "decode_time", "input_tokens", "output_tokens"} {
		all = append(all, chart{ask: percentilesOf(name, nil), of: ", percentiles", styles: byStatistic()}.panel())
	}
	return append(all,
		chart{ask: ask{signal: "kv_cache_usage", statistics: maximum, groupBy: ofReplica}, of: " by replica, highest", share: true}.panel(),
		chart{ask: ask{signal: "prefix_cache_hit_ratio", statistics: mean, groupBy: ofReplica}, of: " by replica", share: true}.panel(),
	)
}
