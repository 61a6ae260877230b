package plan

import "slices"

// Map is a node with what f makes of each of its parts in that part's place. The node given stays as it is.
func Map(n Node, f func(Node) Node) Node { return n.mapped(f) }

func (n Last) mapped(func(Node) Node) Node              { return n }
func (n Rate) mapped(func(Node) Node) Node              { return n }
func (n NewCounter) mapped(func(Node) Node) Node        { return n }
func (n IncreaseOverRange) mapped(func(Node) Node) Node { return n }
func (n OverTime) mapped(func(Node) Node) Node          { return n }

func (n Groups) mapped(func(Node) Node) Node { return n }

func (n Aggregate) mapped(f func(Node) Node) Node      { n.Of = f(n.Of); return n }
func (n Quantile) mapped(f func(Node) Node) Node       { n.Of = f(n.Of); return n }
func (n HistogramSum) mapped(f func(Node) Node) Node   { n.Of = f(n.Of); return n }
func (n HistogramCount) mapped(f func(Node) Node) Node { n.Of = f(n.Of); return n }
func (n Ratio) mapped(f func(Node) Node) Node          { n.Of, n.To = f(n.Of), f(n.To); return n }
func (n Scale) mapped(f func(Node) Node) Node          { n.Of = f(n.Of); return n }
func (n GreaterThan) mapped(f func(Node) Node) Node    { n.Of = f(n.Of); return n }
func (n EqualTo) mapped(f func(Node) Node) Node        { n.Of = f(n.Of); return n }
func (n SumOverTime) mapped(f func(Node) Node) Node    { n.Of = f(n.Of); return n }
func (n ClampMin) mapped(f func(Node) Node) Node       { n.Of = f(n.Of); return n }
func (n SetLabel) mapped(f func(Node) Node) Node       { n.Of = f(n.Of); return n }
func (n Rename) mapped(f func(Node) Node) Node         { n.Of = f(n.Of); return n }
func (n LabelReplace) mapped(f func(Node) Node) Node   { n.Of = f(n.Of); return n }
func (n Age) mapped(f func(Node) Node) Node            { n.Of = f(n.Of); return n }
func (n Highest) mapped(f func(Node) Node) Node        { n.Of = f(n.Of); return n }
func (n TopK) mapped(f func(Node) Node) Node           { n.Of, n.Rank = f(n.Of), f(n.Rank); return n }
func (n SemiJoin) mapped(f func(Node) Node) Node       { n.Of, n.Exists = f(n.Of), f(n.Exists); return n }
func (n AntiJoin) mapped(f func(Node) Node) Node       { n.Of, n.Exists = f(n.Of), f(n.Exists); return n }

func (n Union) mapped(f func(Node) Node) Node {
	n.Of = slices.Clone(n.Of)
	for i, of := range n.Of {
		n.Of[i] = f(of)
	}
	return n
}

// Any reports whether a condition holds for a node or any of its parts.
func Any(n Node, holds func(Node) bool) bool {
	found := holds(n)
	Map(n, func(part Node) Node {
		found = found || Any(part, holds)
		return part
	})
	return found
}
