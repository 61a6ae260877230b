// Package expression bounds the PromQL that users type: its text before it is parsed, and what its evaluation may cost before it starts.
// One Grafana's organisations share the process, and neither a parser's stack nor a function's inner loop can be stopped from outside.
package expression

import (
	"fmt"

	"github.com/prometheus/prometheus/promql/parser"
)

const (
	// MaxBytes leaves room for a regular expression of all the values of a variable.
	MaxBytes = 256 << 10
	// maxTokens is some ten times that of the longest expressions of published dashboards. Every token may become a node of the tree.
	maxTokens = 10_000
	// maxNesting is the depth of parentheses, braces, brackets and signs. Parser and engine recurse into each of them.
	maxNesting = 100
)

// Check returns an error that says which bound a text exceeds. It reads the text once, without recursion, and parses nothing: a text
// that is no PromQL passes.
func Check(text string) error {
	if len(text) > MaxBytes {
		return fmt.Errorf("the PromQL expression has %d bytes and %d are allowed: shorten it, or use fewer values of a variable", len(text), MaxBytes)
	}
	var depth, signs, tokens int
	var patterns float64
	var before parser.ItemType
	lexer := parser.Lex(text)
	for {
		var item parser.Item
		lexer.NextItem(&item)
		switch item.Typ {
		case parser.EOF, parser.ERROR:
			return checkPatterns(patterns)
		case parser.LEFT_PAREN, parser.LEFT_BRACE, parser.LEFT_BRACKET:
			depth++
			signs = 0
		case parser.RIGHT_PAREN, parser.RIGHT_BRACE, parser.RIGHT_BRACKET:
			depth--
			signs = 0
		case parser.STRING: // a regular expression of a selector, or an argument that may be one
			if before != parser.EQL && before != parser.NEQ {
				patterns += patternSize(item.Val)
			}
			signs = 0
		case parser.ADD, parser.SUB:
			signs++ // one of a run may be an operator, the others are signs of what follows
		default:
			signs = 0
		}
		before = item.Typ
		if tokens++; tokens > maxTokens {
			return fmt.Errorf("the PromQL expression has more than %d names, numbers and operators: split it into several queries", maxTokens)
		}
		if depth+signs > maxNesting {
			return fmt.Errorf("the PromQL expression is nested more than %d levels deep: simplify it", maxNesting)
		}
	}
}
