package grafana

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func exampleOptions(t *testing.T) Options {
	folder := t.TempDir()
	return Options{
		Folder: folder, Port: 3456, PluginID: "some-plugin", PluginFolder: "/built/dist", DashboardFolder: "/project/dashboards",
		HomeDashboard: "/project/dashboards/metrics.json", LogLevel: "warn",
		DataSource: DataSource{Name: "Models", UID: "models", Type: "some-plugin", Access: "proxy", JSONData: map[string]any{"mode": "embedded"}},
	}
}

func TestConfigurationNamesThePluginsFolders(t *testing.T) {
	options := exampleOptions(t)
	require.NoError(t, options.write())
	ini, err := os.ReadFile(options.configurationPath())
	require.NoError(t, err)
	require.Contains(t, string(ini), "\n[plugin.some-plugin]\npath = /built/dist\ndata_path = "+filepath.Join(options.Folder, "engine")+"\n")
	require.Contains(t, string(ini), "http_addr = 127.0.0.1\nhttp_port = 3456\n")
	require.Contains(t, string(ini), "allow_loading_unsigned_plugins = some-plugin\n")
}

func TestDevelopmentTurnsTheBrowsersCacheOff(t *testing.T) {
	options := exampleOptions(t)
	require.Contains(t, options.ini(), "app_mode = production\n")
	options.Development = true
	require.Contains(t, options.ini(), "app_mode = development\n")
}

func TestProvisioningIsWrittenAfresh(t *testing.T) {
	options := exampleOptions(t)
	stale := filepath.Join(options.provisioningFolder(), "datasources", "old.yaml")
	require.NoError(t, os.MkdirAll(filepath.Dir(stale), 0o755))
	require.NoError(t, os.WriteFile(stale, nil, 0o600))
	require.NoError(t, options.write())
	require.NoFileExists(t, stale)
	content, err := os.ReadFile(filepath.Join(options.provisioningFolder(), "datasources", "demo.yaml"))
	require.NoError(t, err)
	var file struct{ Datasources []DataSource }
	require.NoError(t, json.Unmarshal(content, &file))
	require.Equal(t, []DataSource{options.DataSource}, file.Datasources)
}

func TestDockerSeesTheSameFoldersAndPorts(t *testing.T) {
	options := exampleOptions(t)
	g := &Grafana{Docker: "/usr/bin/docker", Image: dockerImage}
	spec := g.spec(options)
	require.Equal(t, "/usr/bin/docker", spec.Path)
	require.Equal(t, dockerImage, spec.Args[len(spec.Args)-1])
	require.Contains(t, spec.Args, options.Folder+":"+options.Folder)
	require.Contains(t, spec.Args, "/built/dist:/built/dist:ro")
	require.Contains(t, spec.Args, "/project/dashboards:/project/dashboards:ro")
	require.Contains(t, spec.Args, "GF_PATHS_CONFIG="+options.configurationPath())
	require.NotNil(t, spec.Cleanup)
}

func TestTheUsersOwnGrafanaSettingsDoNotReachTheDemo(t *testing.T) {
	t.Setenv("GF_SERVER_HTTP_PORT", "1")
	spec := (&Grafana{Binary: "/g/bin/grafana", Home: "/g"}).spec(exampleOptions(t))
	require.NotContains(t, spec.Env, "GF_SERVER_HTTP_PORT=1")
	require.NotEmpty(t, spec.Env)
}
