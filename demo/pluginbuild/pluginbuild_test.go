package pluginbuild

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/demo/progress"
)

// example is a step that appends a line to its product.
func example(t *testing.T) (*Builder, step, func() int) {
	root := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(root, "node_modules"), 0o755))
	require.NoError(t, os.MkdirAll(filepath.Join(root, "src"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(root, "src", "a.ts"), []byte("1"), 0o600))
	runs := func() int {
		content, err := os.ReadFile(filepath.Join(root, "product"))
		require.NoError(t, err)
		return strings.Count(string(content), "\n")
	}
	b := &Builder{Root: root, Logs: t.TempDir(), Out: progress.NewPrinter(t.Output())}
	return b, step{name: "example", sources: []string{"src", "absent"}, product: "product", stamp: "example",
		command: "/bin/sh", args: []string{"-c", "echo built >> product"}}, runs
}

func TestAStepRunsOnlyWhenSomethingChanged(t *testing.T) {
	b, s, runs := example(t)
	for range 2 {
		require.NoError(t, b.step(t.Context(), s))
		require.Equal(t, 1, runs())
	}
	require.NoError(t, os.WriteFile(filepath.Join(b.Root, "src", "a_test.go"), nil, 0o600))
	require.NoError(t, b.step(t.Context(), s))
	require.Equal(t, 1, runs(), "a test is not part of what is built")

	require.NoError(t, os.WriteFile(filepath.Join(b.Root, "src", "a.ts"), []byte("2"), 0o600))
	require.NoError(t, b.step(t.Context(), s))
	require.Equal(t, 2, runs())

	require.NoError(t, os.Remove(filepath.Join(b.Root, "product")))
	require.NoError(t, b.step(t.Context(), s))
	require.Equal(t, 1, runs())
}

func TestAFailedStepRunsAgain(t *testing.T) {
	b, s, runs := example(t)
	failing := s
	failing.args = []string{"-c", "echo half >> product; echo the reason; exit 1"}
	require.ErrorContains(t, b.step(t.Context(), failing), "the reason")
	require.NoError(t, b.step(t.Context(), s))
	require.Equal(t, 2, runs())
}

func TestAStepThatMakesNothingFails(t *testing.T) {
	b, s, _ := example(t)
	s.args = []string{"-c", "true"}
	require.ErrorContains(t, b.step(t.Context(), s), "made no product")
}

func TestDependenciesNeedALockFile(t *testing.T) {
	b, _, _ := example(t)
	require.ErrorContains(t, b.Dependencies(t.Context(), "."), "package-lock.json")
}
