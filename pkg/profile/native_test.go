package profile_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/profile"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// A histogram that the store holds in both forms is read as a native one, and by its buckets only for models that have no
// native one.
func TestNativeHistogramsAreFinerThanBuckets(t *testing.T) {
	t.Parallel()
	only := func(names ...string) profile.Environment {
		return profile.Environment{Window: time.Minute, Exists: func(m string) bool {
			for _, n := range names {
				if m == n {
					return true
				}
			}
			return false
		}}
	}
	compiled := func(st signal.Statistic, env profile.Environment) string {
		q, err := signal.Builtin().NewQuery("time_to_first_byte", []string{string(st)}, []string{"model"}, nil, 0, true, 0)
		require.NoError(t, err)
		parts := embedded(t).Compile(q, env)
		require.Len(t, parts, 1)
		out, _ := text(t, parts[0].Plan)
		return out
	}
	const name = firstResponse
	require.Equal(t, `0.001 * histogram_quantile(0.9, sum by (model) (rate(`+name+`[1m])))`, compiled(signal.P90, only(name)))
	require.Equal(t, `(0.001 * sum by (model) (histogram_sum(rate(`+name+`[1m])))) / sum by (model) (histogram_count(rate(`+name+`[1m])))`,
		compiled(signal.Mean, only(name)))
	require.Equal(t, `(0.001 * histogram_quantile(0.9, sum by (model) (rate(`+name+`[1m])))) or (0.001 * histogram_quantile(0.9, sum by (model, le) (rate(`+name+`_bucket[1m]) `+
		`unless on (environment, deployment, model) group by (environment, deployment, model) (histogram_count(rate(`+name+`[1m]))))))`,
		compiled(signal.P90, only(name, name+"_bucket")))
}
