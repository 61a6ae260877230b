package dashboards

import "github.com/coldhit/modelserving-datasource/pkg/signal"

// Autoscaling is the dashboard of replicas and demand.
func Autoscaling() Dashboard {
	return made(AutoscalingUID, "Autoscaling", "Replicas and demand: whether you have enough replicas, and whether they start in time.", ofMany(), []row{
		{title: "At a glance", panels: scalingAtAGlance()},
		{title: "Diagnosis", number: 6, panels: []panel{findingTable()}},
		{title: "Replicas", number: 2, panels: []panel{
			chart{source: source{signal: "replicas", statistics: last, groupBy: byState, deployments: true}, of: " by state", stepped: true, counted: true, styles: byStateOf(), note: ofDeployments}.panel(),
			chart{source: source{signal: "replicas", statistics: last, groupBy: byDeployment, where: active, deployments: true}, of: " by deployment, active", stepped: true, counted: true, note: ofDeployments}.panel(),
		}},
		{title: "Demand", number: 3, panels: []panel{
			chart{source: source{signal: "concurrent_requests", statistics: mean, groupBy: byState}, of: " by state", stacked: true, styles: byStateOf(), width: third}.panel(),
			chart{source: source{signal: "concurrent_requests", statistics: mean, groupBy: byDeployment}, of: " by deployment", width: third,
				note: "Divide by the active replicas to compare with the concurrency target."}.panel(),
			chart{source: source{signal: "requests", statistics: rate, groupBy: byDeployment}, of: " by deployment", width: third}.panel(),
			chart{source: source{signal: "queue_time", statistics: p95, groupBy: byModel, limit: busiest}, of: " of the top models, p95", note: ofBusiest}.panel(),
			chart{source: source{signal: "async_queue_size", statistics: maximum, groupBy: byModel}, of: " by model"}.panel(),
		}},
		{title: "Response time during scaling", number: 4, panels: []panel{
			chart{source: source{signal: "response_time", statistics: p95, groupBy: byModel, limit: busiest}, of: " of the top models, p95",
				note: "Peaks at replica changes call for a longer scale-down delay, peaks at the maximum number of replicas for more capacity."}.panel(),
			chart{source: source{signal: signal.SLOViolation, statistics: mean, groupBy: byModel, limit: busiest, where: map[signal.Label]string{signal.Objective: "response_time"}}, of: ", response time of the worst models", lines: atObjective(),
				note: "Only the ten worst models are shown."}.panel(),
		}},
		{title: "Cold starts", number: 5, panels: []panel{
			chart{source: source{signal: "cold_hit_rate", statistics: mean, groupBy: byModel}, of: " by model", share: true}.panel(),
			chart{source: source{signal: "load_time", statistics: last, groupBy: byModel}, of: " by model, last load", stepped: true}.panel(),
		}},
		{title: "Replica resources", number: 7, panels: []panel{
			chart{source: source{signal: "cpu_usage", statistics: mean, groupBy: ofReplica}, of: " by replica", share: true, width: third}.panel(),
			chart{source: source{signal: "memory_usage", statistics: maximum, groupBy: ofReplica}, of: " by replica, highest", width: third}.panel(),
			chart{source: source{signal: "gpu_utilization", statistics: mean, groupBy: ofReplica}, of: " by replica", share: true, width: third}.panel(),
		}},
	})
}

// ofDeployments is the note of panels of replicas.
const ofDeployments = "All replicas of the selected deployments are shown, because starting replicas have no model yet."

// busiest is the number of models that can be distinguished next to replicas.
const busiest = 10

// ofBusiest is the note of panels of the busiest models.
const ofBusiest = "Only the ten models with the most traffic are shown."

var active = map[signal.Label]string{signal.State: "active"}

func scalingAtAGlance() []panel {
	return []panel{
		headline{source: source{signal: "replicas", groupBy: byState, deployments: true}, of: " by state", several: true, styles: byStateOf(), width: quarter, note: ofDeployments}.panel(),
		headline{source: source{signal: "concurrent_requests"}, width: sixth}.panel(),
		headline{source: source{signal: "requests"}, width: sixth}.panel(),
		headline{source: source{signal: "error_rate"}, thresholds: errorShare(), width: sixth}.panel(),
		headline{source: source{signal: signal.SLOViolation, where: map[signal.Label]string{signal.Objective: "response_time"}}, of: ", response time", thresholds: violation(), width: quarter, note: "The worst of the selected models is shown."}.panel(),
	}
}
