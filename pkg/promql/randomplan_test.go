package promql

import (
	"math"
	"math/rand/v2"
	"regexp"
	"strings"
	"time"

	"github.com/coldhit/modelserving-datasource/pkg/plan"
)

// awkward are label values that quoting, regular expressions and replacement templates could change.
var awkward = []string{
	"", "plain", `say "hi"`, "it's `so`", "two\nlines", "tab\tand\rreturn", `back\slash`, `\n`, `c:\new\x41`, "$1", "${1}", "$$", "a$b",
	"(.*)", "[a-z]+", "a|b", "^x$", "naïve", "模型", "🦙", "nul\x00byte", "\x7f\x1b[0m", "\u2028", "\ufeff", "#comment", "{{legend}}", "%d%s",
	strings.Repeat("long", 300),
}

// invalidUTF8 cannot be part of a regular expression.
var invalidUTF8 = []string{"\xff", "ok\xc3\x28", "\xed\xa0\x80", "cut\xe6\xa8"}

var words = []string{"model", "version", "environment", "deployment", "instance", "job", "le", "a1_b2", "__internal"}

// randomPlan makes plans whose text has to come back as the same plan.
type randomPlan struct{ *rand.Rand }

func pick[T any](r randomPlan, from []T) T { return from[r.IntN(len(from))] }

func (r randomPlan) node(depth int) plan.Node {
	if depth == 0 {
		return r.leaf()
	}
	of := func() plan.Node { return r.node(depth - 1) }
	switch r.IntN(20) {
	case 0:
		return plan.Aggregate{Op: pick(r, []plan.Operation{plan.Sum, plan.Mean, plan.Max, plan.Count, plan.Group}), By: r.labels(0), Of: of()}
	case 1:
		return plan.Quantile{Q: r.Float64(), Of: of()}
	case 2:
		return plan.Ratio{Of: of(), To: of()}
	case 3:
		return plan.Scale{Of: of(), Factor: r.number()}
	case 4:
		return plan.GreaterThan{Of: of(), Than: r.number()}
	case 5:
		u := plan.Union{Of: []plan.Node{of(), of()}}
		for range r.IntN(3) {
			u.Of = append(u.Of, of())
		}
		return u
	case 6:
		return plan.SetLabel{Of: of(), Label: pick(r, words), Value: r.value()}
	case 7:
		return plan.Rename{Of: of(), From: pick(r, words), To: pick(r, words)}
	case 8:
		return plan.TopK{Of: of(), By: r.labels(0), K: r.IntN(1000) + 1, Rank: of(), Rest: r.IntN(2) == 0}
	case 9:
		on := r.labels(1)
		return plan.SemiJoin{Of: of(), On: on, Exists: r.exists(on, of)}
	case 10:
		return plan.LabelReplace{Of: of(), From: pick(r, words), To: pick(r, words), Match: pick(r, []string{"2..", "4..|408", "[45]xx", "ok"}), Class: pick(r, awkward)}
	case 11:
		return plan.Age{Of: of()}
	case 13:
		return plan.HistogramSum{Of: of()}
	case 15:
		return plan.ClampMin{Of: of(), Bound: r.number()}
	case 14:
		return plan.HistogramCount{Of: of()}
	case 16:
		return plan.EqualTo{Of: of(), Value: r.number()}
	case 17:
		return plan.SumOverTime{Of: of(), Window: r.window(), Every: r.window()}
	case 12:
		on := r.labels(1)
		return plan.AntiJoin{Of: of(), On: on, Exists: r.exists(on, of)}
	case 18:
		return plan.Highest{K: r.IntN(1000) + 1, Of: of()}
	}
	return r.leaf()
}

// exists is what a join compares with. A join with Highest has the text of a TopK.
func (r randomPlan) exists(on []string, of func() plan.Node) plan.Node {
	if r.IntN(3) == 0 {
		return r.groups(on)
	}
	n := of()
	if _, ambiguous := n.(plan.Highest); ambiguous {
		return plan.Aggregate{Op: plan.Group, By: on, Of: n}
	}
	return n
}

func (r randomPlan) groups(by []string) plan.Groups {
	out := plan.Groups{By: by}
	for range r.IntN(9) {
		row := make([]string, len(by))
		for i := range row {
			row[i] = r.value()
		}
		out.Values = append(out.Values, row)
	}
	return out
}

func (r randomPlan) leaf() plan.Node {
	switch r.IntN(4) {
	case 0:
		return plan.Rate{Of: r.selection(), Window: r.window()}
	case 1:
		total := plan.IncreaseOverRange{Of: r.selection()}
		if r.IntN(2) == 0 {
			total.End = time.UnixMilli(pick(r, []int64{1, 999, 1000, 1_700_000_000_000, 1_700_000_000_123, 253_402_300_799_999, -86_400_001}))
		}
		return total
	case 2:
		return plan.OverTime{Of: r.selection(), Window: r.window(), Reduce: pick(r, []plan.Reduction{plan.MeanOver, plan.MaxOver})}
	}
	if r.IntN(2) == 0 {
		return plan.Last{Of: r.selection(), Before: r.window()}
	}
	return plan.Last{Of: r.selection()}
}

func (r randomPlan) selection() plan.Select {
	s := plan.Select{Metric: pick(r, []string{"up", "nv_inference_count", "a:b:c", "_x9", "rate", "sum", "by"})}
	for range r.IntN(4) {
		m := plan.Matcher{Label: pick(r, words), Compare: pick(r, []plan.Comparison{plan.Equal, plan.NotEqual}), Value: r.value()}
		if r.IntN(2) == 0 {
			m.Compare = pick(r, []plan.Comparison{plan.Match, plan.NotMatch})
			m.Value = regexp.QuoteMeta(pick(r, awkward)) + "|" + regexp.QuoteMeta(pick(r, awkward))
		}
		s.Matchers = append(s.Matchers, m)
	}
	return s
}

func (r randomPlan) value() string { return pick(r, append(invalidUTF8, awkward...)) }

func (r randomPlan) labels(least int) []string {
	var out []string
	for _, i := range r.Perm(len(words))[:least+r.IntN(4)] {
		out = append(out, words[i])
	}
	return out
}

func (r randomPlan) window() time.Duration {
	return pick(r, []time.Duration{time.Millisecond, 1500 * time.Millisecond, 15 * time.Second, time.Minute, 90 * time.Second, time.Hour,
		25 * time.Hour, 7 * 24 * time.Hour, 365 * 24 * time.Hour, 10 * 365 * 24 * time.Hour})
}

func (r randomPlan) number() float64 {
	return pick(r, []float64{0, 1, -1, 1e-6, -1e-6, 1e300, 0.1, 1048576, 5e-324, math.MaxFloat64, r.NormFloat64()})
}
