package blackbox

import (
	"testing"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/tests/blackbox/driver"
)

func titles(t *testing.T, r backend.DataResponse) []string {
	t.Helper()
	require.NoError(t, r.Error)
	field, _ := r.Frames[0].FieldByName("title")
	require.NotNil(t, field, driver.Describe(r))
	var out []string
	for i := range field.Len() {
		title, ok := field.At(i).(string)
		require.True(t, ok)
		out = append(out, title)
	}
	return out
}
