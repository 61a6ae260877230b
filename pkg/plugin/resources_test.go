package plugin

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRemoteResources(t *testing.T) {
	t.Parallel()
	d, server := triton(t, `{"mode": "prometheus"}`)
	listed := d.ask(t, "Viewer", "GET", "labels")
	require.Contains(t, listed.text, `{"name":"namespace","values":["production"]}`)
	require.Equal(t, []any{"a"}, d.ask(t, "Viewer", "GET", "values?label=model").body["values"])
	require.Equal(t, []any{}, d.ask(t, "Admin", "GET", "targets").body["targets"], "somebody else scrapes")
	server.Close()
	require.Equal(t, http.StatusBadGateway, d.ask(t, "Viewer", "GET", "labels").status)
	require.Equal(t, http.StatusInternalServerError, d.ask(t, "Viewer", "GET", "values?label=model").status)
}
