package watch

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const interval = 10 * time.Millisecond

// next waits for the next change.
func next(t *testing.T, changes <-chan []string) []string {
	select {
	case changed := <-changes:
		return changed
	case <-time.After(time.Minute):
		t.Fatal("no change was reported")
		return nil
	}
}

func write(t *testing.T, path, content string) {
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
}

func TestFilesThatAppearChangeAndDisappearAreReported(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "pkg", "a.go"), "1")
	write(t, filepath.Join(root, "other", "c.go"), "1")
	ctx, cancel := context.WithCancel(t.Context())
	changes, err := Changes(ctx, root, []string{"pkg", "go.mod"}, interval)
	require.NoError(t, err)

	write(t, filepath.Join(root, "other", "c.go"), "22")
	write(t, filepath.Join(root, "pkg", "node_modules", "d.go"), "1")
	write(t, filepath.Join(root, "pkg", "a.go"), "22")
	require.Equal(t, []string{"pkg/a.go"}, next(t, changes))

	write(t, filepath.Join(root, "go.mod"), "module m")
	require.Equal(t, []string{"go.mod"}, next(t, changes))

	require.NoError(t, os.Remove(filepath.Join(root, "pkg", "a.go")))
	require.Equal(t, []string{"pkg/a.go"}, next(t, changes))

	cancel()
	_, open := <-changes
	require.False(t, open)
}

func TestAChangeThatNobodyReceivesYetIsNotLost(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "a"), "1")
	changes, err := Changes(t.Context(), root, []string{"."}, interval)
	require.NoError(t, err)
	write(t, filepath.Join(root, "a"), "22")
	require.Equal(t, []string{"a"}, next(t, changes))
	// A build is running now: both of these come afterwards, in one report or in two.
	write(t, filepath.Join(root, "b"), "1")
	write(t, filepath.Join(root, "c"), "1")
	seen := map[string]bool{}
	for len(seen) < 2 {
		for _, path := range next(t, changes) {
			seen[path] = true
		}
	}
	require.Equal(t, map[string]bool{"b": true, "c": true}, seen)
}
