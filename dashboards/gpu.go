package dashboards

import "github.com/coldhit/modelserving-datasource/pkg/signal"

// GPU is the dashboard of the GPUs and of what each model takes of them.
func GPU() Dashboard {
	return made(GPUUID, "GPU", "Utilization and memory of the GPUs, and each model's share.", ofMany(), []row{
		{title: "At a glance", panels: []panel{
			headline{source: source{signal: "gpu_utilization", statistics: mean}, of: ", mean", width: quarter}.panel(),
			headline{source: source{signal: "gpu_memory_usage"}, thresholds: nearlyFull(), width: quarter}.panel(),
			headline{source: source{signal: "gpu_memory"}, of: ", total", width: quarter}.panel(),
			headline{source: source{signal: "gpu_power"}, of: ", total", width: quarter}.panel(),
		}},
		{title: "GPUs", panels: gpus()},
		{title: "Share of each model", panels: []panel{
			chart{source: source{signal: signal.ModelGPUUtilization, statistics: mean, groupBy: []signal.Label{signal.Model}}, of: ", stacked", stacked: true, width: third,
				note: "Stacked, the shares of all models add up to the mean utilization of the GPUs."}.panel(),
			chart{source: source{signal: "model_memory", statistics: last, groupBy: byModel}, of: " by model, stacked", stacked: true, width: third}.panel(),
			chart{source: source{signal: signal.EnergyPerThousandRequests, statistics: mean, groupBy: byModel}, of: " by model", width: third}.panel(),
		}},
		{title: "Workload", panels: []panel{
			p95ByModel("inference_time", ""),
			p95ByModel("queue_time", ""),
			chart{source: source{signal: "concurrent_requests", statistics: mean, groupBy: byModel}, of: " by model"}.panel(),
			chart{source: source{signal: "kv_cache_usage", statistics: maximum, groupBy: byModel}, of: " by model, highest", share: true}.panel(),
		}},
	})
}

// nearlyFull colours a share of memory.
func nearlyFull() []thresholdStep {
	return []thresholdStep{{Color: "text"}, {Color: caution, Value: number(0.9)}, {Color: bad, Value: number(0.95)}}
}
