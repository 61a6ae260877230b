package plugin

import (
	"context"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/remote/prometheustest"
)

// triton is a server with a triton's requests of the last ten minutes, over which a data source queries.
func triton(t *testing.T, s string) (*Datasource, *prometheustest.Server) {
	t.Helper()
	server := prometheustest.New(t)
	now := time.Now().Truncate(15 * time.Second)
	for i := range 41 {
		server.Append(t, prometheustest.Sample{
			Labels: labels.FromStrings("__name__", "nv_inference_request_success", "job", "vision", "instance", "one:8002", "namespace", "production", "model", "a", "version", "1"),
			At:     now.Add(time.Duration(i-40) * 15 * time.Second), Value: float64(60 * i),
		})
	}
	instance := stored("remote", s)
	instance.URL = server.URL
	d, err := newHost(t, t.TempDir()).instance(1, instance)
	require.NoError(t, err)
	return d, server
}

// lately is a query of the last five minutes.
func lately(kind, text string) backend.DataQuery {
	now := time.Now()
	return backend.DataQuery{RefID: "A", QueryType: kind, JSON: []byte(text), TimeRange: between(now.Add(-5*time.Minute), now), Interval: 15 * time.Second, MaxDataPoints: 500}
}

func (d *Datasource) run(t *testing.T, ctx context.Context, q backend.DataQuery) backend.DataResponse {
	t.Helper()
	r, err := d.QueryData(backend.WithPluginContext(ctx, backend.PluginContext{OrgID: 1}), &backend.QueryDataRequest{Queries: []backend.DataQuery{q}})
	require.NoError(t, err)
	return r.Responses["A"]
}
