package dashboards

import "github.com/coldhit/modelserving-datasource/pkg/signal"

// Autoscaling is the dashboard that puts replicas beside what is asked of them.
func Autoscaling() Dashboard {
	return made(AutoscalingUID, "Autoscaling", "Replicas beside what is asked of them: whether there are enough, and whether they come in time.", ofMany(), []row{
		{title: "At a glance", panels: scalingAtAGlance()},
		{title: "Diagnosis", number: 6, panels: []panel{findingTable()}},
		{title: "Replicas", number: 2, panels: []panel{
			chart{ask: ask{signal: "replicas", statistics: last, groupBy: byState, deployments: true}, of: " by state", stepped: true, counted: true, styles: byStateOf(), note: ofDeployments}.panel(),
			chart{ask: ask{signal: "replicas", statistics: last, groupBy: byDeployment, where: active, deployments: true}, of: " by deployment, active", stepped: true, counted: true, note: ofDeployments}.panel(),
		}},
		{title: "Demand", number: 3, panels: []panel{
			chart{ask: ask{signal: "concurrent_requests", statistics: mean, groupBy: byState}, of: " by state", stacked: true, styles: byStateOf(), width: third}.panel(),
			chart{ask: ask{signal: "concurrent_requests", statistics: mean, groupBy: byDeployment}, of: " by deployment", width: third,
				note: "Divided by the active replicas, this is what the concurrency target is compared with."}.panel(),
			chart{ask: ask{signal: "requests", statistics: rate, groupBy: byDeployment}, of: " by deployment", width: third}.panel(),
			chart{ask: ask{signal: "queue_time", statistics: p95, groupBy: byModel, limit: busiest}, of: " of the busiest models, p95", note: ofBusiest}.panel(),
			chart{ask: ask{signal: "async_queue_size", statistics: maximum, groupBy: byModel}, of: " by model"}.panel(),
		}},
		{title: "Response time while scaling", number: 4, panels: []panel{
			chart{ask: ask{signal: "response_time", statistics: p95, groupBy: byModel, limit: busiest}, of: " of the busiest models, p95",
				note: ofBusiest + " Peaks where replicas come or go mean that they do so too often: a longer scale-down delay. Peaks at the maximum of replicas mean too little capacity."}.panel(),
			chart{ask: ask{signal: signal.SLOViolation, statistics: mean, groupBy: byModel, limit: busiest, where: map[signal.Label]string{signal.Objective: "response_time"}}, of: " of the response time, worst models", lines: atObjective(),
				note: "The ten models that are furthest over their objective."}.panel(),
		}},
		{title: "Cold starts", number: 5, panels: []panel{
			chart{ask: ask{signal: "cold_hit_rate", statistics: mean, groupBy: byModel}, of: " by model", share: true}.panel(),
			chart{ask: ask{signal: "load_time", statistics: last, groupBy: byModel}, of: " by model, last load", stepped: true}.panel(),
		}},
		{title: "What limits a replica", number: 7, panels: []panel{
			chart{ask: ask{signal: "cpu_usage", statistics: mean, groupBy: ofReplica}, of: " by replica", share: true, width: third}.panel(),
			chart{ask: ask{signal: "memory_usage", statistics: maximum, groupBy: ofReplica}, of: " by replica, highest", width: third}.panel(),
			chart{ask: ask{signal: "gpu_utilization", statistics: mean, groupBy: ofReplica}, of: " by replica", share: true, width: third}.panel(),
		}},
	})
}

// ofDeployments is the note of panels of replicas.
const ofDeployments = "Of the selected deployments, whichever models are selected: what starts has no model yet. Desired, min and max are what the platform aims at, not in addition to the others."

// busiest is how many models can be told apart while one looks at replicas.
const busiest = 10

// ofBusiest is the note of panels of the busiest models.
const ofBusiest = "The ten models with the most traffic; the others are on the dashboard Fleet."

var active = map[signal.Label]string{signal.State: "active"}

func scalingAtAGlance() []panel {
	return []panel{
		headline{ask: ask{signal: "replicas", groupBy: byState, deployments: true}, of: " by state", several: true, styles: byStateOf(), width: quarter, note: ofDeployments}.panel(),
		headline{ask: ask{signal: "concurrent_requests"}, width: sixth}.panel(),
		headline{ask: ask{signal: "requests"}, width: sixth}.panel(),
		headline{ask: ask{signal: "error_rate"}, thresholds: errorShare(), width: sixth}.panel(),
		headline{ask: ask{signal: signal.SLOViolation, where: map[signal.Label]string{signal.Objective: "response_time"}}, of: " of the response time", thresholds: violation(), width: quarter, note: "Of the models that are selected, the worst."}.panel(),
	}
}
