package blackbox

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// oneBuild keeps tests that run side by side from building the same thing.
var oneBuild sync.Mutex

// promtool is the real one, of the version in go.mod, built into the cache folder where it is not there yet. It does without
// service discovery, which checks of rules do not need.
func promtool(t testing.TB) string {
	t.Helper()
	oneBuild.Lock()
	defer oneBuild.Unlock()
	const module = "github.com/prometheus/prometheus"
	cache, err := os.UserCacheDir()
	require.NoError(t, err)
	version := versionOf(t, module)
	folder := filepath.Join(cache, "modelserving-datasource", "promtool-"+version)
	binary := filepath.Join(folder, "promtool")
	if _, err := os.Stat(binary); err == nil {
		return binary
	}
	require.NoError(t, os.MkdirAll(folder, 0o755))
	// go install puts the whole binary in place at its end, so that what is there is complete.
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	build := exec.CommandContext(ctx, "go", "install", "-tags", "remove_all_sd", module+"/cmd/promtool@"+version)
	build.Dir, build.Env = t.TempDir(), append(os.Environ(), "GOBIN="+folder, "GOFLAGS=")
	output, err := build.CombinedOutput()
	require.NoError(t, err, "%s", output)
	return binary
}

// versionOf is the version of a module in go.mod.
func versionOf(t testing.TB, module string) string {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Version}}", module)
	list.Dir = filepath.Join("..", "..")
	output, err := list.Output()
	require.NoError(t, err)
	return strings.TrimSpace(string(output))
}
