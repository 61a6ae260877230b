package plugin

import (
	"encoding/json"
	"testing"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/require"
)

func TestRemoteHealth(t *testing.T) {
	t.Parallel()
	d, server := triton(t, `{"mode": "prometheus"}`)
	ctx := backend.WithPluginContext(t.Context(), backend.PluginContext{OrgID: 1})
	r, err := d.CheckHealth(ctx, &backend.CheckHealthRequest{})
	require.NoError(t, err)
	require.Equal(t, backend.HealthStatusOk, r.Status, r.Message)
	require.Contains(t, r.Message, "1 model of NVIDIA Triton Inference Server")
	var details map[string]any
	require.NoError(t, json.Unmarshal(r.JSONDetails, &details))
	require.Contains(t, details["verboseMessage"], "recognized by")
	server.Close()
	d.health.current = nil // as after a while
	r, err = d.CheckHealth(ctx, &backend.CheckHealthRequest{})
	require.NoError(t, err)
	require.Equal(t, backend.HealthStatusError, r.Status)
}
