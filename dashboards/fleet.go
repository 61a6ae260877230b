package dashboards

import "github.com/coldhit/modelserving-datasource/pkg/signal"

// Fleet is the dashboard of all models: which of them are in trouble, and since when.
func Fleet() Dashboard {
	return made(FleetUID, "Fleet", "Every model in one table, and which of them are over their objectives.", ofMany(), []row{
		{title: "At a glance", panels: fleetAtAGlance()},
		{title: "Every model", panels: []panel{modelTable()}},
		{title: "Response time by model", panels: heatMaps()},
		{title: "Traffic and errors", panels: []panel{
			chart{ask: ask{signal: "requests", statistics: rate, groupBy: byModel}, of: " by model", stacked: true, note: topAndOthers}.panel(),
			chart{ask: ask{signal: "error_rate", statistics: mean, groupBy: byModel}, of: " by model", note: topAndOthers}.panel(),
		}},
		{title: "Model cache", panels: []panel{
			chart{ask: ask{signal: "cold_hit_rate", statistics: mean, groupBy: byModel}, of: " by model", share: true, note: topAndOthers}.panel(),
			chart{ask: ask{signal: "models_resident", statistics: last, groupBy: []signal.Label{signal.Deployment}}, of: " by deployment", stepped: true, counted: true}.panel(),
			chart{ask: ask{signal: "model_loads", statistics: rate, groupBy: byModel}, of: " by model", stacked: true, note: topAndOthers}.panel(),
			chart{ask: ask{signal: "model_evictions", statistics: rate, groupBy: byModel}, of: " by model", stacked: true, note: topAndOthers}.panel(),
		}},
		{title: "Objectives", panels: []panel{
			chart{ask: ask{signal: signal.SLOViolation, statistics: mean, groupBy: byModel}, of: " by model", lines: atObjective()}.panel(),
			chart{ask: ask{signal: signal.SLOBurnRate, statistics: mean, groupBy: byModel}, of: " by model", lines: burning()}.panel(),
		}},
	})
}

// topAndOthers is the note of panels of many models.
const topAndOthers = "With more than 50 models, those with the most traffic are shown one by one, and all the rest together as *others*."

func fleetAtAGlance() []panel {
	one := func(h headline) panel { h.width = sixth; return h.panel() }
	return []panel{
		modelCount("Models", "Models that have been asked in the time range.\n\n**Measured:** "+oneLayer+
			"\n\n**High:** many models share the replicas; those that are asked rarely are the first to be evicted.\n\n**Low:** models that should be here are not asked, or their server is not among the targets.", columnTitle("requests", ""), nil),
		modelCount("Over an objective", "Models that violate at least one of their objectives, over the whole time range. The table below has them first.\n\n**Measured:** "+againstOwn+
			"\n\n**High:** start with the first of the table; many at once point at what they share: a replica, a GPU, a gateway.\n\n**Low:** none is as it should be.",
			columnTitle(signal.SLOViolation, ""), []thresholdStep{{Color: good}, {Color: bad, Value: number(1)}}, overObjective()),
		one(headline{ask: ask{signal: "requests"}}),
		one(headline{ask: ask{signal: "error_rate"}, thresholds: errorShare()}),
		headline{
			ask: ask{signal: signal.SLOViolation, groupBy: []signal.Label{signal.Objective}}, of: " by objective, worst model",
			thresholds: violation(), several: true, styles: objectiveNames(), width: third,
		}.panel(),
	}
}

func heatMaps() []panel {
	const reading = "A row is a model, a column a time, and the colour the number; point at a cell to read it. " + topAndOthers
	return []panel{
		heat{ask: ask{signal: "response_time", statistics: p95, groupBy: byModel}, of: " by model, p95", steps: latencies(), note: reading}.panel(),
		heat{ask: ask{signal: signal.SLOViolation, statistics: mean, groupBy: byModel}, of: " by model", steps: violation(), note: reading}.panel(),
	}
}
