package expression

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

const (
	// maxVisits is how many samples a function may visit for one series: a second or two. Prometheus's engine looks whether its query was
	// cancelled between series, not within one.
	maxVisits = 200_000_000
	// sortedWeight is what sorting a window costs for each of its samples, beside a sum.
	sortedWeight = 16
	// maxReplacing is the size of a regular expression that is matched against a label of every series.
	maxReplacing = 2000
	// maxGrowth is how many times longer than the labels of the data labels may become. Each nested label_join multiplies them.
	maxGrowth = 64
	// defaultSubqueryStep is that of the engine.
	defaultSubqueryStep = time.Minute
	// mostAllocated is for how many samples of a series that an operator or function makes the engine makes room at once.
	mostAllocated = 5000
	// seriesSamples is how many samples take as much memory as the labels of a series.
	seriesSamples = 32
	// templateBytes is about how long a label's value is, for what a template's own text adds.
	templateBytes = 64
)

// Leaf is what an evaluation holds of one selector.
type Leaf struct {
	Matchers []*labels.Matcher
	// Points is how many samples of each series are held at most.
	Points int64
	// Allocated is for how many samples of each series room is made, however few it has.
	Allocated int64
	// Window is how long before the first step samples are read.
	Window time.Duration
	// AnyTime is set where samples of other times are read: by an offset or by @.
	AnyTime bool
}

// Cost is what an evaluation needs at most.
type Cost struct {
	Leaves []Leaf
	// Constants is how many samples are held of numbers and times, and Allocated for how many more room is made.
	Constants, Allocated int64
	// Growth is how many times longer than those of the data labels become.
	Growth float64
	// visits is how many samples are visited for one series, replacing the size of the largest regular expression of a label_replace.
	visits, replacing float64
}

// Estimate is the cost of a statement over series with a sample every interval, and with samples of so long a history.
func Estimate(statement *parser.EvalStmt, interval, history time.Duration) Cost {
	interval = max(interval, time.Millisecond)
	e := estimate{interval: interval, most: int64(max(history, 0)/interval) + 1}
	at := times{span: statement.End.UnixMilli() - statement.Start.UnixMilli(), step: max(statement.Interval.Milliseconds(), 1)}
	growth := e.walk(statement.Expr, at, reach{statement.LookbackDelta.Milliseconds(), false})
	// The samples of a window are held for one series at a time.
	return Cost{Leaves: e.leaves, Constants: e.constants + e.window, Allocated: e.allocated, visits: e.visits, replacing: e.replacing, Growth: growth}
}

// Check returns an error for what could not be stopped once it runs.
func (c Cost) Check() error {
	if c.visits > maxVisits {
		return fmt.Errorf("the query reads %.1g samples of each series again and again, and %.1g are allowed: choose a shorter range, a longer step, "+
			"a longer subquery step or a shorter window", c.visits, float64(maxVisits))
	}
	if c.replacing > maxReplacing {
		return fmt.Errorf("the regular expression of a label_replace has %.0f characters once its repetitions are written out, and %d are allowed: "+
			"shorten it", c.replacing, maxReplacing)
	}
	if c.Growth > maxGrowth {
		return fmt.Errorf("label_join and label_replace make labels up to %.0f times longer, and %d times are allowed: join fewer labels", c.Growth, maxGrowth)
	}
	return nil
}

// times are those at which an expression is evaluated, in milliseconds as the engine computes: the ranges of nested subqueries add up
// to more than a time.Duration holds.
type times struct{ span, step int64 }

func (t times) count() int64 { return t.span/t.step + 1 }

// reach is which samples are read for a step: those of so many milliseconds before it, or of any time.
type reach struct {
	before  int64
	anyTime bool
}

// window is as far as a time.Duration reaches.
func (r reach) window() time.Duration {
	return time.Duration(min(r.before, math.MaxInt64/int64(time.Millisecond))) * time.Millisecond
}

func (r reach) further(before int64, offset time.Duration, at *int64, startOrEnd parser.ItemType) reach {
	return reach{r.before + before, r.anyTime || offset != 0 || at != nil || startOrEnd != 0}
}

type estimate struct {
	interval time.Duration
	leaves   []Leaf
	visits   float64
	// replacing is that of Cost.
	replacing float64
	// constants and allocated are those of Cost.
	constants, allocated int64
	// most is how many samples a series has at most, window how many the longest window of a function has.
	most, window int64
}

// walk adds the cost of an expression and returns how much longer it makes labels. Its depth is bounded by Check on texts, and plans of the
// project are not deep.
func (e *estimate) walk(node parser.Expr, at times, reads reach) (growth float64) {
	switch n := node.(type) {
	case *parser.StepInvariantExpr:
		return e.invariant(n, at, reads)
	case *parser.VectorSelector:
		e.leaf(n, at.count(), reads)
		e.visits += float64(at.count())
		return 1
	case *parser.NumberLiteral:
		e.constants += at.count()
		return 1
	case *parser.MatrixSelector:
		return e.matrix(n, at, reads)
	case *parser.SubqueryExpr:
		return e.subquery(n, at, reads, 1)
	case *parser.Call:
		return e.call(n, at, reads)
	}
	if n, aggregates := node.(*parser.AggregateExpr); aggregates && n.Op == parser.COUNT_VALUES {
		return e.countValues(n, at, reads)
	}
	growth = 1
	more := int64(0)
	if _, binary := node.(*parser.BinaryExpr); binary { // operands and result are held together
		more = at.count()
	}
	for child := range parser.ChildrenIter(node) {
		if expr, ok := child.(parser.Expr); ok {
			growth = max(growth, e.inside(expr, at, reads, more))
		}
	}
	return growth
}

// invariant is evaluated once, and then repeated at every step.
func (e *estimate) invariant(n *parser.StepInvariantExpr, at times, reads reach) float64 {
	return e.inside(n.Expr, times{0, at.step}, reads, at.count()-1)
}

// inside walks an expression of whose series so many more points are made. Of an aggregation few series are left by then.
func (e *estimate) inside(expr parser.Expr, at times, reads reach, more int64) float64 {
	first := len(e.leaves)
	growth := e.walk(expr, at, reads)
	if _, aggregates := withoutParentheses(expr).(*parser.AggregateExpr); !aggregates {
		for i := first; i < len(e.leaves); i++ {
			e.leaves[i].Points += more
			// What is made of an operand is freed when its result has been made, so that two of a chain are held.
			room := min(more, mostAllocated)
			e.leaves[i].Allocated = max(e.leaves[i].Allocated, min(e.leaves[i].Allocated+room, 2*room))
		}
	}
	return growth
}

// countValues makes a series of each value, of which each sample may be another one, and room for all steps in each.
func (e *estimate) countValues(n *parser.AggregateExpr, at times, reads reach) float64 {
	first, constants := len(e.leaves), e.constants
	growth := e.walk(n.Expr, at, reads)
	room := at.count() * (min(at.count(), mostAllocated) + seriesSamples)
	for i := first; i < len(e.leaves); i++ {
		e.leaves[i].Allocated += room
	}
	if e.constants > constants {
		e.allocated += room
	}
	return growth
}

func withoutParentheses(expr parser.Expr) parser.Expr {
	for {
		paren, ok := expr.(*parser.ParenExpr)
		if !ok {
			return expr
		}
		expr = paren.Expr
	}
}

func (e *estimate) leaf(n *parser.VectorSelector, points int64, reads reach) {
	reads = reads.further(0, n.OriginalOffset, n.Timestamp, n.StartOrEnd)
	e.leaves = append(e.leaves, Leaf{n.LabelMatchers, points, 0, reads.window(), reads.anyTime})
}

// samplesOf is how many samples a range of a series has at most.
func (e *estimate) samplesOf(n *parser.MatrixSelector) int64 {
	return min(int64(n.Range/e.interval)+1, e.most)
}

// matrix is a range of samples as a result: those of all series are held.
func (e *estimate) matrix(n *parser.MatrixSelector, at times, reads reach) float64 {
	e.windowed(n, at, reads, e.samplesOf(n), 1)
	return 1
}

// argument is a range of samples for each step of a function: those of one series are held at a time.
func (e *estimate) argument(n *parser.MatrixSelector, at times, reads reach, weight float64) float64 {
	e.windowed(n, at, reads, 0, weight)
	e.window = max(e.window, e.samplesOf(n))
	return 1
}

func (e *estimate) windowed(n *parser.MatrixSelector, at times, reads reach, more int64, weight float64) {
	if selector, ok := n.VectorSelector.(*parser.VectorSelector); ok {
		e.leaf(selector, at.count()+more, reach{reads.before + n.Range.Milliseconds(), reads.anyTime})
	}
	e.visits += weight * float64(at.count()) * float64(e.samplesOf(n))
}

// subquery is a range of an expression's values for each step: they are computed once, and visited for each step.
func (e *estimate) subquery(n *parser.SubqueryExpr, at times, reads reach, weight float64) float64 {
	step := n.Step
	if step <= 0 {
		step = defaultSubqueryStep
	}
	if n.Timestamp != nil {
		at.span = 0
	}
	e.visits += weight * float64(at.count()) * float64(int64(n.Range/step)+1)
	return e.inside(n.Expr, times{at.span + n.Range.Milliseconds(), max(step.Milliseconds(), 1)}, reads.further(n.Range.Milliseconds(), n.OriginalOffset, n.Timestamp, n.StartOrEnd), at.count())
}

// sorting are the functions that sort each window.
var sorting = map[string]bool{"quantile_over_time": true, "mad_over_time": true}

func (e *estimate) call(n *parser.Call, at times, reads reach) float64 {
	weight := 1.0
	if sorting[n.Func.Name] {
		weight = sortedWeight
	}
	if len(n.Args) == 0 { // time() and the like
		e.constants += at.count()
	}
	growth := 1.0
	for _, argument := range n.Args {
		switch a := withoutParentheses(argument).(type) {
		case *parser.MatrixSelector:
			growth = max(growth, e.argument(a, at, reads, weight))
		case *parser.SubqueryExpr:
			growth = max(growth, e.subquery(a, at, reads, weight))
		default:
			growth = max(growth, e.inside(a, at, reads, at.count())) // argument and result are held together
		}
	}
	e.replacing = max(e.replacing, replacingPattern(n))
	return growth * longer(n)
}

// replacingPattern is the size of the regular expression with which label_replace matches every series, without looking whether its query
// was cancelled.
func replacingPattern(n *parser.Call) float64 {
	const patternArgument = 4
	if n.Func.Name != "label_replace" || len(n.Args) <= patternArgument {
		return 0
	}
	literal, ok := withoutParentheses(n.Args[patternArgument]).(*parser.StringLiteral)
	if !ok {
		return 0
	}
	return patternSize(strconv.Quote(literal.Val))
}

// longer is how many times longer a function makes a label at most.
func longer(n *parser.Call) float64 {
	text := func(i int) string {
		if i < len(n.Args) {
			if literal, ok := n.Args[i].(*parser.StringLiteral); ok {
				return literal.Val
			}
		}
		return ""
	}
	switch n.Func.Name {
	case "label_join": // destination, separator and sources follow the vector
		sources := float64(max(len(n.Args)-3, 1))
		return sources * (1 + float64(len(text(2)))/templateBytes)
	case "label_replace": // destination, replacement, source and regular expression follow the vector
		references := 0
		for _, c := range text(2) {
			if c == '$' {
				references++
			}
		}
		return max(1, float64(references)+float64(len(text(2)))/templateBytes)
	}
	return 1
}
