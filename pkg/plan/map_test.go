package plan_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/plan"
)

func TestMapReplacesEveryPartAndLeavesTheNodeAsItWas(t *testing.T) {
	a, b := last("a"), last("b")
	above := func(n plan.Node) plan.Node { return plan.GreaterThan{Of: n, Than: 1} }
	for _, c := range []struct{ node, mapped plan.Node }{
		{a, a},
		{plan.Rate{Window: 1}, plan.Rate{Window: 1}},
		{plan.NewCounter{Offset: 1}, plan.NewCounter{Offset: 1}},
		{plan.IncreaseOverRange{}, plan.IncreaseOverRange{}},
		{plan.OverTime{Window: 1}, plan.OverTime{Window: 1}},
		{plan.Aggregate{Op: plan.Max, Of: a}, plan.Aggregate{Op: plan.Max, Of: above(a)}},
		{plan.Quantile{Q: 0.5, Of: a}, plan.Quantile{Q: 0.5, Of: above(a)}},
		{plan.HistogramSum{Of: a}, plan.HistogramSum{Of: above(a)}},
		{plan.HistogramCount{Of: a}, plan.HistogramCount{Of: above(a)}},
		{plan.Ratio{Of: a, To: b}, plan.Ratio{Of: above(a), To: above(b)}},
		{plan.Scale{Of: a, Factor: 2}, plan.Scale{Of: above(a), Factor: 2}},
		{plan.GreaterThan{Of: a, Than: 2}, plan.GreaterThan{Of: above(a), Than: 2}},
		{plan.EqualTo{Of: a, Value: 2}, plan.EqualTo{Of: above(a), Value: 2}},
		{plan.SumOverTime{Of: a, Window: 1}, plan.SumOverTime{Of: above(a), Window: 1}},
		{plan.ClampMin{Of: a, Bound: 2}, plan.ClampMin{Of: above(a), Bound: 2}},
		{plan.Union{Of: []plan.Node{a, b}}, plan.Union{Of: []plan.Node{above(a), above(b)}}},
		{plan.SetLabel{Of: a, Label: "l"}, plan.SetLabel{Of: above(a), Label: "l"}},
		{plan.Rename{Of: a, From: "l"}, plan.Rename{Of: above(a), From: "l"}},
		{plan.LabelReplace{Of: a, From: "l"}, plan.LabelReplace{Of: above(a), From: "l"}},
		{plan.Age{Of: a}, plan.Age{Of: above(a)}},
		{plan.TopK{Of: a, K: 2, Rank: b}, plan.TopK{Of: above(a), K: 2, Rank: above(b)}},
		{plan.SemiJoin{Of: a, Exists: b}, plan.SemiJoin{Of: above(a), Exists: above(b)}},
		{plan.AntiJoin{Of: a, Exists: b}, plan.AntiJoin{Of: above(a), Exists: above(b)}},
	} {
		t.Run(fmt.Sprintf("%T", c.node), func(t *testing.T) {
			before := fmt.Sprintf("%#v", c.node)
			require.Equal(t, c.mapped, plan.Map(c.node, above))
			require.Equal(t, before, fmt.Sprintf("%#v", c.node))
		})
	}
}

func last(metric string) plan.Node { return plan.Last{Of: plan.Select{Metric: metric}} }
