package query

import (
	"context"
	"testing"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	engineql "github.com/prometheus/prometheus/promql"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

func TestWhoseErrorAnExpressionIs(t *testing.T) {
	t.Parallel()
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, expressionError(t.Context(), nil))
	require.ErrorAs(t, expressionError(t.Context(), errDown), new(UserError), "the embedded engine's errors are of the text")
	require.NotErrorAs(t, expressionError(cancelled, errDown), new(UserError))
	require.NotErrorAs(t, expressionError(t.Context(), engineql.ErrStorage{Err: errDown}), new(UserError))
	require.NotErrorAs(t, expressionError(t.Context(), engineql.ErrQueryTimeout("late")), new(UserError))
	require.NotErrorAs(t, expressionError(t.Context(), backend.DownstreamError(errDown)), new(UserError))
}

func TestErrorsOfAuthors(t *testing.T) {
	t.Parallel()
	require.ErrorIs(t, NewUserError(errDown), errDown)
	require.Equal(t, "model, version", JoinLabels([]signal.Label{signal.Model, signal.Version}))
}
