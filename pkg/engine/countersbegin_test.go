package engine_test

import (
	"context"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/engine"
)

// The first value of a series is an increase where its server tells when it began: else the first cold hit of each model, and
// the only failure of an hour, would be in no rate.
func TestFirstValuesOfNewSeriesAreIncreases(t *testing.T) {
	exported := prometheus.NewRegistry()
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "requests_total", Help: "Requests."}, []string{"start"})
	exported.MustRegister(requests)
	for range 100 {
		requests.WithLabelValues("hot").Inc()
	}
	server := newModelServer(t)
	server.serve(promhttp.HandlerFor(exported, promhttp.HandlerOpts{}).ServeHTTP)
	began := time.Now()
	handle := acquire(t, newRegistry(t, engine.Options{}), mainKey, embedded(server.target("t")))
	eventually(t, handle, `requests_total{start="hot"}`, 100)
	require.False(t, handle.Since().Before(began.Truncate(time.Millisecond)), "of the first scrape, not of the first sample")

	requests.WithLabelValues("cold").Inc()
	eventually(t, handle, `count_over_time(requests_total{start="cold"}[1m]) > bool 2`, 1)
	found, err := handle.InstantPromQL(context.Background(), `requests_total{start="cold"}[1m]`, time.Now())
	require.NoError(t, err)
	require.Len(t, found.Series, 1)
	require.InDelta(t, 0, found.Series[0].Values[0], 0, "when it began")
	require.InDelta(t, 1, found.Series[0].Values[1], 0, "when it was first scraped")
	rise, known := value(t, handle, `max_over_time(requests_total{start="cold"}[1m]) - min_over_time(requests_total{start="cold"}[1m])`)
	require.True(t, known)
	require.InDelta(t, 1, rise, 0)
}
