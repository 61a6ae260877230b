package rules

import (
	"time"

	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// replicasIn asks for a deployment's replicas in a state. A mean, because it is compared with violations, which are one.
func replicasIn(o Options, state string) Query {
	return Query{Ref: state, Signal: "replicas", Statistic: signal.Mean, Beside: signal.Max, Filters: inState(state), Window: o.Window}
}

// activeOver asks for the active replicas over a stretch, by the lowest and the highest.
func activeOver(o Options, stretch, ago time.Duration, ref string) Query {
	q := replicasIn(o, "active")
	q.Ref, q.Over, q.Ago = ref, stretch, ago
	q.Reduced = []Reduction{{ref + "_low", "min"}, {ref + "_high", "max"}}
	return q
}

// autoscaling are the conditions under which a deployment does not scale as its models need. All of them ask that one of its
// models misses its response time, and put that last: the other numbers come in pairs of statistics until then.
func autoscaling(o Options) []Rule {
	stretch := 6 * o.Window
	slow := violation(o, ofResponseTime)
	return []Rule{
		{
			Name: "autoscaling-at-maximum", Title: "Autoscaling at maximum", Group: Autoscaling, Severity: Critical, For: 5 * time.Minute,
			By: byDeployment, Queries: []Query{replicasIn(o, "active"), replicasIn(o, "max"), slow},
			When:    []Comparison{{Ref: "active", Is: ">=", Than: 1, ThanRef: "max"}, violates},
			Summary: "{who} runs all of its {max:number} replicas and still answers {violation:times} times as slowly as a model's objective allows.",
			Means:   "Every replica that is allowed is running, and that is not enough: the p95 response time of at least one model is over its objective.",
			Causes:  []string{"Not enough capacity for the traffic."},
			Actions: []string{"Raise the greatest number of replicas, or the concurrency target where replicas have room for more at once."},
			Panels:  []string{"replicas"},
		},
		{
			Name: "autoscaling-too-few-replicas", Title: "Autoscaling too few replicas", Group: Autoscaling, Severity: Warning, For: 10 * time.Minute,
			By: byDeployment, Queries: []Query{replicasIn(o, "active"), replicasIn(o, "max"), replicasIn(o, "desired"), slow},
			When: []Comparison{
				{Ref: "active", Is: "<", Than: 1, ThanRef: "max"}, {Ref: "desired", Is: "<=", Than: 1, ThanRef: "active"}, violates,
			},
			Summary: "{who} stays at {active:number} of at most {max:number} replicas while it answers {violation:times} times as slowly as a model's objective allows.",
			Means:   "The autoscaler could add replicas and does not want to, although the p95 response time of at least one model is over its objective.",
			Causes:  []string{"The concurrency target is too high: the autoscaler takes the replicas for idle enough."},
			Actions: []string{"Lower the concurrency target or the target utilization."},
			Panels:  []string{"replicas", "concurrent_requests"},
		},
		{
			Name: "autoscaling-cold-start-delay", Title: "Autoscaling cold start delay", Group: Autoscaling, Severity: Warning, For: 5 * time.Minute,
			By: byDeployment, Queries: []Query{replicasIn(o, "starting"), replicasIn(o, "active"), slow},
			When: []Comparison{
				{Ref: "starting", Is: ">", Than: 0}, {Ref: "starting", Is: ">=", Than: 1, ThanRef: "active"}, violates,
			},
			Summary: "{who} has {starting:number} replicas starting and {active:number} that serve, and answers {violation:times} times as slowly as a model's objective allows.",
			Means:   "At least as many replicas are starting as are serving, and in the meantime the p95 response time of at least one model is over its objective.",
			Causes:  []string{"Replicas take long to start: large images and weights, or no free node."},
			Actions: []string{"Raise the least number of replicas, or make the image smaller and order its layers so that weights are cached."},
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
			Summary: "{who} goes up and down between {now_low:number} and {now_high:number} replicas, and answers {violation:times} times as slowly as a model's objective allows.",
			Means:   "The number of replicas changed to and fro twice in a row, over " + durationText(2*stretch) + " in all, and the p95 response time of at least one model is over its objective.",
			Causes:  []string{"Oscillation: the autoscaler takes replicas away as soon as they have brought the load down."},
			Actions: []string{"Make the scale-down delay longer."},
			Panels:  []string{"replicas"},
		},
		{
			Name: "autoscaling-scales-down-early", Title: "Autoscaling scales down early", Group: Autoscaling, Severity: Warning, For: 5 * time.Minute,
			By: byDeployment, Queries: []Query{activeOver(o, stretch, 0, "lately"), replicasIn(o, "active"), slow},
			When:    []Comparison{{Ref: "lately_high", Is: ">", Than: 1, ThanRef: "active"}, violates},
			Summary: "{who} went from {lately_high:number} replicas to {active:number} and now answers {violation:times} times as slowly as a model's objective allows.",
			Means:   "There were more replicas within the last " + durationText(stretch) + ", and those that are left do not keep the p95 response time of at least one model within its objective.",
			Causes: []string{
				"The scale-down delay is too short.",
				"Replicas were lost, not taken away: compare with the desired ones.",
			},
			Actions: []string{"Make the scale-down delay longer, or raise the least number of replicas."},
			Panels:  []string{"replicas"},
		},
	}
}
