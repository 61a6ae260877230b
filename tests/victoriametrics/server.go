// Package victoriametrics runs a real VictoriaMetrics for tests.
package victoriametrics

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Module is the program that is run.
const Module = "github.com/VictoriaMetrics/VictoriaMetrics/app/victoria-metrics"

// Version is that of the module.
const Version = "v1.150.0"

// executable is built from its module into the cache folder where it is not there yet.
func executable(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	require.NoError(t, err)
	folder := filepath.Join(cache, "modelserving-datasource", "victoriametrics-"+Version)
	built := filepath.Join(folder, "victoria-metrics")
	if _, err := os.Stat(built); err == nil {
		return built
	}
	require.NoError(t, os.MkdirAll(folder, 0o755))
	// go install puts the whole binary in place at its end, so that what is there is complete.
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	build := exec.CommandContext(ctx, "go", "install", Module+"@"+Version)
	build.Dir, build.Env = t.TempDir(), append(os.Environ(), "GOBIN="+folder, "GOFLAGS=")
	output, err := build.CombinedOutput()
	require.NoError(t, err, "%s", output)
	return built
}

// Run starts a VictoriaMetrics for the length of the test, with more flags, and answers its address.
func Run(t *testing.T, flags ...string) string {
	t.Helper()
	built := executable(t)
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := free.Addr().String()
	require.NoError(t, free.Close())
	var log bytes.Buffer
	flags = append([]string{"-httpListenAddr=" + address, "-storageDataPath=" + t.TempDir(), "-search.latencyOffset=0s", "-memory.allowedBytes=256MB"}, flags...)
	server := exec.Command(built, flags...)
	server.Stdout, server.Stderr = &log, &log
	require.NoError(t, server.Start())
	t.Cleanup(func() {
		_ = server.Process.Signal(os.Interrupt)
		_ = server.Wait()
		if t.Failed() {
			t.Logf("%.3000s", log.String())
		}
	})
	base := "http://" + address
	require.Eventually(t, func() bool { return answers(t, base+"/health") }, 60*time.Second, 20*time.Millisecond)
	return base
}

func answers(t *testing.T, url string) bool {
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	return err == nil && response.Body.Close() == nil && response.StatusCode == http.StatusOK
}
