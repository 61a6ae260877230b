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

	"github.com/coldhit/modelserving-datasource/pkg/executor"
	"github.com/coldhit/modelserving-datasource/pkg/query"
)

var noon = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

func between(from, to time.Time) backend.TimeRange { return backend.TimeRange{From: from, To: to} }

func queryOf(text string) backend.DataQuery {
	return backend.DataQuery{RefID: "A", JSON: []byte(text), TimeRange: between(noon, noon.Add(time.Hour)), Interval: 15 * time.Second, MaxDataPoints: 500}
}

func TestDecode(t *testing.T) {
	t.Parallel()
	r, err := decode(queryOf(`{"refId": "A", "signal": "response_time", "statistics": ["p95"], "groupBy": ["model"], "filters": {"model": ["a"]},
		"limit": 7, "includeOthers": false, "window": "5m", "instant": true, "legend": "{{model}}", "emptyAsRow": true, "eventTypes": ["loads"], "minimumRequests": 3, "expr": "up", "datasource": {"uid": "x"}}`), executor.Scraped(time.Second))
	require.NoError(t, err)
	require.Equal(t, query.Request{
		Signal: "response_time", Statistics: []string{"p95"}, GroupBy: []string{"model"}, Filters: map[string][]string{"model": {"a"}},
		Limit: 7, Window: 5 * time.Minute, Instant: true, Legend: "{{model}}", EmptyAsRow: true, Expr: "up", EventTypes: []string{"loads"}, MinimumRequests: 3,
		Grid: query.Grid{Start: noon, End: noon.Add(time.Hour), Step: 15 * time.Second}, Range: between(noon, noon.Add(time.Hour)),
	}, r)
	r, err = decode(queryOf(`{}`), executor.Scraped(time.Second))
	require.NoError(t, err)
	require.Zero(t, r.Window, "the rate interval")
	require.True(t, r.IncludeOthers)
	r, err = decode(queryOf(`{}`), executor.Scraped(time.Minute))
	require.NoError(t, err)
	require.Equal(t, time.Minute, r.Grid.Step, "no points between two scrapes")
}

func TestDecodeErrors(t *testing.T) {
	t.Parallel()
	for text, message := range map[string]string{
		``:                             "the query cannot be read: unexpected end of JSON input",
		`{"signal"`:                    "the query cannot be read: ",
		`[]`:                           "the query cannot be read: ",
		`{"filters": {"model": "a"}}`:  "the query cannot be read: ",
		`{"limit": "many"}`:            "the query cannot be read: its limit is a string and has to be of type int",
		`{"limit": 1e99}`:              "the query cannot be read: ",
		`{"window": "soon"}`:           `the window "soon" is not a duration: write it like 5m, or leave it empty for the rate interval`,
		`{"window": "-5m"}`:            `the window "-5m" is not a duration`,
		`{"window": "$__interval"}`:    `the window "$__interval" is not a duration`,
		`{"window": "9999999999999y"}`: "is not a duration",
	} {
		_, err := decode(queryOf(text), executor.Scraped(time.Second))
		require.ErrorContains(t, err, message, text)
		require.ErrorAs(t, err, new(query.UserError), text)
	}
	empty := queryOf(`{}`)
	empty.TimeRange = backend.TimeRange{}
	_, err := decode(empty, executor.Scraped(time.Second))
	require.ErrorAs(t, err, new(query.UserError))
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
		"a bad query":         {t.Context(), query.NewUserError(errors.New("x")), backend.StatusBadRequest, backend.ErrorSourceDownstream},
		"a wrapped bad query": {t.Context(), fmt.Errorf("y: %w", query.NewUserError(errors.New("x"))), backend.StatusBadRequest, backend.ErrorSourceDownstream},
		"of a cancelled one":  {cancelled, query.NewUserError(errors.New("x")), backend.StatusBadRequest, backend.ErrorSourceDownstream},
		"cancelled":           {cancelled, errors.New("x"), backend.StatusTimeout, backend.ErrorSourceDownstream},
		"too late":            {t.Context(), fmt.Errorf("x: %w", context.DeadlineExceeded), backend.StatusTimeout, backend.ErrorSourceDownstream},
		"too long":            {t.Context(), fmt.Errorf("x: %w", engineql.ErrQueryTimeout("y")), backend.StatusTimeout, backend.ErrorSourceDownstream},
		"too much":            {t.Context(), fmt.Errorf("x: %w", engineql.ErrTooManySamples("y")), backend.StatusBadRequest, backend.ErrorSourceDownstream},
		"another server's":    {t.Context(), backend.DownstreamError(errors.New("x")), backend.StatusBadGateway, backend.ErrorSourceDownstream},
		"the plugin's own":    {t.Context(), errors.New("x"), backend.StatusInternal, backend.ErrorSourcePlugin},
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
