package querycache

import (
	"testing"
	"time"

	"github.com/coldhit/modelserving-datasource/pkg/executor"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"
)

func TestSelectorsAreNarrowedWhereThatIsCertain(t *testing.T) {
	t.Parallel()
	for expr, want := range map[string]string{
		`up`:                               `up{model=~"a|b\\.c"}`,
		`-(up{job="x"} offset 1m)`:         `-(up{job="x",model=~"a|b\\.c"} offset 1m)`,
		`2 * up > bool 1`:                  `2 * up{model=~"a|b\\.c"} > bool 1`,
		`max_over_time(rate(up[1m])[3m:])`: `max_over_time(rate(up{model=~"a|b\\.c"}[1m])[3m:])`,
		`histogram_quantile(0.9, sum by (model, le) (rate(b[1m])))`: `histogram_quantile(0.9, sum by (model, le) (rate(b{model=~"a|b\\.c"}[1m])))`,
		`sum without (job) (up)`:                                    `sum without (job) (up{model=~"a|b\\.c"})`,
		`label_replace(up, "job", "$1", "model", "(.+)")`:           `label_replace(up{model=~"a|b\\.c"}, "job", "$1", "model", "(.+)")`,
		`x / on (model) y`:                                          `x{model=~"a|b\\.c"} / on (model) y{model=~"a|b\\.c"}`,
		`x or y`:                                                    `x{model=~"a|b\\.c"} or y{model=~"a|b\\.c"}`,
		`x * on (model, job) group_left () y`:                       `x{model=~"a|b\\.c"} * on (model, job) group_left () y{model=~"a|b\\.c"}`,
		`x unless on (job) y`:                                       `x{model=~"a|b\\.c"} unless on (job) y`,
		`x and ignoring (model) y`:                                  `x{model=~"a|b\\.c"} and ignoring (model) y`,
		`x * scalar(y)`:                                             `x{model=~"a|b\\.c"} * scalar(y)`,
		`quantile_over_time(scalar(y), x[1m])`:                      `quantile_over_time(scalar(y), x{model=~"a|b\\.c"}[1m])`,
		// Series of one model depend on those of others, or become them:
		`sum by (job) (up)`:                               `sum by (job) (up)`,
		`sum without (model) (up)`:                        `sum without (model) (up)`,
		`topk by (model) (1, up)`:                         `topk by (model) (1, up)`,
		`count_values by (job) ("model", up)`:             `count_values by (job) ("model", up)`,
		`label_replace(up, "model", "$1", "job", "(.+)")`: `label_replace(up, "model", "$1", "job", "(.+)")`,
		`label_join(up, "model", "-", "job", "version")`:  `label_join(up, "model", "-", "job", "version")`,
		`absent(up)`:                        `absent(up)`,
		`x or on (job) y`:                   `x or on (job) y`,
		`x * on (job) group_left (model) y`: `x * on (job) group_left (model) y`,
		`x / ignoring (model) y`:            `x / ignoring (model) y`,
		`vector(1)`:                         `vector(1)`,
	} {
		parsed, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
		require.NoError(t, err)
		narrow(parsed, oneOf("model", []string{"a", "b.c"}))
		require.Equal(t, want, parsed.String())
	}
	require.Equal(t, `model="a.b"`, oneOf("model", []string{"a.b"}).String())
	require.True(t, oneOf("model", []string{"", "a"}).Matches(""))
	require.Nil(t, oneOf("model", nil))
	require.Nil(t, oneOf("model", []string{"\xff"}))
	require.Nil(t, oneOf("__name__", []string{"up"}))
	le, err := parser.NewParser(parser.Options{}).ParseExpr(`histogram_quantile(0.9, b)`)
	require.NoError(t, err)
	narrow(le, oneOf("le", []string{"1"}))
	require.Equal(t, `histogram_quantile(0.9, b)`, le.String())
}

func TestTheBusiestAloneAreSelected(t *testing.T) {
	t.Parallel()
	store := &countingStore{series: 2}
	cache, clock := newCache(store, 1<<20)
	clock.seconds.Store(600)
	_, err := cache.RangePromQL(t.Context(), `rate(up[1m]) and on (i) topk(2, requests @ end())`, executor.Range{Start: at(0), End: at(600), Step: 15 * time.Second})
	require.NoError(t, err)
	_, err = cache.RangePromQL(t.Context(), `rate(up[1m]) unless on (i) topk(2, requests @ end())`, executor.Range{Start: at(0), End: at(600), Step: 15 * time.Second})
	require.NoError(t, err)
	require.Len(t, store.queries, 3)
	require.Contains(t, store.queries[1], `rate(up{i=~"0000|0001"}[1m]) and on (i)`)
	require.Contains(t, store.queries[2], `rate(up[1m]) unless on (i)`, "what others there are is not known")
}
