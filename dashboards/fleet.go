package dashboards

import "github.com/coldhit/modelserving-datasource/pkg/signal"

// Fleet is the dashboard of all models: which of them are in trouble, and since when.
func Fleet() Dashboard {
	return made(FleetUID, "Fleet", "Every model in one table, with the models that miss their objectives first.", ofMany(), []row{
		{title: "At a glance", panels: fleetAtAGlance()},
		{title: "Every model", panels: []panel{modelTable()}},
		{title: "Response time by model", panels: heatMaps()},
		{title: "Traffic and errors", panels: []panel{
			chart{source: source{signal: "requests", statistics: rate, groupBy: byModel}, of: " by model", stacked: true, note: topAndOthers}.panel(),
			chart{source: source{signal: "error_rate", statistics: mean, groupBy: byModel}, of: " by model", note: topAndOthers}.panel(),
		}},
		{title: "Model cache", panels: []panel{
			chart{source: source{signal: "cold_hit_rate", statistics: mean, groupBy: byModel}, of: " by model", share: true, note: topAndOthers}.panel(),
			chart{source: source{signal: "models_resident", statistics: last, groupBy: []signal.Label{signal.Deployment}}, of: " by deployment", stepped: true, counted: true}.panel(),
			chart{source: source{signal: "model_loads", statistics: rate, groupBy: byModel}, of: " by model", stacked: true, note: topAndOthers}.panel(),
			chart{source: source{signal: "model_evictions", statistics: rate, groupBy: byModel}, of: " by model", stacked: true, note: topAndOthers}.panel(),
		}},
		{title: "Objectives", panels: []panel{
			chart{source: source{signal: signal.SLOViolation, statistics: mean, groupBy: byModel}, of: " by model", lines: atObjective()}.panel(),
			chart{source: source{signal: signal.SLOBurnRate, statistics: mean, groupBy: byModel}, of: " by model", lines: burning()}.panel(),
		}},
	})
}

// topAndOthers is the note of panels of many models.
const topAndOthers = "The 50 models with the most traffic have their own series, and *others* combines the rest."

func fleetAtAGlance() []panel {
	one := func(h headline) panel { h.width = sixth; return h.panel() }
	return []panel{
		modelCount("Models", "Models with traffic in the time range."+
			"\n\n**High:** many models share the replicas, and rarely requested models are evicted first.\n\n**Low:** if a model is missing, check its traffic and whether its server is among your targets.", columnTitle("requests", ""), nil),
		modelCount("Models missing an objective", "Models that miss at least one of their objectives over the time range."+
			"\n\n**High:** start with the first row of the table, and if many models fail at once, check what they share.\n\n**0:** every model meets its objectives.",
			columnTitle(signal.SLOViolation, ""), []thresholdStep{{Color: good}, {Color: bad, Value: number(1)}}, overObjective()),
		one(headline{source: source{signal: "requests"}}),
		one(headline{source: source{signal: "error_rate"}, thresholds: errorShare()}),
		headline{
			source: source{signal: signal.SLOViolation, groupBy: []signal.Label{signal.Objective}}, of: ", worst model of each objective",
			thresholds: violation(), several: true, styles: objectiveNames(), width: third,
		}.panel(),
	}
}

func heatMaps() []panel {
	const reading = "One row per model: hover a cell for its value."
	return []panel{
		heat{source: source{signal: "response_time", statistics: p95, groupBy: byModel}, of: " by model, p95", steps: latencies(), note: reading}.panel(),
		heat{source: source{signal: signal.SLOViolation, statistics: mean, groupBy: byModel}, of: " by model", steps: violation(), note: reading}.panel(),
	}
}
