package engine_test

import (
	"fmt"
	"net/http"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/engine"
)

// A target that has 20,000 new series on every page does not fill the memory: new series are refused at the limit, and what was there goes on.
func TestChurnOfSeriesIsBounded(t *testing.T) {
	const perPage, limit = 20_000, 60_000
	server := newModelServer(t)
	var pages atomic.Int64
	server.serve(func(w http.ResponseWriter, _ *http.Request) {
		page := pages.Add(1)
		_, _ = fmt.Fprintf(w, "steady %d\n", page)
		for i := range perPage {
			_, _ = fmt.Fprintf(w, "churning{id=\"%d-%d\"} 1\n", page, i)
		}
	})
	s := embedded(server.target("t"))
	s.ScrapeLimits.Samples, s.ScrapeLimits.BodyBytes, s.SeriesLimit = 0, 16<<20, limit
	handle := acquire(t, newRegistry(t, engine.Options{}), mainKey, s)
	heapAt := func(page int64) float64 {
		require.Eventually(t, func() bool { return pages.Load() >= page }, patience, moment)
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc) / (1 << 20)
	}
	before := heapAt(8)
	after := heapAt(24)
	status := handle.Limits()
	require.LessOrEqual(t, status.Series, limit)
	require.True(t, status.Near)
	require.Equal(t, "churning", status.Biggest.Metric)
	require.Equal(t, "id", status.Biggest.Label)
	require.Greater(t, status.Biggest.Series, limit*9/10)
	require.Less(t, after, 1.3*before+16, "MB")
	eventually(t, handle, `steady > bool 24`, 1)
}
