package promql

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/plan"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// Groups that are named in the place of their ranking have the same numbers, and the end of the range may be named too.
func TestNamedGroupsHaveTheNumbersOfTheirRanking(t *testing.T) {
	forEachFleet(t, func(t *testing.T, f *fleet) {
		requests := plan.Select{Metric: "nv_inference_request_success"}
		byModel := func(of plan.Node) plan.Node { return plan.Aggregate{Op: plan.Sum, By: []string{"model"}, Of: of} }
		run := func(n plan.Node) map[string][]float64 {
			return f.run(Text(n, fleetSpan), []signal.Label{signal.Model}, false)
		}
		rate, total := byModel(plan.Rate{Of: requests, Window: window}), plan.IncreaseOverRange{Of: requests}
		pinned := plan.IncreaseOverRange{Of: requests, End: f.at(scrapes - 1)}
		earlier := plan.IncreaseOverRange{Of: requests, End: f.at(scrapes - 2)}
		require.Equal(t, run(byModel(total)), run(byModel(pinned)))
		require.NotEqual(t, run(byModel(total)), run(byModel(earlier)))
		all := run(rate)
		for k := 1; k <= fleetModels+1; k++ {
			highest := run(plan.Highest{K: k, Of: byModel(total)})
			require.Len(t, highest, min(k, fleetModels))
			groups := plan.Groups{By: []string{"model"}}
			top, rest := map[string][]float64{}, maps.Clone(all)
			for _, model := range slices.Sorted(maps.Keys(highest)) {
				groups.Values = append(groups.Values, []string{model})
				top[model] = all[model]
				delete(rest, model)
			}
			totals := run(byModel(total))
			for model := range rest {
				for _, kept := range highest {
					require.GreaterOrEqual(t, kept[0], totals[model][0])
				}
			}
			of := plan.TopK{Of: rate, By: []string{"model"}, K: k, Rank: byModel(total)}
			require.Equal(t, top, run(of))
			require.Equal(t, top, run(plan.SemiJoin{Of: rate, On: of.By, Exists: groups}))
			of.Rest = true
			require.Equal(t, rest, run(of))
			require.Equal(t, rest, run(plan.AntiJoin{Of: rate, On: of.By, Exists: groups}))
		}
		require.Empty(t, run(plan.SemiJoin{Of: rate, On: []string{"model"}, Exists: plan.Groups{By: []string{"model"}}}))
		require.Equal(t, all, run(plan.AntiJoin{Of: rate, On: []string{"model"}, Exists: plan.Groups{By: []string{"model"}}}))
	})
}
