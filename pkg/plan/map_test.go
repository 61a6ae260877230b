package plan_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/plan"
)

func TestMapReplacesEveryPartAndLeavesTheNodeAsItWas(t *testing.T) {
	a, b := last("a"), last("b")
	above := func(n plan.Node) plan.Node { return plan.Above{Of: n, Than: 1} }
	for _, c := range []struct{ node, mapped plan.Node }{
		{a, a},
		{plan.Rate{Window: 1}, plan.Rate{Window: 1}},
		{plan.Begun{Within: 1}, plan.Begun{Within: 1}},
		{plan.Total{}, plan.Total{}},
		{plan.Over{Window: 1}, plan.Over{Window: 1}},
		{plan.Aggregate{Op: plan.Max, Of: a}, plan.Aggregate{Op: plan.Max, Of: above(a)}},
		{plan.Quantile{Q: 0.5, Of: a}, plan.Quantile{Q: 0.5, Of: above(a)}},
		{plan.HistogramSum{Of: a}, plan.HistogramSum{Of: above(a)}},
		{plan.HistogramCount{Of: a}, plan.HistogramCount{Of: above(a)}},
		{plan.Ratio{Of: a, To: b}, plan.Ratio{Of: above(a), To: above(b)}},
		{plan.Scale{Of: a, Factor: 2}, plan.Scale{Of: above(a), Factor: 2}},
		{plan.Above{Of: a, Than: 2}, plan.Above{Of: above(a), Than: 2}},
		{plan.Exactly{Of: a, Value: 2}, plan.Exactly{Of: above(a), Value: 2}},
		{plan.SumOver{Of: a, Window: 1}, plan.SumOver{Of: above(a), Window: 1}},
		{plan.AtLeast{Of: a, Bound: 2}, plan.AtLeast{Of: above(a), Bound: 2}},
		{plan.Union{Of: []plan.Node{a, b}}, plan.Union{Of: []plan.Node{above(a), above(b)}}},
		{plan.SetLabel{Of: a, Label: "l"}, plan.SetLabel{Of: above(a), Label: "l"}},
		{plan.Rename{Of: a, From: "l"}, plan.Rename{Of: above(a), From: "l"}},
		{plan.Classify{Of: a, From: "l"}, plan.Classify{Of: above(a), From: "l"}},
		{plan.Age{Of: a}, plan.Age{Of: above(a)}},
		{plan.TopK{Of: a, K: 2, Rank: b}, plan.TopK{Of: above(a), K: 2, Rank: above(b)}},
		{plan.Where{Of: a, Exists: b}, plan.Where{Of: above(a), Exists: above(b)}},
		{plan.Without{Of: a, Exists: b}, plan.Without{Of: above(a), Exists: above(b)}},
	} {
		t.Run(fmt.Sprintf("%T", c.node), func(t *testing.T) {
			before := fmt.Sprintf("%#v", c.node)
			require.Equal(t, c.mapped, plan.Map(c.node, above))
			require.Equal(t, before, fmt.Sprintf("%#v", c.node))
		})
	}
}

func last(metric string) plan.Node { return plan.Last{Of: plan.Select{Metric: metric}} }
