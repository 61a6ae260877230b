package profile_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/profile"
	"github.com/coldhit/modelserving-datasource/pkg/promql"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// A server that counts failures only once there is one has no failures until then, and that is 0, not unknown.
func TestNothingCountedIsZeroWhereAProfileSaysSo(t *testing.T) {
	t.Parallel()
	p, err := profile.Parse([]byte(`id: lazy
name: Lazy
layer: server
detect: [answered]
identity_metric: answered
replica: [job, instance]
labels: {model: model, replica: instance}
metrics:
  answered: {type: counter, unit: requests, labels: [model]}
  failed: {type: counter, unit: requests, labels: [model]}
signals:
  error_rate:
    - ratio: {of: [{metric: failed}, {metric: answered, treat_missing_as_zero: true}], to: [{metric: answered}, {metric: failed}]}
`))
	require.NoError(t, err)
	q, err := signal.Builtin().NewQuery("error_rate", nil, []string{"model"}, nil, 0, true, time.Minute)
	require.NoError(t, err)
	parts := profile.Set{p}.Compile(q, profile.Environment{Exists: everything})
	require.Len(t, parts, 1)
	require.Equal(t, `sum by (model) (label_replace(sum by (model) (rate(failed[1m])), "part", "1", "", "") or `+
		`label_replace(0 * sum by (model) (rate(answered[1m])), "part", "2", "", "")) / `+
		`sum by (model) (label_replace(sum by (model) (rate(answered[1m])), "part", "1", "", "") or `+
		`label_replace(sum by (model) (rate(failed[1m])), "part", "2", "", ""))`, promql.Text(parts[0].Plan, 0))
}
