package plugin

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/require"
)

// A damaged block keeps nothing from working, and editors see where it is now. Panels see what is missing, without the folder.
func TestDamagedStorageIsReported(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	block := filepath.Join(data, "1", "damaged", "01K5ZZZZZZZZZZZZZZZZZZZZZZ")
	require.NoError(t, os.MkdirAll(block, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(block, "meta.json"), []byte("{"), 0o600))
	d, err := newHost(t, data).instance(1, stored("damaged", `{"targets": []}`))
	require.NoError(t, err)
	result, err := d.CheckHealth(as(t, "Editor"), &backend.CheckHealthRequest{})
	require.NoError(t, err)
	require.Contains(t, string(result.JSONDetails), "Block 01K5ZZZZZZZZZZZZZZZZZZZZZZ of the storage is damaged")
	require.Contains(t, string(result.JSONDetails), "Nothing was deleted")
	require.Contains(t, string(result.JSONDetails), filepath.Join(data, "1", "damaged", "set-aside"))
	answer := d.run(t, t.Context(), lately("signal", `{"signal": "requests", "statistics": ["rate"]}`))
	require.NoError(t, answer.Error)
	var said string
	for _, n := range answer.Frames[0].Meta.Notices {
		said += n.Text + "\n"
	}
	require.Contains(t, said, "Block 01K5ZZZZZZZZZZZZZZZZZZZZZZ of the storage is damaged. Some samples are missing.")
	require.NotContains(t, said, data)
}
