package storage

import (
	"fmt"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOpeningWithoutPermissionIsExplained(t *testing.T) {
	err := explainOpening("/data/1/x", &os.PathError{Op: "mkdir", Path: "/data/1", Err: syscall.EACCES})
	require.ErrorContains(t, err, "/data/1/x cannot be written")
	require.ErrorContains(t, err, "Give Grafana's user write permission")
	require.ErrorContains(t, err, "[plugin.coldhit-modelserving-datasource] data_path")
}

func TestReadOnlyFolderIsReported(t *testing.T) {
	err := explainOpening("/data/1/x", fmt.Errorf("lock DB directory: %w", &os.PathError{Op: "open", Path: "/data/1/x/lock", Err: syscall.EROFS}))
	require.ErrorContains(t, err, "is on a read-only file system")
	require.NotContains(t, err.Error(), "another process")
}
