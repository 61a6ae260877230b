package engine_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/engine"
	"github.com/coldhit/modelserving-datasource/pkg/settings"
)

// What a target repeats of a key, or of credentials in the URL of a discovered one, is not stored: queries could take it apart.
func TestRepeatedSecretsAreNotStored(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "a{sent=\"%s %s\"} 1\n", r.Header.Get("Authorization"), r.URL.RawQuery)
	}))
	t.Cleanup(server.Close)
	address := strings.TrimPrefix(server.URL, "http://")
	discovery := t.TempDir()
	folder := filepath.Join(discovery, "1", mainKey.UID)
	require.NoError(t, os.MkdirAll(folder, 0o750))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "t.yml"),
		[]byte(fmt.Sprintf("- targets: [%q]\n  labels: {__param_token: discovered-f00d}\n", address)), 0o600))
	s := embedded(settings.Target{ID: "keyed", URL: server.URL + "/metrics", APIKey: "key-f00d-key"})
	s.FileDiscovery = true
	handle := acquire(t, newRegistry(t, engine.Options{DiscoveryPath: discovery}), mainKey, s)
	eventually(t, handle, `a{job="keyed",sent="Bearer [redacted] "}`, 1)
	eventually(t, handle, `a{job="file_discovery",sent=" token=[redacted]"}`, 1)
	eventually(t, handle, `count({sent=~".*f00d.*"}) or vector(0)`, 0)
}
