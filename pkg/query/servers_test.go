package query

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestServersThatRulesAreWrittenFor(t *testing.T) {
	t.Parallel()
	h := newHarness(t, triton)
	servers, err := h.Servers(t.Context(), time.Hour)
	require.NoError(t, err)
	require.Len(t, servers.Profiles, 1)
	require.Equal(t, "triton", servers.Profiles[0].ID)
	require.True(t, servers.Exists("nv_cpu_utilization"))
	require.False(t, servers.Exists("nv_gpu_utilization"))
	h.fail(errDown, func(int, string) bool { return false })
	_, err = h.Servers(t.Context(), time.Hour)
	require.ErrorIs(t, err, errDown)
}
