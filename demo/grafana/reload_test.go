package grafana

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/demo/supervise"
)

func TestRestartPluginEndsTheProgramAndWaitsForTheNext(t *testing.T) {
	folder := t.TempDir()
	program := filepath.Join(folder, "plugin")
	sleep, err := os.ReadFile("/bin/sleep")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(program, sleep, 0o755))

	// Like Grafana, it starts the program again when it ends.
	process, err := supervise.Start(supervise.Spec{
		Name: "grafana", Path: "/bin/sh", Args: []string{"-c", "while true; do " + program + " 300; done"}, LogPath: filepath.Join(folder, "log"),
	})
	require.NoError(t, err)
	defer process.Stop(5 * time.Second)
	// The same program, started by somebody else.
	other, err := supervise.Start(supervise.Spec{Name: "other", Path: program, Args: []string{"300"}, LogPath: filepath.Join(folder, "other.log")})
	require.NoError(t, err)
	defer other.Stop(5 * time.Second)

	healthChecks := 0
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, "/api/datasources/uid/models/health", r.URL.Path)
		if healthChecks++; healthChecks < 3 {
			w.WriteHeader(http.StatusInternalServerError) // as long as the plugin starts
		}
	}))
	defer api.Close()
	s := &Server{URL: api.URL, process: process}
	require.Eventually(t, func() bool {
		running, err := s.pluginProcesses(program)
		return err == nil && len(running) == 1
	}, time.Minute, 10*time.Millisecond)

	// A build replaces the file, so that the running program is a deleted one.
	require.NoError(t, os.Remove(program))
	require.NoError(t, os.WriteFile(program, sleep, 0o755))
	before, after, err := s.RestartPlugin(t.Context(), program, "models")
	require.NoError(t, err)
	require.Len(t, before, 1)
	require.Len(t, after, 1)
	require.NotEqual(t, before, after)
	require.GreaterOrEqual(t, healthChecks, 3)
	require.NoError(t, syscall.Kill(other.PID(), 0), "the other program still runs")
}
