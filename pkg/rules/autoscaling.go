package rules

import (
	"time"

	"github.com/coldhit/modelserving-datasource/pkg/objective"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// replicasIn is the query for a deployment's replicas in a state. A mean, because it is compared with violations, which are one.
func replicasIn(o Options, state string) Query {
	return Query{Ref: state, Signal: "replicas", Statistic: signal.Mean, Beside: signal.Max, Filters: inState(state), Window: o.Window}
}

// activeOver is the query for the active replicas over a stretch, by the lowest and the highest.
func activeOver(o Options, stretch, ago time.Duration, ref string) Query {
	q := replicasIn(o, "active")
	q.Ref, q.Over, q.Ago = ref, stretch, ago
	q.Reduced = []Reduction{{ref + "_low", "min"}, {ref + "_high", "max"}}
	return q
}

// autoscaling are the conditions under which a deployment does not scale as its models need. All of them require that one of its
// models misses its response time, and put that last: the other numbers come in pairs of statistics until then.
func autoscaling(o Options) []Rule {
	stretch := 6 * o.Window
	slow := violation(o, objective.ResponseTime)
	return []Rule{
		{
			Name: "autoscaling-at-maximum", Title: "Autoscaling at maximum", Group: Autoscaling, Severity: Critical, For: 5 * time.Minute,
			By: byDeployment, Queries: []Query{replicasIn(o, "active"), replicasIn(o, "max"), slow},
			When:    []Comparison{{Ref: "active", Is: ">=", Than: 1, ThanRef: "max"}, violates},
			Summary: "{place}: all {max:number} replicas are running, and a model's p95 is {violation:times}x its objective.",
			Means:   "All replicas that the autoscaler may start are running, and the p95 response time of at least one model is above its objective.",
			Causes:  []string{"Not enough capacity for the traffic."},
			Actions: []string{"Raise your maximum number of replicas, or the concurrency target if replicas have room for more concurrent requests."},
			Panels:  []string{"replicas"},
		},
		{
			Name: "autoscaling-too-few-replicas", Title: "Autoscaling too few replicas", Group: Autoscaling, Severity: Warning, For: 10 * time.Minute,
			By: byDeployment, Queries: []Query{replicasIn(o, "active"), replicasIn(o, "max"), replicasIn(o, "desired"), slow},
			When: []Comparison{
				{Ref: "active", Is: "<", Than: 1, ThanRef: "max"}, {Ref: "desired", Is: "<=", Than: 1, ThanRef: "active"}, violates,
			},
			Summary: "{place}: {active:number} of at most {max:number} replicas are running, and a model's p95 is {violation:times}x its objective.",
			Means:   "The autoscaler could add replicas but does not, although the p95 response time of at least one model is above its objective.",
			Causes:  []string{"The concurrency target is too high, so the autoscaler sees no need for more replicas."},
			Actions: []string{"Lower your concurrency target or target utilization."},
			Panels:  []string{"replicas", "concurrent_requests"},
		},
		{
			Name: "autoscaling-cold-start-delay", Title: "Autoscaling cold start delay", Group: Autoscaling, Severity: Warning, For: 5 * time.Minute,
			By: byDeployment, Queries: []Query{replicasIn(o, "starting"), replicasIn(o, "active"), slow},
			When: []Comparison{
				{Ref: "starting", Is: ">", Than: 0}, {Ref: "starting", Is: ">=", Than: 1, ThanRef: "active"}, violates,
			},
			Summary: "{place}: {starting:number} replicas are starting, {active:number} are active, and a model's p95 is {violation:times}x its objective.",
			Means:   "At least as many replicas are starting as are active, and the p95 response time of at least one model is above its objective.",
			Causes:  []string{"Replicas start slowly: large images and weights, or no free node."},
			Actions: []string{"Raise your minimum number of replicas, or make the image smaller and order its layers so that weights are cached."},
			Panels:  []string{"replicas"},
		},
		{
			Name: "autoscaling-oscillates", Title: "Autoscaling oscillates", Group: Autoscaling, Severity: Warning, For: 5 * time.Minute,
			By: byDeployment, Queries: []Query{activeOver(o, stretch, stretch, "before"), activeOver(o, stretch, 0, "now"), slow},
			When: []Comparison{
				{Ref: "before_high", Is: ">", Than: 1, ThanRef: "before_low"}, {Ref: "now_high", Is: ">", Than: 1, ThanRef: "now_low"},
				// A number that only rises or only falls has two ranges that do not overlap.
				{Ref: "before_high", Is: ">", Than: 1, ThanRef: "now_low"}, {Ref: "now_high", Is: ">", Than: 1, ThanRef: "before_low"},
				violates,
			},
			Summary: "{place}: replicas oscillate between {now_low:number} and {now_high:number}, and a model's p95 is {violation:times}x its objective.",
			Means:   "The number of replicas went up and down in two windows in a row, " + durationText(2*stretch) + " in total, and the p95 response time of at least one model is above its objective.",
			Causes:  []string{"Oscillation: the autoscaler removes replicas as soon as they have reduced the load."},
			Actions: []string{"Increase your scale-down delay."},
			Panels:  []string{"replicas"},
		},
		{
			Name: "autoscaling-scales-down-early", Title: "Autoscaling scales down early", Group: Autoscaling, Severity: Warning, For: 5 * time.Minute,
			By: byDeployment, Queries: []Query{activeOver(o, stretch, 0, "recent"), replicasIn(o, "active"), slow},
			When:    []Comparison{{Ref: "recent_high", Is: ">", Than: 1, ThanRef: "active"}, violates},
			Summary: "{place}: replicas went from {recent_high:number} to {active:number}, and a model's p95 is {violation:times}x its objective.",
			Means:   "There were more replicas within the last " + durationText(stretch) + ", and now the p95 response time of at least one model is above its objective.",
			Causes: []string{
				"The scale-down delay is too short.",
				"Replicas failed and were not removed by the autoscaler: compare with the desired replicas.",
			},
			Actions: []string{"Increase your scale-down delay, or raise your minimum number of replicas."},
			Panels:  []string{"replicas"},
		},
	}
}
