package plugin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/management"
	"github.com/coldhit/modelserving-datasource/pkg/profile"
)

// responses are a server's by path, at its metrics page and its management API alike; 404 to anything else.
type responses map[string]string

func (s responses) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer, known := s[r.URL.Path]
	if !known {
		w.WriteHeader(http.StatusNotFound)
	}
	_, _ = w.Write([]byte(answer))
}

func realAnswer(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile("../management/testdata/" + name)
	require.NoError(t, err)
	return string(content)
}

// saveAndTest answers the check of one target whose metrics page and management API are the server's.
func saveAndTest(t *testing.T, server responses) healthDetails {
	t.Helper()
	listening := httptest.NewServer(server)
	t.Cleanup(listening.Close)
	d, err := newHost(t, t.TempDir()).instance(1, stored("a",
		fmt.Sprintf(`{"targets": [{"id": "one", "url": "%s/metrics", "managementUrl": "%[1]s"}]}`, listening.URL)))
	require.NoError(t, err)
	ctx := backend.WithPluginContext(t.Context(), backend.PluginContext{OrgID: 1})
	result, err := d.CheckHealth(ctx, &backend.CheckHealthRequest{})
	require.NoError(t, err)
	var details healthDetails
	require.NoError(t, json.Unmarshal(result.JSONDetails, &details))
	require.Len(t, details.Targets, 1)
	return details
}

func TestSaveAndTestAsksManagementEndpoints(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		server  responses
		version string
		models  int
		verbose []string
	}{
		"TorchServe": {responses{
			"/metrics":            "ts_inference_requests_total{model_name=\"fast\"} 1\n",
			"/models":             realAnswer(t, "torchserve/2-models.txt"),
			"/models/fast/all":    realAnswer(t, "torchserve/2-model-fast.txt"),
			"/models/slow/all":    realAnswer(t, "torchserve/2-model-slow.txt"),
			"/models/failing/all": realAnswer(t, "torchserve/2-model-failing.txt"),
			"/api-description":    `{"info":{"version":"0.12.0"}}`,
		}, "0.12.0", 3, nil},
		"Triton": {responses{
			"/metrics":             "nv_inference_request_success{model=\"fast\",version=\"1\"} 1\n",
			"/v2":                  realAnswer(t, "triton/3-server-meta.txt"),
			"/v2/repository/index": realAnswer(t, "triton/6-index-after-unload.txt"),
			"/v2/models/stats":     realAnswer(t, "triton/3-stats-all.txt"),
		}, "2.51.0", 5, []string{"Not loaded: cached 1: unloaded."}},
		"Triton without statistics": {responses{
			"/metrics":             "nv_inference_request_success{model=\"fast\",version=\"1\"} 1\n",
			"/v2":                  realAnswer(t, "triton/3-server-meta.txt"),
			"/v2/repository/index": realAnswer(t, "triton/3-repository-index.txt"),
		}, "2.51.0", 6, []string{"For model_memory and age_at_eviction: http://", "has no statistics extension"}},
		"Ray Serve": {responses{
			"/metrics":                 "ray_serve_deployment_replica_healthy{application=\"fast\"} 1\n",
			"/api/serve/applications/": realAnswer(t, "ray_serve/2-serve-applications.txt"),
			"/api/version":             realAnswer(t, "ray_serve/0-version.txt"),
		}, "2.60.0", 6, nil},
		"MLServer, whose version is unknown": {responses{
			"/metrics":             "model_infer_request_success_total{model=\"fast\"} 1\n",
			"/v2/repository/index": realAnswer(t, "mlserver/2-repository-index.txt"),
		}, "", 4, []string{"Version unknown: http://"}},
		"Ray Serve at another port": {responses{
			"/metrics": "ray_serve_deployment_replica_healthy{application=\"fast\"} 1\n",
		}, "", 1, []string{"For models_resident, model_loads, model_evictions and replicas: http://", "Set the target's management URL to Ray's dashboard"}},
	} {
		t.Run(name, func(t *testing.T) {
			details := saveAndTest(t, test.server)
			found := details.Targets[0]
			require.Empty(t, found.Problem)
			require.Equal(t, test.version, found.Version)
			require.Equal(t, test.models, found.Models)
			for _, text := range test.verbose {
				require.Contains(t, details.VerboseMessage, text)
			}
		})
	}
}

// Each protocol that a profile names is one that can be spoken, and each is named by one.
func TestProfilesAndManagementProtocols(t *testing.T) {
	profiles, err := profile.Embedded()
	require.NoError(t, err)
	named := map[string]bool{}
	for _, p := range profiles {
		if p.Management == nil {
			continue
		}
		endpoint, has := EngineProfiles(profiles).Management(p.ID)
		require.True(t, has, p.ID)
		require.NotNil(t, endpoint.Protocol)
		require.NotZero(t, endpoint.Port)
		named[p.Management.Protocol] = true
	}
	require.Len(t, named, len(management.Protocols()))
}
