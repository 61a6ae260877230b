//go:build linux && cgo

package main

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPodsHaveTheNamesOfTheirFolders(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	create := func(name string) { require.NoError(t, os.Mkdir(filepath.Join(folder, name), 0o755)) }
	synctest.Test(t, func(t *testing.T) {
		pods := &podNames{folder: folder, log: slog.New(slog.DiscardHandler)}
		create("serving_llama-0_7a1c")
		create("lost+found")
		namespace, name := pods.lookup("7a1c")
		require.Equal(t, []string{"serving", "llama-0"}, []string{namespace, name})

		create("serving_llama-1_9f00")
		_, name = pods.lookup("9f00")
		require.Empty(t, name, "the folder was looked through a moment ago")
		time.Sleep(lookForPods + time.Second)
		_, name = pods.lookup("9f00")
		require.Equal(t, "llama-1", name)
	})
}

func TestAFolderOfLogsThatIsMissingIsToldOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var logged bytes.Buffer
		pods := &podNames{folder: filepath.Join(t.TempDir(), "none"), log: slog.New(slog.NewTextHandler(&logged, nil))}
		for range 3 {
			_, name := pods.lookup("7a1c")
			require.Empty(t, name)
			time.Sleep(lookForPods + time.Second)
		}
		require.Equal(t, 1, bytes.Count(logged.Bytes(), []byte("-path.pod-logs")))
	})
}
