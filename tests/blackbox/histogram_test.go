package blackbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/tests/blackbox/driver"
)

// firstResponses serves a page in the form of a Triton of 24.11 with the histogram of first responses, made by hand: every
// scrape finds as many more requests in each bucket as given. Triton lets each model choose its own bounds.
func firstResponses(t *testing.T, bounds []string, more ...int) *httptest.Server {
	t.Helper()
	var scrapes atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n := int(scrapes.Add(1))
		var b strings.Builder
		fmt.Fprintf(&b, "# TYPE nv_inference_request_success counter\nnv_inference_request_success{model=\"chat\",version=\"1\"} %d\n", 10*n)
		b.WriteString("# TYPE nv_inference_first_response_histogram_ms histogram\n")
		total := 0
		for i, le := range bounds {
			total += more[i]
			fmt.Fprintf(&b, "nv_inference_first_response_histogram_ms_bucket{model=\"chat\",version=\"1\",le=%q} %d\n", le, total*n)
		}
		fmt.Fprintf(&b, "nv_inference_first_response_histogram_ms_sum{model=\"chat\",version=\"1\"} %d\n", 1000*n)
		fmt.Fprintf(&b, "nv_inference_first_response_histogram_ms_count{model=\"chat\",version=\"1\"} %d\n", total*n)
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		_, _ = w.Write([]byte(b.String()))
	}))
	t.Cleanup(server.Close)
	return server
}

// bucketOf is what a frame says of the bucket that its newest value fell into.
func bucketOf(t *testing.T, r backend.DataResponse) (lower, upper *float64, saturated bool) {
	t.Helper()
	require.NotEmpty(t, r.Frames, driver.Describe(r))
	text, err := json.Marshal(r.Frames[0].Meta.Custom)
	require.NoError(t, err)
	var custom struct {
		Bucket struct {
			Lower, Upper *float64
			Saturated    bool
		}
	}
	require.NoError(t, json.Unmarshal(text, &custom))
	return custom.Bucket.Lower, custom.Bucket.Upper, custom.Bucket.Saturated
}

func TestQuantilesOverHistograms(t *testing.T) {
	t.Parallel()
	one := firstResponses(t, []string{"100", "500", "+Inf"}, 50, 50, 0)
	p := driver.Start(t, binary, t.TempDir())
	alone := driver.Embedded("alone", unmanaged(t, "one", one.URL+"/metrics"))
	alone.ID = 1
	first := query("time_to_first_byte", []string{"p50", "p95"}, "model")
	first["window"] = "10s"
	p50, p95 := map[string]string{"model": "chat", "statistic": "p50"}, map[string]string{"model": "chat", "statistic": "p95"}
	answer := eventually(t, p, alone, first, p50, p95)
	require.InDelta(t, 0.1, driver.Value(t, answer, map[string]string{"statistic": "p50"}), 1e-6)
	require.InDelta(t, 0.46, driver.Value(t, answer, map[string]string{"statistic": "p95"}), 1e-6)
	lower, upper, saturated := bucketOf(t, backend.DataResponse{Frames: answer.Frames[1:]})
	require.InDelta(t, 0.1, *lower, 1e-9)
	require.InDelta(t, 0.5, *upper, 1e-9)
	require.False(t, saturated)
	require.Contains(t, answer.Frames[0].Meta.ExecutedQueryString, "histogram_quantile(0.95, sum by (model, le)")

	// Another replica with other bounds: half of all requests took between 1 and 4 s.
	other := firstResponses(t, []string{"1000", "4000", "+Inf"}, 0, 100, 0)
	mixed := driver.Embedded("mixed", unmanaged(t, "one", one.URL+"/metrics"), unmanaged(t, "two", other.URL+"/metrics"))
	mixed.ID = 2
	require.Eventually(t, func() bool {
		answer = p.Ask(mixed, 30*time.Second, first)["A"]
		v, found := driver.Find(answer, map[string]string{"model": "chat", "statistic": "p95"})
		return found && v > 3.4 && v < 4 // 3.7 once both have been scraped for as long as the window
	}, waitForScrape, 4*pollEvery)
	require.Contains(t, answer.Frames[0].Meta.ExecutedQueryString, "Bucket bounds differ")

	// Half of the requests are beyond the last bound.
	slow := firstResponses(t, []string{"100", "+Inf"}, 50, 50)
	beyond := driver.Embedded("beyond", unmanaged(t, "one", slow.URL+"/metrics"))
	beyond.ID = 3
	answer = eventually(t, p, beyond, first, p50, p95)
	lower, upper, saturated = bucketOf(t, backend.DataResponse{Frames: answer.Frames[1:]})
	require.InDelta(t, 0.1, *lower, 1e-9)
	require.Nil(t, upper)
	require.True(t, saturated)
	require.Contains(t, driver.Notices(answer), "p95 of chat is a lower bound: it is beyond the histogram's last bucket bound (0.1 seconds).")
}
