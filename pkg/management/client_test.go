package management_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/management"
	"github.com/coldhit/modelserving-datasource/pkg/settings"
	"github.com/coldhit/modelserving-datasource/pkg/target"
)

func capture(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	return string(content)
}

// ask serves answer on the endpoint and returns a client of it.
func ask(t *testing.T, method, path, answer string) *management.Client {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc(method+" "+path, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer secret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = w.Write([]byte(answer))
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	configured := settings.Target{URL: "http://127.0.0.1:1/metrics", ManagementURL: server.URL, APIKey: "secret"}
	base, err := management.BaseURL(configured, 8000)
	require.NoError(t, err)
	client, err := target.New(configured, settings.Embedded{Timeout: 5 * time.Second})
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return management.New(client, base)
}

func TestServerOfRealTriton(t *testing.T) {
	server, err := ask(t, http.MethodGet, "/v2", capture(t, "3-server-meta.txt")).Server(context.Background())
	require.NoError(t, err)
	require.Equal(t, management.Server{Name: "triton", Version: "2.51.0"}, server)
}

func TestIndexOfRealTriton(t *testing.T) {
	loaded, err := ask(t, http.MethodPost, "/v2/repository/index", capture(t, "3-repository-index.txt")).Index(context.Background())
	require.NoError(t, err)
	require.Len(t, loaded, 7)
	require.Contains(t, loaded, management.Model{Name: "fast", Version: "2", State: management.StateReady})

	unloaded, err := ask(t, http.MethodPost, "/v2/repository/index", capture(t, "6-index-after-unload.txt")).Index(context.Background())
	require.NoError(t, err)
	require.Contains(t, unloaded, management.Model{Name: "cached", Version: "1", State: "UNAVAILABLE", Reason: "unloaded"})
}

func TestAnswersThatAreNotTheProtocol(t *testing.T) {
	for name, answer := range map[string]string{
		"html":             "<html></html>",
		"empty":            "",
		"another protocol": `{"status":"ok"}`,
		"nameless model":   `[{"version":"1"}]`,
		"too large":        "[" + strings.Repeat(" ", 5<<20) + "]",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ask(t, http.MethodPost, "/v2/repository/index", answer).Index(context.Background())
			require.Error(t, err)
			require.NotContains(t, err.Error(), "secret")
		})
	}
	_, err := ask(t, http.MethodGet, "/v2", `{"status":"ok"}`).Server(context.Background())
	require.ErrorContains(t, err, "does not name its server")
}

func TestBaseURL(t *testing.T) {
	for name, test := range map[string]struct {
		target settings.Target
		want   string
	}{
		"the metrics host at the default port": {settings.Target{URL: "http://triton:8002/metrics?x=1"}, "http://triton:8000"},
		"IPv6":                                 {settings.Target{URL: "https://[::1]:8002/metrics"}, "https://[::1]:8000"},
		"configured":                           {settings.Target{URL: "http://a:1/m", ManagementURL: "https://b/prefix"}, "https://b/prefix"},
	} {
		t.Run(name, func(t *testing.T) {
			base, err := management.BaseURL(test.target, 8000)
			require.NoError(t, err)
			require.Equal(t, test.want, base.String())
		})
	}
	_, err := management.BaseURL(settings.Target{URL: "http://a/m", ManagementURL: "file:///etc/passwd"}, 8000)
	require.ErrorContains(t, err, "management URL")
}
