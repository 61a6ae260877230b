package settings

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// prometheusNotation is what the backend and the config editor both accept. The editor's tests read the same file.
type prometheusNotation struct {
	Defaults                                   json.RawMessage
	Accepted, Rejected, RejectedWithoutSecrets []json.RawMessage
}

func TestPrometheusNotation(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../src/settings/prometheusNotation.json")
	require.NoError(t, err)
	var n prometheusNotation
	require.NoError(t, json.Unmarshal(text, &n))
	require.NotEmpty(t, n.Accepted)
	require.NotEmpty(t, n.Rejected)
	require.NotEmpty(t, n.RejectedWithoutSecrets)
	decode := func(fields json.RawMessage, secrets map[string]string) (Prometheus, error) {
		s, err := Decode([]byte(`{"mode": "prometheus", "prometheus": `+string(fields)+`}`), secrets)
		return s.Prometheus, err
	}
	unset, err := decode(json.RawMessage(`{}`), nil)
	require.NoError(t, err)
	written, err := decode(n.Defaults, nil)
	require.NoError(t, err)
	require.Equal(t, unset, written, "what the editor shows as defaults are the defaults")
	for _, fields := range n.Accepted {
		_, err := decode(fields, remoteSecrets)
		require.NoError(t, err, string(fields))
	}
	for _, fields := range n.Rejected {
		_, err := decode(fields, remoteSecrets)
		require.Error(t, err, string(fields))
	}
	for _, fields := range n.RejectedWithoutSecrets {
		_, err := decode(fields, nil)
		require.Error(t, err, string(fields))
	}
	// Every type of server is among the accepted values, so that the list of the editor is complete.
	require.Subset(t, prometheusTypesOf(t, n.Accepted), prometheusTypes)
}

func prometheusTypesOf(t *testing.T, all []json.RawMessage) (out []string) {
	t.Helper()
	for _, fields := range all {
		var s storedPrometheus
		require.NoError(t, json.Unmarshal(fields, &s))
		out = append(out, s.PrometheusType)
	}
	return out
}
