package incremental

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/prometheus/promql/parser"
)

// Groups that are written into an expression, at most.
const (
	maxWrittenGroups = 200
	maxWrittenBytes  = 16 << 10
)

// withBusiest writes into an expression which groups are the busiest at the end of the range, in the place of
// "and on (…) topk(…, … @ end())" and of "unless on (…) topk(…)": with the groups themselves, the value at a step does not depend on the
// range any more, and as long as the same groups are the busiest, the expression is the same at every refresh. The answer is the
// expression itself where there is nothing of the kind.
func (b *Backend) withBusiest(ctx context.Context, expr string, end time.Time) (string, error) {
	if !strings.Contains(expr, "@") {
		return expr, nil
	}
	parsed, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
	if err != nil {
		return expr, nil // what is not PromQL goes to the server as it is
	}
	known := map[string]*busiest{}
	var narrowing []func()
	err = eachChoice(parsed, func(choice *parser.BinaryExpr) error {
		ranked, by := choice.RHS.String(), choice.VectorMatching.MatchingLabels
		key := ranked + "\x00" + strings.Join(by, ",")
		if _, found := known[key]; !found {
			if known[key], err = b.groups(ctx, ranked, by, end); err != nil {
				return err
			}
		}
		chosen := known[key]
		if chosen == nil {
			return nil
		}
		written, err := parser.NewParser(parser.Options{}).ParseExpr(chosen.written)
		choice.RHS = written
		if choice.Op == parser.LAND {
			narrowing = append(narrowing, func() { chosen.narrow(choice.LHS, by) })
		}
		return err
	})
	if err != nil {
		return "", err
	}
	if len(known) == 0 {
		return expr, nil
	}
	text := parsed.String()
	if len(text) > maxWrittenBytes {
		return expr, nil
	}
	for _, n := range narrowing {
		n()
	}
	if narrower := parsed.String(); len(narrower) <= maxWrittenBytes {
		return narrower, nil
	}
	return text, nil
}

// eachChoice visits the operators that choose among series by a ranking at the end of the range.
func eachChoice(in parser.Expr, visit func(*parser.BinaryExpr) error) error {
	var choices []*parser.BinaryExpr
	parser.Inspect(in, func(node parser.Node, _ []parser.Node) error {
		if b, ok := node.(*parser.BinaryExpr); ok && (b.Op == parser.LAND || b.Op == parser.LUNLESS) && b.VectorMatching.On && isRankingAtEnd(b.RHS) {
			choices = append(choices, b)
		}
		return nil
	})
	for _, c := range choices {
		if err := visit(c); err != nil {
			return err
		}
	}
	return nil
}

// isRankingAtEnd reports whether an expression is a topk that has one value over the range, that at its end.
func isRankingAtEnd(expr parser.Expr) bool {
	for {
		inner, ok := expr.(*parser.ParenExpr)
		if !ok {
			break
		}
		expr = inner.Expr
	}
	ranking, ok := expr.(*parser.AggregateExpr)
	if !ok || ranking.Op != parser.TOPK {
		return false
	}
	atEnd := true
	parser.Inspect(ranking, func(node parser.Node, _ []parser.Node) error {
		switch n := node.(type) {
		case *parser.VectorSelector:
			atEnd = atEnd && (n.StartOrEnd == parser.END || n.Timestamp != nil)
		case *parser.SubqueryExpr:
			atEnd = false
		case *parser.Call:
			atEnd = atEnd && len(n.Args) > 0
		}
		return nil
	})
	return atEnd
}

// busiest are the groups that a ranking chose.
type busiest struct {
	// written is an expression of one series each.
	written string
	// values are those that each label has in them, sorted.
	values map[string][]string
}

// narrow has an expression of which only the busiest groups are looked at select no more than their series, as far as that is certain.
func (c *busiest) narrow(in parser.Expr, by []string) {
	for _, label := range by {
		if matcher := oneOf(label, c.values[label]); matcher != nil {
			narrow(in, matcher)
		}
	}
}

// groups asks which they are; nil if they should not be written: because they are too many, or because not all that should have
// answered did.
func (b *Backend) groups(ctx context.Context, ranking string, labels []string, end time.Time) (*busiest, error) {
	answer, err := b.Instant(ctx, ranking, end)
	if err != nil {
		return nil, err
	}
	if len(answer.Warnings) > 0 || len(answer.Series) > maxWrittenGroups {
		return nil, nil
	}
	if len(answer.Series) == 0 {
		return &busiest{written: "(vector(1) > 1)"}, nil // no series
	}
	var groups []string
	values := map[string][]string{}
	for _, s := range answer.Series {
		group := "vector(1)"
		for _, l := range labels {
			group = fmt.Sprintf(`label_replace(%s, %q, %s, "", "")`, group, l, strconv.Quote(strings.ReplaceAll(s.Labels[l], "$", "$$")))
			values[l] = append(values[l], s.Labels[l])
		}
		groups = append(groups, group)
	}
	slices.Sort(groups)
	for l := range values {
		slices.Sort(values[l])
		values[l] = slices.Compact(values[l])
	}
	return &busiest{union(slices.Compact(groups)), values}, nil
}

// union is written as a balanced tree: each "or" looks at all that stands on its left.
func union(groups []string) string {
	if len(groups) == 1 {
		return groups[0]
	}
	middle := len(groups) / 2
	return "(" + union(groups[:middle]) + " or " + union(groups[middle:]) + ")"
}
