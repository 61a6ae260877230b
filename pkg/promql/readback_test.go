package promql

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/plan"
)

// readBack makes a plan of PromQL again, by Prometheus's own parser. It is the inverse of Text for plans without layers.
type readBack struct {
	t    *testing.T
	span time.Duration
}

func parse(t *testing.T, text string) parser.Expr {
	t.Helper()
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(text)
	require.NoError(t, err, text)
	return expr
}

func (r readBack) node(e parser.Expr) plan.Node {
	switch e := e.(type) {
	case *parser.ParenExpr:
		return r.node(e.Expr)
	case *parser.VectorSelector:
		return plan.Last{Of: r.selection(e), Before: e.OriginalOffset}
	case *parser.AggregateExpr:
		require.False(r.t, e.Without)
		if e.Op == parser.TOPK {
			require.Empty(r.t, e.Grouping)
			return plan.Highest{K: int(r.number(e.Param)), Of: r.node(e.Expr)}
		}
		return plan.Aggregate{Op: inverse(r.t, operations, e.Op.String()), By: none(e.Grouping), Of: r.node(e.Expr)}
	case *parser.Call:
		return r.call(e)
	case *parser.BinaryExpr:
		return r.binary(e)
	}
	require.FailNow(r.t, "unexpected expression", "%T %s", e, e)
	return nil
}

func (r readBack) selection(v *parser.VectorSelector) plan.Select {
	s := plan.Select{Metric: v.Name}
	for _, m := range v.LabelMatchers {
		if m.Name != model.MetricNameLabel {
			s.Matchers = append(s.Matchers, plan.Matcher{Label: m.Name, Compare: plan.Comparison(m.Type.String()), Value: m.Value})
		}
	}
	return s
}

func (r readBack) call(c *parser.Call) plan.Node {
	text := func(i int) string {
		literal, ok := c.Args[i].(*parser.StringLiteral)
		require.True(r.t, ok, c)
		return literal.Val
	}
	switch c.Func.Name {
	case "label_replace":
		if text(2) == "$1" && text(4) == "(.+)" {
			return plan.Rename{Of: r.node(c.Args[0]), From: text(3), To: text(1)}
		}
		if text(3) != "" {
			return plan.LabelReplace{Of: r.node(c.Args[0]), From: text(3), To: text(1), Match: text(4), Class: strings.ReplaceAll(text(2), "$$", "$")}
		}
		require.Empty(r.t, text(4))
		return plan.SetLabel{Of: r.node(c.Args[0]), Label: text(1), Value: strings.ReplaceAll(text(2), "$$", "$")}
	case "clamp_min":
		return plan.ClampMin{Of: r.node(c.Args[0]), Bound: r.number(c.Args[1])}
	case "histogram_sum":
		return plan.HistogramSum{Of: r.node(c.Args[0])}
	case "histogram_count":
		return plan.HistogramCount{Of: r.node(c.Args[0])}
	case "histogram_quantile":
		return plan.Quantile{Q: r.number(c.Args[0]), Of: r.node(c.Args[1])}
	}
	if sub, ok := c.Args[0].(*parser.SubqueryExpr); ok {
		require.Equal(r.t, "sum_over_time", c.Func.Name)
		return plan.SumOverTime{Of: r.node(sub.Expr), Window: sub.Range, Every: sub.Step}
	}
	window, ok := c.Args[0].(*parser.MatrixSelector)
	require.True(r.t, ok, c)
	vector, ok := window.VectorSelector.(*parser.VectorSelector)
	require.True(r.t, ok, c)
	switch c.Func.Name {
	case "rate":
		return plan.Rate{Of: r.selection(vector), Window: window.Range}
	case "increase":
		require.Equal(r.t, r.span, window.Range)
		if vector.Timestamp != nil {
			return plan.IncreaseOverRange{Of: r.selection(vector), End: time.UnixMilli(*vector.Timestamp)}
		}
		require.Equal(r.t, parser.ItemType(parser.END), vector.StartOrEnd)
		return plan.IncreaseOverRange{Of: r.selection(vector)}
	}
	return plan.OverTime{Of: r.selection(vector), Window: window.Range, Reduce: inverse(r.t, reductions, c.Func.Name)}
}

func (r readBack) binary(b *parser.BinaryExpr) plan.Node {
	on := func() []string {
		require.True(r.t, b.VectorMatching.On)
		return none(b.VectorMatching.MatchingLabels)
	}
	switch b.Op {
	case parser.DIV:
		require.False(r.t, b.VectorMatching.On)
		return plan.Ratio{Of: r.node(b.LHS), To: r.node(b.RHS)}
	case parser.MUL:
		return plan.Scale{Factor: r.number(b.LHS), Of: r.node(b.RHS)}
	case parser.SUB:
		now, ok := b.LHS.(*parser.Call)
		require.True(r.t, ok && now.Func.Name == "time", b)
		return plan.Age{Of: r.node(b.RHS)}
	case parser.GTR:
		require.False(r.t, b.ReturnBool)
		return plan.GreaterThan{Of: r.node(b.LHS), Than: r.number(b.RHS)}
	case parser.EQLC:
		require.False(r.t, b.ReturnBool)
		return plan.EqualTo{Of: r.node(b.LHS), Value: r.number(b.RHS)}
	case parser.LOR:
		require.False(r.t, b.VectorMatching.On)
		var of []plan.Node
		if left, ok := b.LHS.(*parser.BinaryExpr); ok && left.Op == parser.LOR {
			of = r.node(left).(plan.Union).Of
		} else {
			of = []plan.Node{r.node(b.LHS)}
		}
		return plan.Union{Of: append(of, r.node(b.RHS))}
	}
	require.Contains(r.t, []parser.ItemType{parser.LAND, parser.LUNLESS}, b.Op)
	if top, ok := b.RHS.(*parser.AggregateExpr); ok && top.Op == parser.TOPK {
		return plan.TopK{Of: r.node(b.LHS), By: on(), K: int(r.number(top.Param)), Rank: r.node(top.Expr), Rest: b.Op == parser.LUNLESS}
	}
	if b.Op == parser.LUNLESS {
		return plan.AntiJoin{Of: r.node(b.LHS), On: on(), Exists: r.exists(b.RHS, on())}
	}
	return plan.SemiJoin{Of: r.node(b.LHS), On: on(), Exists: r.exists(b.RHS, on())}
}

// exists reads groups where there are any. Text without rows does not say of which labels they are: of those of the join.
func (r readBack) exists(e parser.Expr, on []string) plan.Node {
	literal := false
	parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
		call, ok := n.(*parser.Call)
		literal = literal || ok && call.Func.Name == "vector"
		return nil
	})
	if !literal || containsSelector(e) {
		return r.node(e)
	}
	groups := plan.Groups{By: on}
	r.rows(e, &groups)
	return groups
}

func containsSelector(e parser.Expr) (found bool) {
	parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
		_, ok := n.(*parser.VectorSelector)
		found = found || ok
		return nil
	})
	return found
}

// rows adds the rows of a literal vector to groups.
func (r readBack) rows(e parser.Expr, to *plan.Groups) {
	switch e := e.(type) {
	case *parser.ParenExpr:
		r.rows(e.Expr, to)
	case *parser.BinaryExpr:
		if e.Op == parser.GTR {
			require.Equal(r.t, "vector(1) > 1", e.String())
			return
		}
		require.Equal(r.t, parser.ItemType(parser.LOR), e.Op)
		r.rows(e.LHS, to)
		r.rows(e.RHS, to)
	default:
		by, row := r.row(e)
		require.Equal(r.t, to.By, by)
		to.Values = append(to.Values, row)
	}
}

// row is the labels and the values of one series of value 1.
func (r readBack) row(e parser.Expr) (by, values []string) {
	call, ok := e.(*parser.Call)
	require.True(r.t, ok, e)
	if call.Func.Name == "vector" {
		require.InDelta(r.t, 1, r.number(call.Args[0]), 0)
		return nil, nil
	}
	outer := *call
	outer.Args = append(parser.Expressions{&parser.VectorSelector{}}, call.Args[1:]...)
	set, ok := r.call(&outer).(plan.SetLabel)
	require.True(r.t, ok, e)
	by, values = r.row(call.Args[0])
	return append(by, set.Label), append(values, set.Value)
}

func (r readBack) number(e parser.Expr) float64 {
	literal, ok := e.(*parser.NumberLiteral)
	require.True(r.t, ok, "%T %s", e, e)
	return literal.Val
}

func inverse[K comparable](t *testing.T, names map[K]string, name string) K {
	t.Helper()
	for k, v := range names {
		if v == name {
			return k
		}
	}
	require.FailNow(t, "no such word", name)
	var zero K
	return zero
}

// none is nil for no labels, as plans have it.
func none(in []string) []string {
	if len(in) == 0 {
		return nil
	}
	return slices.Clone(in)
}
