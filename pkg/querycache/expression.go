package querycache

import (
	"errors"
	"strings"

	"github.com/prometheus/prometheus/promql/parser"
)

var errDependent = errors.New("depends on the range")

// independentOfRange reports whether the value of a user's expression at a step is the same in every range, and
// depends on nothing later than the step. What is not PromQL is not known to be so.
func independentOfRange(expr string) bool {
	// Any @ asks for a time that is not the step's. One in a label's value costs only that nothing is kept.
	if strings.Contains(expr, "@") {
		return false
	}
	parsed, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
	if err != nil {
		return false
	}
	dependent := false
	parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
		switch n := node.(type) {
		case *parser.VectorSelector:
			dependent = dependent || n.OriginalOffset < 0
		case *parser.SubqueryExpr:
			dependent = dependent || n.OriginalOffset < 0
		}
		if dependent {
			return errDependent
		}
		return nil
	})
	return !dependent
}
