package expression_test

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/expression"
)

func TestTexts(t *testing.T) {
	long := `sum by (model) (rate(nv_inference_count{model=~"` + strings.Repeat("a-model-name|", 10_000) + `b"}[5m]))`
	for name, good := range map[string]string{
		"empty": "", "no PromQL": "(((", "many values of a variable": long, "in a string": `up{a="` + strings.Repeat("(", 1000) + `"}`,
		"the largest text": `up{a=~"` + strings.Repeat("a-model-name|", 20_000) + `b"}`, "a value that is no pattern": `up{a="` + strings.Repeat(".{999}", 400) + `"}`,
		"usual patterns": "up{a=~`(?i)[a-z0-9-]{1,63}(\\.[a-z0-9-]{1,63}){0,8}`, b!~`\\p{L}{1,50}|{{x}}|[^]]*`}",
		"in a comment":   "up # " + strings.Repeat("-", 1000), "a long sum": "1" + strings.Repeat(" + 1", 4000), "signs": "1 - -1 + - -1",
		"as deep as allowed": strings.Repeat("abs(", 100) + "up" + strings.Repeat(")", 100),
	} {
		require.NoError(t, expression.Check(good), name)
	}
	for name, c := range map[string]struct{ text, says string }{
		"nested calls of 2.5 MB": {strings.Repeat("abs(", 625_000) + "up", "2500002 bytes and 262144 are allowed"},
		"signs of 15 MB":         {strings.Repeat("-", 15_000_000) + "1", "15000001 bytes"},
		"nested calls":           {strings.Repeat("abs(", 101) + "up", "nested more than 100 levels"},
		"signs":                  {strings.Repeat("- ", 101) + "1", "nested more than 100 levels"},
		"signs and parentheses":  {strings.Repeat("-(", 101) + "1", "nested more than 100 levels"},
		"repetitions":            {`up{a=~"` + strings.Repeat(".{999}", 301) + `"}`, "have 300699 characters once their repetitions are written out"},
		"many repetitions":       {strings.Repeat(`up{a!~"(x{10}){10}y{990}"} + `, 300) + "1", "repetitions"},
		"nested repetitions":     {`up{a=~"` + strings.Repeat("((a|b){10,31}c{2,}){31}", 200) + `"}`, "repetitions"},
		"repetitions of a label": {"label_replace(up, 'a', '$1', 'b', '" + strings.Repeat(".{999}", 301) + "')", "repetitions"},
		"unicode classes":        {"up{a=~`" + strings.Repeat(`\pL`, 601) + "`}", "classes like"},
		"ranges without case":    {"up{a=~`(?si)[" + strings.Repeat(`B-\x{10ffff}`, 61) + "]`}", "characters"},
		"tokens":                 {"1" + strings.Repeat("+1", 5000), "more than 10000 names"},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		require.ErrorContains(t, expression.Check(c.text), c.says, name)
		runtime.ReadMemStats(&after)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(4<<20), name)
	}
}

// costOf is the estimate for an hour at 15 s, of samples every 15 s.
func costOf(t *testing.T, text string) expression.Cost {
	t.Helper()
	parsed, err := parser.NewParser(parser.Options{}).ParseExpr(text)
	require.NoError(t, err)
	end := time.Unix(1_000_000, 0)
	prepared, err := promql.PreprocessExpr(parsed, end.Add(-time.Hour), end, 15*time.Second)
	require.NoError(t, err)
	return expression.Estimate(&parser.EvalStmt{Expr: prepared, Start: end.Add(-time.Hour), End: end, Interval: 15 * time.Second, LookbackDelta: time.Minute}, 15*time.Second, 100*365*24*time.Hour)
}

func TestLeaves(t *testing.T) {
	for text, want := range map[string][]int64{
		"up":                                 {241},
		"up @ 100":                           {241},
		"sum(up @ 100)":                      {1},
		"rate(up[5m])":                       {241},
		"up / on () group_left () up":        {482, 482},
		"max_over_time(up[1h:1m])":           {121 + 241},
		"max_over_time(up[1h:])":             {121 + 241},
		"max_over_time((up[1h:1m]))":         {121 + 241},
		"max_over_time(sum(up)[1h:1m])":      {121},
		"max_over_time(rate(up[5m])[1h:1m])": {121 + 241},
		"max_over_time(up[1h:1m] @ 100)":     {61 + 1 + 240},
		"quantile(scalar(up), up)":           {241, 482},
	} {
		var got []int64
		for _, leaf := range costOf(t, text).Leaves {
			got = append(got, leaf.Points)
		}
		require.Equal(t, want, got, text)
		require.NoError(t, costOf(t, text).Check(), text)
	}
	require.Equal(t, time.Hour+5*time.Minute+time.Minute, costOf(t, "max_over_time(rate(up[5m])[1h:1m])").Leaves[0].Window)
}

func TestRoomForSeriesOfFewSamples(t *testing.T) {
	for text, want := range map[string]int64{
		"up": 0, "rate(up[5m])": 0, "sum(up) + 1": 0, "up + 1": 241, "abs(up)": 241, "abs(abs(abs(up)))": 482, "abs(max_over_time(up[5d:1m]))": 241 + 241,
		`count_values("v", up)`: 241 * (241 + 32), `1 + count_values("v", rate(up[5m]))`: 241 * (241 + 32), `count_values("v", up @ 100)`: 1 + 32,
	} {
		require.Equal(t, want, costOf(t, text).Leaves[0].Allocated, text)
	}
}

func TestSamplesOfOtherTimes(t *testing.T) {
	for text, want := range map[string]bool{
		"up": false, "up offset 1h": true, "up offset -1h": true, "up @ 100": true, "rate(up[5m] @ end())": true,
		"max_over_time(up[1h:1m])": false, "max_over_time(up[1h:1m] offset 1d)": true, "max_over_time(up[1h:1m] @ start())": true,
	} {
		require.Equal(t, want, costOf(t, text).Leaves[0].AnyTime, text)
	}
}

func TestWhatCannotBeStopped(t *testing.T) {
	for text, says := range map[string]string{
		"max_over_time(max_over_time(up[1d:1s])[1d:1s])":                                   "samples of each series",
		"quantile_over_time(0.5, up[60d:1s])":                                              "samples of each series",
		"sum(quantile_over_time(0.5, (up[60d:1s])))":                                       "samples of each series",
		"sum_over_time(sum_over_time(quantile_over_time(0.5, up[1y])[290y:3s])[10y:290y])": "samples of each series",
		"sum_over_time(sum_over_time(sum_over_time(up[150y:1s])[150y:150y])[150y:150y])":   "samples of each series",
		joined(joined(joined("up", 5), 5), 5):                                              "131 times longer",
		`label_replace(up, "a", "` + strings.Repeat("$1", 65) + `", "b", "(.*)")`:          "times longer",
		`label_replace(up, "a", "$1", "b", "(.{999}){3}")`:                                 "of a label_replace has",
	} {
		require.ErrorContains(t, costOf(t, text).Check(), says, text)
	}
	for _, text := range []string{
		"quantile_over_time(0.5, up[1d])", "max_over_time(sum(rate(up[5m]))[30d:5m])", joined(joined("up", 5), 5),
		`label_replace(up, "a", "$1-$2", "b", "(.*)-(.*)")`, "sum(increase(up[30d]))",
	} {
		require.NoError(t, costOf(t, text).Check(), text)
	}
}

// The ranges of subqueries add up to more than 292 years, which is what a time.Duration holds.
func TestCostsOfVeryLongRangesAreNotNegative(t *testing.T) {
	for _, text := range []string{
		"max_over_time(max_over_time(up[290y:290y])[290y:290y])",
		"max_over_time(max_over_time(rate(up[290y])[290y:290y])[290y:290y])",
	} {
		leaf := costOf(t, text).Leaves[0]
		require.Positive(t, leaf.Points, text)
		require.GreaterOrEqual(t, leaf.Window, 290*365*24*time.Hour, text)
	}
}

func joined(of string, sources int) string {
	return `label_join(` + of + `, "a", "-"` + strings.Repeat(`, "a"`, sources) + `)`
}

func FuzzCheck(f *testing.F) {
	for _, seed := range []string{"up", "rate(a{b=~\"c|d\"}[5m] offset 1h) / -(2 ^ 3)", "{\"a.b\"}", "max_over_time(up[1h:1m] @ start())", "'", "((", "label_join(up, \"a\", \"\", \"b\")"} {
		f.Add(seed)
	}
	parse := parser.NewParser(parser.Options{})
	f.Fuzz(func(t *testing.T, text string) {
		if expression.Check(text) != nil {
			return
		}
		parsed, err := parse.ParseExpr(text)
		if err != nil {
			return
		}
		end := time.Unix(1_000_000, 0)
		prepared, err := promql.PreprocessExpr(parsed, end.Add(-time.Hour), end, time.Minute)
		if err != nil {
			return
		}
		cost := expression.Estimate(&parser.EvalStmt{Expr: prepared, Start: end.Add(-time.Hour), End: end, Interval: time.Minute}, time.Minute, 100*365*24*time.Hour)
		selectors := 0
		parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
			if _, ok := node.(*parser.VectorSelector); ok {
				selectors++
			}
			return nil
		})
		if len(cost.Leaves) != selectors {
			t.Errorf("%d leaves of %d selectors", len(cost.Leaves), selectors)
		}
		for _, leaf := range cost.Leaves {
			if leaf.Points < 1 {
				t.Errorf("a leaf with %d points", leaf.Points)
			}
		}
	})
}
