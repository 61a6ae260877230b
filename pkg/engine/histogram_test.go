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

func TestNativeHistogramsComeBesideClassicOnes(t *testing.T) {
	exported := prometheus.NewRegistry()
	latency := prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "latency_seconds", Help: "A latency.", Buckets: []float64{0.1, 1}, NativeHistogramBucketFactor: 1.1,
	})
	exported.MustRegister(latency)
	for range 3 {
		latency.Observe(0.5)
	}
	server := newModelServer(t)
	server.serve(promhttp.HandlerFor(exported, promhttp.HandlerOpts{}).ServeHTTP)
	handle := acquire(t, newRegistry(t, engine.Options{}), mainKey, embedded(server.target("t")))
	eventually(t, handle, `latency_seconds_bucket{le="1.0"}`, 3)
	eventually(t, handle, `histogram_count(latency_seconds)`, 3)
	found, err := handle.InstantPromQL(context.Background(), `last_over_time(latency_seconds[1m])`, time.Now())
	require.NoError(t, err)
	require.Empty(t, found.Series)
	require.Len(t, found.Histograms, 1)
	require.Len(t, found.Histograms[0].Histograms[0], 1)
	bucket := found.Histograms[0].Histograms[0][0]
	require.True(t, bucket.Lower < 0.5 && 0.5 <= bucket.Upper && bucket.Upper <= 1.1*bucket.Lower, bucket)
	require.InDelta(t, 3, bucket.Weight, 0)
}
