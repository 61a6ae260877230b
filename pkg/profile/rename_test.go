package profile_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/profile"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

func TestAStoreNamesTheLabelsOfItsTargets(t *testing.T) {
	t.Parallel()
	set := embedded(t).Named(map[signal.Label]string{signal.Environment: "namespace", signal.Deployment: "job", signal.Replica: "pod"})
	q, err := signal.Builtin().NewQuery("requests", nil, []string{"environment", "deployment", "model", "replica"}, map[string][]string{"deployment": {"triton"}}, 0, true, 0)
	require.NoError(t, err)
	parts := set.Compile(q, profile.Environment{Window: time.Minute, Exists: func(m string) bool { return m == "nv_inference_request_success" }})
	require.Len(t, parts, 1)
	out, _ := text(t, parts[0].Plan)
	require.Contains(t, out, `sum by (namespace, job, model, pod) (rate(nv_inference_request_success{job="triton"}[1m]))`)
	require.Equal(t, "environment", embedded(t)[0].Labels[signal.Environment], "the profiles of others stay as they are")
}
