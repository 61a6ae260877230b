package driver

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/config"
	"github.com/stretchr/testify/require"
)

// Source is a data source as Grafana hands it to the plugin.
type Source struct {
	ID    int64
	OrgID int64
	UID   string
	// URL is that of the server behind the data source; empty for the embedded engine.
	URL     string
	JSON    map[string]any
	Secrets map[string]string
	Updated time.Time
	Role    string
	// Headers are those of its query requests.
	Headers map[string]string
}

func (s Source) context(t testing.TB) backend.PluginContext {
	t.Helper()
	jsonData, err := json.Marshal(s.JSON)
	require.NoError(t, err)
	role := s.Role
	if role == "" {
		role = "Admin"
	}
	return backend.PluginContext{
		OrgID: s.OrgID, PluginID: "coldhit-modelserving-datasource",
		User: &backend.User{Login: "somebody", Role: role},
		DataSourceInstanceSettings: &backend.DataSourceInstanceSettings{
			ID: s.ID, UID: s.UID, Name: s.UID, Type: "coldhit-modelserving-datasource", URL: s.URL, JSONData: jsonData, DecryptedSecureJSONData: s.Secrets, Updated: s.Updated,
		},
		GrafanaConfig: config.NewGrafanaCfg(map[string]string{}),
	}
}

// Embedded is a data source that scrapes its targets every second.
func Embedded(uid string, targets ...map[string]any) Source {
	return Source{ID: 1, OrgID: 1, UID: uid, Updated: time.Now(), JSON: map[string]any{"mode": "embedded", "interval": "1s", "targets": targets}}
}

// Prometheus is a data source that asks a Prometheus-compatible server which is scraped every 15 seconds.
func Prometheus(uid, url string) Source {
	return Source{ID: 1, OrgID: 1, UID: uid, Updated: time.Now(), URL: url, JSON: map[string]any{"mode": "prometheus"}}
}

// Target is a metrics endpoint in a data source's settings.
func Target(id, url string) map[string]any {
	return map[string]any{"id": id, "url": url, "environment": "production", "deployment": "demo"}
}
