package passes

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/coldhit/modelserving-datasource/pkg/plan"
)

// The labels that select otherwise than by a series' own values.
const (
	metricName  = "__name__"
	bucketBound = "le"
)

// PushDown writes a matcher into the selections of a plan that keeps only some named groups. The series that are kept stay what
// they are, to the bit: a matcher is written only where a series with a value of the label is made of series with the same value
// alone. Elsewhere everything is selected, as before.
func PushDown(n plan.Node) plan.Node {
	n = plan.Map(n, PushDown)
	join, ok := n.(plan.SemiJoin)
	if !ok {
		return n
	}
	groups, ok := join.Exists.(plan.Groups)
	if !ok {
		return n
	}
	for i, label := range groups.By {
		if m, ok := oneOf(label, groups, i); ok {
			join.Of = pushed(join.Of, m)
		}
	}
	return join
}

// oneOf matches the values that a label has in the groups; false where that cannot be written.
func oneOf(label string, groups plan.Groups, column int) (plan.Matcher, bool) {
	var values []string
	for _, row := range groups.Values {
		if !utf8.ValidString(row[column]) {
			return plan.Matcher{}, false
		}
		values = append(values, row[column])
	}
	slices.Sort(values)
	values = slices.Compact(values)
	switch {
	case len(values) == 0 || label == metricName:
		return plan.Matcher{}, false
	case len(values) == 1:
		return plan.Matcher{Label: label, Compare: plan.Equal, Value: values[0]}, true
	}
	for i, v := range values {
		values[i] = regexp.QuoteMeta(v)
	}
	return plan.Matcher{Label: label, Compare: plan.Match, Value: strings.Join(values, "|")}, true
}

// pushed is the plan with the matcher in every selection for which that is certain.
func pushed(n plan.Node, m plan.Matcher) plan.Node {
	through := func(of plan.Node) plan.Node { return pushed(of, m) }
	switch n := n.(type) {
	case plan.Last:
		n.Of = selecting(n.Of, m)
		return n
	case plan.Rate:
		n.Of = selecting(n.Of, m)
		return n
	case plan.NewCounter:
		n.Of = selecting(n.Of, m)
		return n
	case plan.IncreaseOverRange:
		n.Of = selecting(n.Of, m)
		return n
	case plan.OverTime:
		n.Of = selecting(n.Of, m)
		return n
	case plan.Aggregate:
		if !slices.Contains(n.By, m.Label) {
			return n
		}
	case plan.Quantile:
		if m.Label == bucketBound {
			return n
		}
	case plan.SetLabel:
		if n.Label == m.Label {
			return n
		}
	case plan.Rename:
		if n.To == m.Label {
			return n
		}
	case plan.LabelReplace:
		if n.To == m.Label {
			return n
		}
	case plan.SemiJoin:
		n.Of = through(n.Of)
		if slices.Contains(n.On, m.Label) {
			n.Exists = through(n.Exists)
		}
		return n
	case plan.AntiJoin:
		n.Of = through(n.Of)
		if slices.Contains(n.On, m.Label) {
			n.Exists = through(n.Exists)
		}
		return n
	case plan.TopK, plan.Highest:
		return n // their ranking compares with the groups that are left out
	}
	return plan.Map(n, through)
}

func selecting(s plan.Select, m plan.Matcher) plan.Select {
	s.Matchers = append(slices.Clone(s.Matchers), m)
	return s
}
