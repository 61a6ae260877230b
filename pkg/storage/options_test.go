package storage

import (
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
