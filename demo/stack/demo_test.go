package stack

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/demo/progress"
	"github.com/coldhit/modelserving-datasource/demo/supervise"
)

func TestDashboardUID(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dashboard.json")
	_, err := dashboardUID(path)
	require.ErrorContains(t, err, "no such file")
	require.NoError(t, os.WriteFile(path, []byte(`{"title":"x"}`), 0o600))
	_, err = dashboardUID(path)
	require.ErrorContains(t, err, "has no uid")
	require.NoError(t, os.WriteFile(path, []byte(`{"uid":"metrics"}`), 0o600))
	uid, err := dashboardUID(path)
	require.NoError(t, err)
	require.Equal(t, "metrics", uid)
}

func TestTheShippedDashboardHasAUID(t *testing.T) {
	_, err := dashboardUID(filepath.Join("..", "..", "dashboards", dashboardFile))
	require.NoError(t, err)
}

func TestASecondStackInTheSameFolderIsRefused(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "demo")
	lock, err := supervise.TryLock(folder + ".lock")
	require.NoError(t, err)
	defer lock.Unlock()
	_, err = Start(t.Context(), Options{Folder: folder, Out: progress.NewPrinter(t.Output())})
	require.ErrorIs(t, err, supervise.ErrLocked)
}
