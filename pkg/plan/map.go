package plan

import "slices"

// Map is a node with what f makes of each of its parts in that part's place. The node given stays as it is.
func Map(n Node, f func(Node) Node) Node { return n.mapped(f) }

func (n Last) mapped(func(Node) Node) Node  { return n }
func (n Rate) mapped(func(Node) Node) Node  { return n }
func (n Begun) mapped(func(Node) Node) Node { return n }
func (n Total) mapped(func(Node) Node) Node { return n }
func (n Over) mapped(func(Node) Node) Node  { return n }

func (n Aggregate) mapped(f func(Node) Node) Node      { n.Of = f(n.Of); return n }
func (n Quantile) mapped(f func(Node) Node) Node       { n.Of = f(n.Of); return n }
func (n HistogramSum) mapped(f func(Node) Node) Node   { n.Of = f(n.Of); return n }
func (n HistogramCount) mapped(f func(Node) Node) Node { n.Of = f(n.Of); return n }
func (n Ratio) mapped(f func(Node) Node) Node          { n.Of, n.To = f(n.Of), f(n.To); return n }
func (n Scale) mapped(f func(Node) Node) Node          { n.Of = f(n.Of); return n }
func (n Above) mapped(f func(Node) Node) Node          { n.Of = f(n.Of); return n }
func (n Exactly) mapped(f func(Node) Node) Node        { n.Of = f(n.Of); return n }
func (n SumOver) mapped(f func(Node) Node) Node        { n.Of = f(n.Of); return n }
func (n AtLeast) mapped(f func(Node) Node) Node        { n.Of = f(n.Of); return n }
func (n SetLabel) mapped(f func(Node) Node) Node       { n.Of = f(n.Of); return n }
func (n Rename) mapped(f func(Node) Node) Node         { n.Of = f(n.Of); return n }
func (n Classify) mapped(f func(Node) Node) Node       { n.Of = f(n.Of); return n }
func (n Age) mapped(f func(Node) Node) Node            { n.Of = f(n.Of); return n }
func (n TopK) mapped(f func(Node) Node) Node           { n.Of, n.Rank = f(n.Of), f(n.Rank); return n }
func (n Where) mapped(f func(Node) Node) Node          { n.Of, n.Exists = f(n.Of), f(n.Exists); return n }
func (n Without) mapped(f func(Node) Node) Node        { n.Of, n.Exists = f(n.Of), f(n.Exists); return n }

func (n Union) mapped(f func(Node) Node) Node {
	n.Of = slices.Clone(n.Of)
	for i, of := range n.Of {
		n.Of[i] = f(of)
	}
	return n
}
