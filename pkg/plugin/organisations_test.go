package plugin

import (
	"testing"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/require"
)

func TestOtherOrganisationsAreRefused(t *testing.T) {
	t.Parallel()
	d := newDatasource(t)
	other := backend.WithPluginContext(t.Context(), backend.PluginContext{OrgID: 2})
	_, err := d.QueryData(other, &backend.QueryDataRequest{})
	require.ErrorIs(t, err, errOrganisation)
	r, err := d.CheckHealth(other, &backend.CheckHealthRequest{})
	require.NoError(t, err)
	require.Contains(t, r.Message, errOrganisation.Error())
}
