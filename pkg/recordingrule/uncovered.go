package recordingrule

import (
	"slices"
	"time"

	"github.com/coldhit/modelserving-datasource/pkg/plan"
	"github.com/coldhit/modelserving-datasource/pkg/profile"
)

// uncoveredTraffic is a plan that has a series for every environment and deployment with traffic that is not among the recorded series: the
// server that evaluates the rules does not see all series of the store. It is nil where no traffic is recorded. Written reports whether
// recorded series of a name are written.
func uncoveredTraffic(profiles profile.Set, known Known, windows []time.Duration, written func(name string) bool) plan.Node {
	var missing []plan.Node
	for _, p := range profiles {
		for _, traffic := range p.Ranking(profile.Always).Of {
			on := p.PlaceLabels(traffic.Metric)
			for _, r := range known[traffic.Metric] {
				i := slices.IndexFunc(windows, func(w time.Duration) bool { return written(r.Rate(w)) })
				if i < 0 || len(on) == 0 {
					continue
				}
				missing = append(missing, uncoveredPlaces(traffic.Metric, r.Rate(windows[i]), on, graceWindows*windows[i]))
			}
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return plan.UnionOf(missing)
}

// graceWindows is how many windows pass until new traffic has to be recorded.
const graceWindows = 3

func uncoveredPlaces(metric, recorded string, on []string, grace time.Duration) plan.Node {
	places := func(metric string, before time.Duration) plan.Node {
		return plan.Aggregate{Op: plan.Group, By: on, Of: plan.Last{Of: plan.Select{Metric: metric}, Before: before}}
	}
	stayed := plan.SemiJoin{Of: places(metric, 0), On: on, Exists: places(metric, grace)}
	return plan.AntiJoin{Of: stayed, On: on, Exists: places(recorded, 0)}
}
