package grafana

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/demo/progress"
)

func TestAFailedBuildLeavesNoHome(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("PATH", t.TempDir()) // no go, so the first step fails
	interrupted := builtHome(cache) + ".building-1"
	require.NoError(t, os.MkdirAll(filepath.Join(interrupted, "result"), 0o755))
	_, err := Build(t.Context(), cache, progress.NewPrinter(t.Output()))
	require.ErrorContains(t, err, "step 1 of 5")
	require.False(t, isComplete(builtHome(cache)))
	left, err := filepath.Glob(builtHome(cache) + ".building-*")
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestACachedBuildIsReused(t *testing.T) {
	cache := t.TempDir()
	require.NoError(t, os.Rename(fakeHome(t, builtVersion), builtHome(cache)))
	t.Setenv("PATH", t.TempDir())
	home, err := Build(t.Context(), cache, progress.NewPrinter(t.Output()))
	require.NoError(t, err)
	require.Equal(t, builtHome(cache), home)
}

func TestReplaceSaysWhenTheRecipeNoLongerFits(t *testing.T) {
	b := &builder{source: t.TempDir()}
	file := filepath.Join(b.source, "package.json")
	require.NoError(t, os.WriteFile(file, []byte(`"xlsx": "https://example.com/x.tgz", "y": "https://example.com"`), 0o600))
	require.NoError(t, b.replace("package.json", `"xlsx": "https://[^"]*"`, `"xlsx": "1.0"`))
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, `"xlsx": "1.0", "y": "https://example.com"`, string(content))
	require.ErrorContains(t, b.replace("package.json", `absent`, ``), "no match of")
}
