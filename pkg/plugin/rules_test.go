package plugin

import (
	"net/http"
	"strings"
	"testing"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/require"
)

// export asks for a file as a role, of a data source that the request names.
func (d *Datasource) export(t *testing.T, role, url string) (status int, text string) {
	t.Helper()
	path, _, _ := strings.Cut(url, "?")
	request := &backend.CallResourceRequest{Method: "GET", URL: url, Path: path, PluginContext: backend.PluginContext{
		OrgID: 1, User: &backend.User{Role: role}, DataSourceInstanceSettings: &backend.DataSourceInstanceSettings{UID: "exported"},
	}}
	err := d.CallResource(backend.WithPluginContext(t.Context(), request.PluginContext), request, backend.CallResourceResponseSenderFunc(func(r *backend.CallResourceResponse) error {
		status = max(status, r.Status)
		text += string(r.Body)
		return nil
	}))
	require.NoError(t, err)
	return status, text
}

func TestExportedRules(t *testing.T) {
	t.Parallel()
	d, _ := triton(t, `{"mode": "prometheus"}`)
	for url, want := range map[string]string{
		"rules?format=grafana":                  "exported",
		"rules?format=prometheus":               "nv_inference_request_success",
		"rules?format=prometheus&profiles=vllm": "vllm:",
		"recording-rules":                       "nv_inference_request_success",
		"recording-rules?profiles=vllm":         "vllm:",
	} {
		status, text := d.export(t, "Editor", url)
		require.Equal(t, http.StatusOK, status, text)
		require.Contains(t, text, want, url)
		status, _ = d.export(t, "Viewer", url)
		require.Equal(t, http.StatusForbidden, status, url)
		require.Equal(t, http.StatusBadRequest, d.ask(t, "Editor", "GET", url).status, "the request names no data source")
	}
	for url, want := range map[string]string{
		"rules?format=xml":                        "unknown format",
		"rules?format=grafana&colour=red":         "colour",
		"rules?format=prometheus&profiles=nobody": "nobody",
		"recording-rules?colour=red":              "colour",
		"recording-rules?profiles=nobody":         "nobody",
	} {
		status, text := d.export(t, "Admin", url)
		require.Equal(t, http.StatusBadRequest, status, url)
		require.Contains(t, text, want, url)
	}
	empty := newDatasource(t)
	for _, url := range []string{"rules?format=prometheus", "recording-rules"} {
		status, text := empty.export(t, "Admin", url)
		require.Equal(t, http.StatusBadRequest, status)
		require.Contains(t, text, "no known model server was scraped")
	}
}
