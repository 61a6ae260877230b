// Package promql writes plans as PromQL, for the wire, rule files and whoever looks at what was run.
package promql

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/coldhit/modelserving-datasource/pkg/plan"
)

// Text writes a plan as PromQL. The span is the length of the query's time range, which IncreaseOverRange covers.
func Text(n plan.Node, span time.Duration) string {
	w := writer{span: max(span, time.Second).Round(time.Millisecond)}
	return w.expr(n)
}

type writer struct{ span time.Duration }

func (w writer) expr(n plan.Node) string {
	switch n := n.(type) {
	case plan.Last:
		switch {
		case n.Before < 0:
			return Selector(n.Of) + " offset -" + duration(-n.Before)
		case n.Before > 0:
			return Selector(n.Of) + " offset " + duration(n.Before)
		}
		return Selector(n.Of)
	case plan.Rate:
		return fmt.Sprintf("rate(%s[%s])", Selector(n.Of), duration(n.Window))
	case plan.NewCounter:
		counter, ago := Selector(n.Of), " offset "+duration(n.Offset)
		return fmt.Sprintf("((%s - last_over_time(%s[%s]%s)) >= 0 or %s) unless %s%s", counter, counter, duration(n.Lookback), ago, counter, counter, ago)
	case plan.IncreaseOverRange:
		at := "end()"
		if !n.End.IsZero() {
			at = strconv.FormatFloat(float64(n.End.UnixMilli())/1000, 'f', -1, 64)
		}
		return fmt.Sprintf("increase(%s[%s] @ %s)", Selector(n.Of), duration(w.span), at)
	case plan.Groups:
		return groups(n)
	case plan.OverTime:
		return fmt.Sprintf("%s(%s[%s])", reductions[n.Reduce], Selector(n.Of), duration(n.Window))
	case plan.Aggregate:
		return fmt.Sprintf("%s by (%s) (%s)", operations[n.Op], labelList(n.By), w.expr(n.Of))
	case plan.Quantile:
		return fmt.Sprintf("histogram_quantile(%s, %s)", number(n.Q), w.expr(n.Of))
	case plan.HistogramSum:
		return "histogram_sum(" + w.expr(n.Of) + ")"
	case plan.HistogramCount:
		return "histogram_count(" + w.expr(n.Of) + ")"
	case plan.Ratio:
		return w.operand(n.Of) + " / " + w.operand(n.To)
	case plan.Scale:
		return number(n.Factor) + " * " + w.operand(n.Of)
	case plan.GreaterThan:
		return w.operand(n.Of) + " > " + number(n.Than)
	case plan.EqualTo:
		return w.operand(n.Of) + " == " + number(n.Value)
	case plan.SumOverTime:
		return fmt.Sprintf("sum_over_time((%s)[%s:%s])", w.expr(n.Of), duration(n.Window), duration(n.Every))
	case plan.ClampMin:
		return fmt.Sprintf("clamp_min(%s, %s)", w.expr(n.Of), number(n.Bound))
	case plan.Union:
		parts := make([]string, len(n.Of))
		for i, p := range n.Of {
			parts[i] = w.operand(p)
		}
		return strings.Join(parts, " or ")
	case plan.SetLabel:
		return fmt.Sprintf(`label_replace(%s, %s, %s, "", "")`, w.expr(n.Of), strconv.Quote(n.Label), quoteReplacement(n.Value))
	case plan.Rename:
		return fmt.Sprintf(`label_replace(%s, %s, "$1", %s, "(.+)")`, w.expr(n.Of), strconv.Quote(n.To), strconv.Quote(n.From))
	case plan.LabelReplace:
		return fmt.Sprintf("label_replace(%s, %s, %s, %s, %s)", w.expr(n.Of), strconv.Quote(n.To), quoteReplacement(n.Class), strconv.Quote(n.From), strconv.Quote(n.Match))
	case plan.Age:
		return "time() - " + w.operand(n.Of)
	case plan.Highest:
		return fmt.Sprintf("topk(%d, %s)", n.K, w.expr(n.Of))
	case plan.TopK:
		word := "and"
		if n.Rest {
			word = "unless"
		}
		return fmt.Sprintf("%s %s on (%s) %s", w.operand(n.Of), word, labelList(n.By), w.expr(plan.Highest{K: n.K, Of: n.Rank}))
	case plan.SemiJoin:
		return fmt.Sprintf("%s and on (%s) %s", w.operand(n.Of), labelList(n.On), w.operand(n.Exists))
	case plan.AntiJoin:
		return fmt.Sprintf("%s unless on (%s) %s", w.operand(n.Of), labelList(n.On), w.operand(n.Exists))
	}
	panic(fmt.Sprintf("promql: a plan has the unknown node %T", n)) // a node without a text is a fault in this package
}

// operand is the text of a node where an operator binds to it.
func (w writer) operand(n plan.Node) string {
	switch n.(type) {
	case plan.Ratio, plan.Scale, plan.GreaterThan, plan.EqualTo, plan.Age, plan.Union, plan.TopK, plan.SemiJoin, plan.AntiJoin, plan.NewCounter:
		return "(" + w.expr(n) + ")"
	}
	return w.expr(n)
}

// groups writes a literal vector.
func groups(n plan.Groups) string {
	rows := make([]string, len(n.Values))
	for i, values := range n.Values {
		row := "vector(1)"
		for j, label := range n.By {
			row = fmt.Sprintf(`label_replace(%s, %s, %s, "", "")`, row, strconv.Quote(label), quoteReplacement(values[j]))
		}
		rows[i] = row
	}
	if len(rows) == 0 {
		return "(vector(1) > 1)" // no series
	}
	return balancedUnion(rows)
}

// balancedUnion is a tree, because each "or" compares with everything on its left.
func balancedUnion(rows []string) string {
	if len(rows) == 1 {
		return rows[0]
	}
	middle := len(rows) / 2
	return "(" + balancedUnion(rows[:middle]) + " or " + balancedUnion(rows[middle:]) + ")"
}

var reductions = map[plan.Reduction]string{plan.MeanOver: "avg_over_time", plan.MaxOver: "max_over_time"}

var operations = map[plan.Operation]string{
	plan.Sum: "sum", plan.Mean: "avg", plan.Max: "max", plan.Count: "count", plan.Group: "group",
}

// Matchers are the matchers of a selection, the metric's name among them.
func Matchers(s plan.Select) ([]*labels.Matcher, error) {
	var out []*labels.Matcher
	if s.Metric != "" {
		out = append(out, labels.MustNewMatcher(labels.MatchEqual, model.MetricNameLabel, s.Metric))
	}
	for _, m := range s.Matchers {
		matcher, err := labels.NewMatcher(comparisons[m.Compare], m.Label, m.Value)
		if err != nil {
			return nil, fmt.Errorf("the selector %s is invalid: %w", Selector(s), err)
		}
		out = append(out, matcher)
	}
	return out, nil
}

var comparisons = map[plan.Comparison]labels.MatchType{
	plan.Equal: labels.MatchEqual, plan.NotEqual: labels.MatchNotEqual, plan.Match: labels.MatchRegexp, plan.NotMatch: labels.MatchNotRegexp,
}

// Selector writes a selection of samples as PromQL.
func Selector(s plan.Select) string {
	if len(s.Matchers) == 0 {
		return s.Metric
	}
	parts := make([]string, len(s.Matchers))
	for i, m := range s.Matchers {
		parts[i] = m.Label + string(m.Compare) + strconv.Quote(m.Value)
	}
	return s.Metric + "{" + strings.Join(parts, ", ") + "}"
}

func labelList(labels []string) string { return strings.Join(labels, ", ") }

func duration(d time.Duration) string { return model.Duration(d).String() }

func number(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

// A dollar sign stands for a capture group in a replacement.
func quoteReplacement(s string) string { return strconv.Quote(strings.ReplaceAll(s, "$", "$$")) }
