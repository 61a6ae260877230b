package captures

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/profile"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

var knative = []sequence{
	{"knative", "queue-proxy", []string{"1-queue-proxy", "2-queue-proxy"}, []string{"knative"}},
	{"knative", "autoscaler", []string{"3-autoscaler", "4-autoscaler"}, []string{"knative"}},
	{"knative_before_1_19", "queue-proxy", []string{"1-queue-proxy", "2-queue-proxy"}, []string{"knative_before_1_19"}},
	{"knative_before_1_19", "autoscaler", []string{"3-autoscaler", "4-autoscaler"}, []string{"knative_before_1_19"}},
}

// A queue proxy's request metrics do not say the model; target_info on the same page does.
func TestKnativeQueueProxiesAreFilteredByTheirTargetInfo(t *testing.T) {
	t.Parallel()
	set, err := profile.Embedded()
	require.NoError(t, err)
	recorded := replay(t, "knative", []string{"1-queue-proxy", "2-queue-proxy"})
	for model, want := range map[string]string{"iris": "0.2", "llama": "no data"} {
		q, err := signal.Builtin().NewQuery("error_rate", nil, nil, map[string][]string{"model": {model}}, 0, false, 0)
		require.NoError(t, err)
		parts := set.Detect(recorded.has).Compile(q, profile.Environment{Window: window, Exists: recorded.has})
		require.Len(t, parts, 1)
		lines := recorded.lines(parts[0], 1)
		require.Len(t, lines, 1)
		require.Contains(t, lines[0], want)
	}
}
