package plugin

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	engineql "github.com/prometheus/prometheus/promql"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/analysis"
	"github.com/coldhit/modelserving-datasource/pkg/series"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

func queryOf(text string) backend.DataQuery {
	return backend.DataQuery{RefID: "A", JSON: []byte(text), TimeRange: between(noon, noon.Add(time.Hour)), Interval: 15 * time.Second, MaxDataPoints: 500}
}

func TestDecode(t *testing.T) {
	t.Parallel()
	no := false
	r, err := decode(queryOf(`{"refId": "A", "signal": "response_time", "statistics": ["p95"], "groupBy": ["model"], "filters": {"model": ["a"]},
		"limit": 7, "others": false, "window": "5m", "instant": true, "legend": "{{model}}", "format": "heatmap", "expr": "up", "datasource": {"uid": "x"}}`), time.Second)
	require.NoError(t, err)
	require.Equal(t, queryModel{
		Signal: "response_time", Statistics: []string{"p95"}, GroupBy: []string{"model"}, Filters: map[string][]string{"model": {"a"}},
		Limit: 7, Others: &no, Window: "5m", Instant: true, Legend: "{{model}}", Format: "heatmap", Expr: "up",
	}, r.queryModel)
	require.Equal(t, 5*time.Minute, r.window)
	require.Equal(t, 15*time.Second, r.grid.step)
	r, err = decode(queryOf(`{}`), time.Second)
	require.NoError(t, err)
	require.Zero(t, r.window, "the rate interval")
	r, err = decode(queryOf(`{}`), time.Minute)
	require.NoError(t, err)
	require.Equal(t, time.Minute, r.grid.step, "no points between two scrapes")
}

func TestDecodeErrors(t *testing.T) {
	t.Parallel()
	for text, message := range map[string]string{
		``:                             "the query is not readable: unexpected end of JSON input",
		`{"signal"`:                    "the query is not readable: ",
		`[]`:                           "the query is not readable: ",
		`{"filters": {"model": "a"}}`:  "the query is not readable: ",
		`{"limit": "many"}`:            "the query is not readable: its limit is a string; it needs to be of type int",
		`{"limit": 1e99}`:              "the query is not readable: ",
		`{"format": "table"}`:          `there is no format "table"; write heatmap, or leave it empty`,
		`{"window": "soon"}`:           `the window "soon" is not a duration; write it like 5m, or leave it empty for the rate interval`,
		`{"window": "-5m"}`:            `the window "-5m" is not a duration`,
		`{"window": "$__interval"}`:    `the window "$__interval" is not a duration`,
		`{"window": "9999999999999y"}`: "is not a duration",
	} {
		_, err := decode(queryOf(text), time.Second)
		require.ErrorContains(t, err, message, text)
		require.ErrorAs(t, err, new(badQuery), text)
	}
	empty := queryOf(`{}`)
	empty.TimeRange = backend.TimeRange{}
	_, err := decode(empty, time.Second)
	require.ErrorAs(t, err, new(badQuery))
}

func TestFailure(t *testing.T) {
	t.Parallel()
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		ctx    context.Context
		err    error
		status backend.Status
		source backend.ErrorSource
	}{
		"a bad query":           {t.Context(), badQuery{errors.New("x")}, backend.StatusBadRequest, backend.ErrorSourceDownstream},
		"a wrapped bad query":   {t.Context(), fmt.Errorf("y: %w", badQuery{errors.New("x")}), backend.StatusBadRequest, backend.ErrorSourceDownstream},
		"of a cancelled one":    {cancelled, badQuery{errors.New("x")}, backend.StatusBadRequest, backend.ErrorSourceDownstream},
		"cancelled":             {cancelled, errors.New("x"), backend.StatusTimeout, backend.ErrorSourceDownstream},
		"too late":              {t.Context(), fmt.Errorf("x: %w", context.DeadlineExceeded), backend.StatusTimeout, backend.ErrorSourceDownstream},
		"too long":              {t.Context(), fmt.Errorf("x: %w", engineql.ErrQueryTimeout("y")), backend.StatusTimeout, backend.ErrorSourceDownstream},
		"too much":              {t.Context(), fmt.Errorf("x: %w", engineql.ErrTooManySamples("y")), backend.StatusBadRequest, backend.ErrorSourceDownstream},
		"another server's":      {t.Context(), backend.DownstreamError(errors.New("x")), backend.StatusBadGateway, backend.ErrorSourceDownstream},
		"the plugin's own":      {t.Context(), errors.New("x"), backend.StatusInternal, backend.ErrorSourcePlugin},
		"an expression's":       {t.Context(), ofExpression(t.Context(), errors.New("x")), backend.StatusBadRequest, backend.ErrorSourceDownstream},
		"an expression's, late": {cancelled, ofExpression(cancelled, errors.New("x")), backend.StatusTimeout, backend.ErrorSourceDownstream},
		"the storage's": {t.Context(), ofExpression(t.Context(), fmt.Errorf("x: %w", engineql.ErrStorage{Err: errors.New("disk")})),
			backend.StatusInternal, backend.ErrorSourcePlugin},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := failure(c.ctx, c.err)
			require.ErrorContains(t, r.Error, c.err.Error())
			require.Equal(t, c.status, r.Status)
			require.Equal(t, c.source, r.ErrorSource)
		})
	}
}

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
