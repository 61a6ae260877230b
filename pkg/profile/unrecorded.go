package profile

import (
	"slices"
	"time"

	"github.com/coldhit/modelserving-datasource/pkg/plan"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// Unrecorded is a plan that has a series for every environment and deployment whose traffic is there and not among what is
// recorded: whoever evaluates the rules does not see all that is asked for here. It is nil where no traffic is recorded. Written
// says of a recording's name whether it is written.
func (s Set) Unrecorded(recorded RecordedSeries, windows []time.Duration, written func(name string) bool) plan.Node {
	var missing []plan.Node
	for _, p := range s {
		for _, traffic := range p.Ranking(always).Of {
			on := namesOnServer(p.labelNames(p.Metrics[traffic.Metric], nil, []signal.Label{signal.Environment, signal.Deployment}))
			for _, r := range recorded[traffic.Metric] {
				i := slices.IndexFunc(windows, func(w time.Duration) bool { return written(r.Rate(w)) })
				if i < 0 || len(on) == 0 {
					continue
				}
				missing = append(missing, unrecorded(traffic.Metric, r.Rate(windows[i]), on, settled*windows[i]))
			}
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return oneOrUnion(missing)
}

// settled is how many windows pass until what is new has to be recorded.
const settled = 3

func unrecorded(metric, recording string, on []string, settled time.Duration) plan.Node {
	places := func(metric string, before time.Duration) plan.Node {
		return plan.Aggregate{Op: plan.Group, By: on, Of: plan.Last{Of: plan.Select{Metric: metric}, Before: before}}
	}
	stayed := plan.SemiJoin{Of: places(metric, 0), On: on, Exists: places(metric, settled)}
	return plan.AntiJoin{Of: stayed, On: on, Exists: places(recording, 0)}
}
