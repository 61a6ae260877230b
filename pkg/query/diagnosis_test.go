package query

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDiagnosis(t *testing.T) {
	t.Parallel()
	const pods = `{kn_service_name="iris",kn_revision_name="iris-1"} `
	slow := newHarness(t, "kn_revision_pods_count"+pods+"1x160", "kn_revision_pods_not_ready_count"+pods+"3x160")
	table := slow.ask(halfHour(Request{Type: Diagnosis}))
	require.Equal(t, []string{"Slow cold starts"}, table.column("finding"))
	require.Equal(t, []string{"vision"}, table.column("deployment"))
	require.Contains(t, table.column("evidence")[0], "3.0 replicas were starting on average beside 1.0 active ones")
	fine := newHarness(t, "kn_revision_pods_count"+pods+"1x160").ask(halfHour(Request{Type: Diagnosis}))
	require.Contains(t, fine.notices(), "No scaling problem found in this time range.")
	require.Contains(t, newHarness(t).ask(halfHour(Request{Type: Diagnosis})).notices(), "No data for replicas")
}
