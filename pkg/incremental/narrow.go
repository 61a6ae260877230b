package incremental

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// narrow writes a matcher of a label into the selectors of an expression of whose answer only series that the matcher matches are
// looked at. Those series stay what they are, to the bit: it is written only where a series with a value of the label comes of
// series with the same value alone. Elsewhere all is selected, as before.
func narrow(in parser.Expr, to *labels.Matcher) {
	switch e := in.(type) {
	case *parser.ParenExpr:
		narrow(e.Expr, to)
	case *parser.UnaryExpr:
		narrow(e.Expr, to)
	case *parser.SubqueryExpr:
		narrow(e.Expr, to)
	case *parser.MatrixSelector:
		narrow(e.VectorSelector, to)
	case *parser.VectorSelector:
		e.LabelMatchers = append(e.LabelMatchers, to)
	case *parser.Call:
		if keepsLabel(e, to.Name) {
			for _, argument := range e.Args {
				narrowVector(argument, to)
			}
		}
	case *parser.AggregateExpr:
		if mergesWithin(e, to.Name) {
			narrow(e.Expr, to)
		}
	case *parser.BinaryExpr:
		narrowOperands(e, to)
	}
}

// narrowVector leaves scalars alone: of what they are made, everything depends on them.
func narrowVector(in parser.Expr, to *labels.Matcher) {
	if kind := in.Type(); kind == parser.ValueTypeVector || kind == parser.ValueTypeMatrix {
		narrow(in, to)
	}
}

func narrowOperands(e *parser.BinaryExpr, to *labels.Matcher) {
	matching := e.VectorMatching
	switch {
	case matching == nil || slices.Contains(matching.MatchingLabels, to.Name) == matching.On:
		// With a scalar, or where only series of one value of the label meet.
		narrowVector(e.LHS, to)
		narrowVector(e.RHS, to)
	case e.Op == parser.LAND || e.Op == parser.LUNLESS:
		narrow(e.LHS, to)
	}
}

// seriesFunctions make one series of one, and keep its labels but for the name. histogram_quantile makes one of those that differ in
// their bound, le, alone.
var seriesFunctions = map[string]bool{
	"rate": true, "increase": true, "irate": true, "delta": true, "idelta": true, "deriv": true, "changes": true, "resets": true,
	"avg_over_time": true, "min_over_time": true, "max_over_time": true, "sum_over_time": true, "count_over_time": true,
	"last_over_time": true, "present_over_time": true, "quantile_over_time": true, "stddev_over_time": true, "stdvar_over_time": true,
	"abs": true, "ceil": true, "floor": true, "round": true, "clamp": true, "clamp_min": true, "clamp_max": true, "timestamp": true,
	"histogram_quantile": true, "histogram_count": true, "histogram_sum": true, "histogram_avg": true, "histogram_fraction": true,
}

// keepsLabel reports whether each series that a call makes has a label's value of those that it is made of.
func keepsLabel(call *parser.Call, label string) bool {
	switch call.Func.Name {
	case "label_replace":
		written, ok := call.Args[1].(*parser.StringLiteral)
		return ok && written.Val != label
	case "histogram_quantile", "histogram_fraction":
		return label != "le"
	}
	return seriesFunctions[call.Func.Name]
}

// mergesWithin reports whether an aggregation merges only series that have a label's value in common, and keeps it.
func mergesWithin(e *parser.AggregateExpr, label string) bool {
	switch e.Op {
	case parser.SUM, parser.AVG, parser.COUNT, parser.MIN, parser.MAX, parser.GROUP:
		return slices.Contains(e.Grouping, label) != e.Without
	}
	return false
}

// oneOf matches the values of a label; nil where that cannot be written.
func oneOf(label string, values []string) *labels.Matcher {
	if len(values) == 0 || label == labels.MetricName {
		return nil
	}
	patterns := make([]string, len(values))
	for i, v := range values {
		if !utf8.ValidString(v) {
			return nil
		}
		patterns[i] = regexp.QuoteMeta(v)
	}
	if len(values) == 1 {
		return labels.MustNewMatcher(labels.MatchEqual, label, values[0])
	}
	matcher, err := labels.NewMatcher(labels.MatchRegexp, label, strings.Join(patterns, "|"))
	if err != nil {
		return nil
	}
	return matcher
}
