// Package plan is the small closed algebra that every recipe compiles to and every executor answers.
//
// A plan's value at one time is a vector: one number for each label set. Labels are the store's until a Rename or SetLabel
// gives them the project's names.
package plan

import "time"

// Node is a plan or a part of one.
type Node interface {
	// mapped is Map; that every node has to say what its parts are keeps walks over plans complete.
	mapped(f func(Node) Node) Node
}

// Comparison is how a matcher compares a label with its value.
type Comparison string

// The comparisons. The regular expressions are RE2, anchored at both ends.
const (
	Equal    Comparison = "="
	NotEqual Comparison = "!="
	Match    Comparison = "=~"
	NotMatch Comparison = "!~"
)

// Matcher is a condition on a label of the store.
type Matcher struct {
	Label   string
	Compare Comparison
	Value   string
}

// Select names the samples of a metric.
type Select struct {
	Metric   string
	Matchers []Matcher
	// Layer is where the metric was measured; it changes no number.
	Layer string
}

// Last is the newest sample of each series, as of a time before that of the evaluation; after it where Before is negative.
type Last struct {
	Of     Select
	Before time.Duration
}

// Rate is the increase per second of each counter over the window, resets corrected.
type Rate struct {
	Of     Select
	Window time.Duration
}

// NewCounter is what counters have counted that had no sample Offset ago: all of it, and where one was seen within Lookback
// before that, what it has grown by since.
type NewCounter struct {
	Of               Select
	Offset, Lookback time.Duration
}

// IncreaseOverRange is the increase of each counter over the whole time range of the query: one number for every step. It ends at
// End, or where End is zero at the last step.
type IncreaseOverRange struct {
	Of  Select
	End time.Time
}

// Reduction is how samples within a window become one.
type Reduction string

// The reductions.
const (
	MeanOver Reduction = "mean"
	MaxOver  Reduction = "max"
)

// OverTime reduces the samples of each series within the window.
type OverTime struct {
	Of     Select
	Window time.Duration
	Reduce Reduction
}

// Operation is how series of a group become one.
type Operation string

// The operations. Group yields 1 for every group there is.
const (
	Sum   Operation = "sum"
	Mean  Operation = "mean"
	Max   Operation = "max"
	Count Operation = "count"
	Group Operation = "group"
)

// Aggregate makes one series of all those that agree in the labels By.
type Aggregate struct {
	Op Operation
	By []string
	Of Node
}

// Quantile is taken from histograms that are already summed: native ones, or classic buckets, which are series with the label
// le beside those of the group.
type Quantile struct {
	Q  float64
	Of Node
}

// HistogramSum is the sum of what native histograms have observed.
type HistogramSum struct{ Of Node }

// HistogramCount is the number of what native histograms have observed.
type HistogramCount struct{ Of Node }

// Ratio divides series of equal labels; where either side is missing there is no answer.
type Ratio struct{ Of, To Node }

// Scale multiplies every value.
type Scale struct {
	Of     Node
	Factor float64
}

// GreaterThan leaves only values greater than a bound.
type GreaterThan struct {
	Of   Node
	Than float64
}

// EqualTo leaves only values that are one number.
type EqualTo struct {
	Of    Node
	Value float64
}

// SumOverTime adds up the values that a plan has within the window, at multiples of a step.
type SumOverTime struct {
	Of     Node
	Window time.Duration
	Every  time.Duration
}

// ClampMin raises every value that is below a bound to it.
type ClampMin struct {
	Of    Node
	Bound float64
}

// Groups has one series of value 1 for each row of Values, which has the values of the labels By.
type Groups struct {
	By     []string
	Values [][]string
}

// Union puts series of different labels together; of equal ones the first counts.
type Union struct{ Of []Node }

// UnionOf is the one node that is given, or the union of all.
func UnionOf(nodes []Node) Node {
	if len(nodes) == 1 {
		return nodes[0]
	}
	return Union{Of: nodes}
}

// SetLabel gives every series a label.
type SetLabel struct {
	Of           Node
	Label, Value string
}

// Rename copies a label's value, where there is one, to another label; an Aggregate drops the old one.
type Rename struct {
	Of       Node
	From, To string
}

// LabelReplace gives the label To the value Class where the label From matches, an anchored regular expression (RE2).
type LabelReplace struct {
	Of       Node
	From, To string
	Match    string
	Class    string
}

// Age is how many seconds before the time of evaluation the values are, which are seconds since 1970.
type Age struct{ Of Node }

// Highest keeps the K series with the highest values.
type Highest struct {
	K  int
	Of Node
}

// TopK keeps the series that belong to the K groups of the highest rank, or all others (Rest). Rank's series have the
// labels By.
type TopK struct {
	Of   Node
	By   []string
	K    int
	Rank Node
	Rest bool
}

// SemiJoin keeps the series for which Exists has one that agrees in the labels On.
type SemiJoin struct {
	Of     Node
	On     []string
	Exists Node
}

// AntiJoin keeps the series for which Exists has none that agrees in the labels On.
type AntiJoin struct {
	Of     Node
	On     []string
	Exists Node
}
