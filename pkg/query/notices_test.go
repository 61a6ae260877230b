package query

import (
	"context"
	"errors"
	"fmt"
	"testing"

	engineql "github.com/prometheus/prometheus/promql"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/analysis"
	"github.com/coldhit/modelserving-datasource/pkg/series"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

func TestGroupsAreNamed(t *testing.T) {
	t.Parallel()
	of := func(model, version string) analysis.Series {
		return analysis.Series{Series: series.Series{Labels: map[string]string{"model": model, "version": version}}}
	}
	by := []signal.Label{signal.Model, signal.Version}
	require.Equal(t, "a 1, b 2", describeGroups([]analysis.Series{of("b", "2"), of("a", "1"), of("a", "1")}, by))
	require.Equal(t, "a 1, b 1, c 1 and 2 more", describeGroups([]analysis.Series{of("a", "1"), of("b", "1"), of("c", "1"), of("d", "1"), of("e", "1")}, by))
	require.Equal(t, "others", describeGroups([]analysis.Series{{Others: true}}, by))
	require.Equal(t, "all", describeGroups([]analysis.Series{{}}, nil))
}

func TestNoticesAreSaidOnce(t *testing.T) {
	t.Parallel()
	notices := appendNotice(nil, 0, "")
	require.Empty(t, notices)
	notices = appendNotice(appendNotice(notices, 1, "a"), 2, "a")
	require.Len(t, notices, 1)
	require.Len(t, appendNotice(notices, 1, "b"), 2)
}

// An error of an expression is its author's, unless the storage failed or the request ended.
func TestExpressionErrors(t *testing.T) {
	t.Parallel()
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	wrong := errors.New("x")
	require.ErrorAs(t, expressionError(t.Context(), wrong), new(UserError))
	require.ErrorIs(t, expressionError(t.Context(), wrong), wrong)
	require.Equal(t, wrong, expressionError(cancelled, wrong))
	storage := fmt.Errorf("x: %w", engineql.ErrStorage{Err: errors.New("disk")})
	require.Equal(t, storage, expressionError(t.Context(), storage))
	require.NoError(t, expressionError(t.Context(), nil))
}
