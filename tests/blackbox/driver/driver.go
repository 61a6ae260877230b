// Package driver runs the built plugin binary as Grafana does, over the plugin protocol, for tests.
package driver

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/grafana/grafana-plugin-sdk-go/backend/grpcplugin"
	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/tests/logbuffer"
)

// Build builds the plugin from the checkout at root into a folder and answers the binary's path.
func Build(root, folder string) (string, error) {
	binary := filepath.Join(folder, "gpx_modelserving")
	build := exec.Command("go", "build", "-o", binary, "./pkg")
	build.Dir = root
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("the plugin does not build: %w\n%s", err, output)
	}
	return binary, nil
}

// Plugin is a running binary. Its methods fail the test that it was started for where the plugin does not answer.
type Plugin struct {
	Process *goplugin.Client
	// Log is everything that the process wrote.
	Log    fmt.Stringer
	Health grpcplugin.DiagnosticsClient

	t         testing.TB
	queries   grpcplugin.DataClient
	resources grpcplugin.ResourceClient
}

// Start runs the binary with a data folder, as grafana.ini would name it, until the test ends.
func Start(t testing.TB, binary, dataPath string, environment ...string) *Plugin {
	t.Helper()
	command := exec.Command(binary)
	command.Env = append(os.Environ(), "GF_PLUGIN_DATA_PATH="+dataPath)
	command.Env = append(command.Env, environment...)
	log := &logbuffer.Buffer{}
	p := &Plugin{t: t, Log: log}
	p.Process = goplugin.NewClient(&goplugin.ClientConfig{
		Cmd: command, SkipHostEnv: true, // what is set above counts
		HandshakeConfig: goplugin.HandshakeConfig{
			ProtocolVersion: grpcplugin.ProtocolVersion, MagicCookieKey: grpcplugin.MagicCookieKey, MagicCookieValue: grpcplugin.MagicCookieValue,
		},
		Plugins: goplugin.PluginSet{
			"data": &grpcplugin.DataGRPCPlugin{}, "diagnostics": &grpcplugin.DiagnosticsGRPCPlugin{}, "resource": &grpcplugin.ResourceGRPCPlugin{},
		},
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		Logger:           hclog.New(&hclog.LoggerOptions{Output: log, Level: hclog.Trace}),
		SyncStderr:       log, SyncStdout: log,
	})
	t.Cleanup(p.Stop)
	protocol, err := p.Process.Client()
	require.NoError(t, err)
	p.queries = dispense[grpcplugin.DataClient](t, protocol, "data")
	p.Health = dispense[grpcplugin.DiagnosticsClient](t, protocol, "diagnostics")
	p.resources = dispense[grpcplugin.ResourceClient](t, protocol, "resource")
	return p
}

func dispense[T any](t testing.TB, protocol goplugin.ClientProtocol, name string) T {
	t.Helper()
	raw, err := protocol.Dispense(name)
	require.NoError(t, err)
	client, ok := raw.(T)
	require.True(t, ok, "%s is a %T", name, raw)
	return client
}

// Stop ends the process as Grafana does, in order.
func (p *Plugin) Stop() { p.Process.Kill() }
