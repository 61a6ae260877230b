package engine

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend/log"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/settings"
)

// valuesOf are the values of a registry's metrics, by name and outcome.
func valuesOf(t *testing.T, registry *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	require.NoError(t, err)
	out := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				if l.GetName() == "outcome" {
					name += " " + l.GetValue()
				}
			}
			out[name] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	return out
}

func TestMetricsOfEngines(t *testing.T) {
	t.Parallel()
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("one 1\ntwo 2\n")) }))
	t.Cleanup(page.Close)
	s, err := settings.Decode([]byte(`{"interval": "1s", "scrapeTimeout": "1s", "targets": [{"id": "works", "url": "`+page.URL+`/metrics"}, {"id": "fails", "url": "http://127.0.0.1:1/metrics"}]}`), nil)
	require.NoError(t, err)
	registry := NewRegistry(Options{DataPath: t.TempDir(), Logger: log.NewNullLogger()})
	shown := prometheus.NewRegistry()
	require.NoError(t, shown.Register(registry))
	require.Empty(t, valuesOf(t, shown), "no engine is open")
	for _, uid := range []string{"one", "two"} {
		handle, err := registry.Acquire(t.Context(), Key{OrgID: 1, UID: uid}, s.Embedded, time.Time{})
		require.NoError(t, err)
		t.Cleanup(handle.Release)
	}
	require.Eventually(t, func() bool {
		got := valuesOf(t, shown)
		return got["modelserving_plugin_scrapes_total success"] >= 2 && got["modelserving_plugin_scrapes_total error"] >= 2 &&
			got["modelserving_plugin_targets"] == 2 && got["modelserving_plugin_head_series"] > 2 && got["modelserving_plugin_storage_size_bytes"] > 0
	}, 30*time.Second, 100*time.Millisecond)
	problems, err := testutil.GatherAndLint(shown)
	require.NoError(t, err)
	require.Empty(t, problems)
	require.NoError(t, registry.Close())
	require.Empty(t, valuesOf(t, shown), "those of closed engines end")
}
