package blackbox

import (
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

// growing serves a metrics page made by hand. Numbers behind a + grow by that much at every scrape; others stay.
func growing(t testing.TB, page string) *httptest.Server {
	t.Helper()
	var scrapes atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n := float64(scrapes.Add(1))
		var b strings.Builder
		for line := range strings.Lines(page) {
			at := strings.LastIndex(strings.TrimRight(line, "\n"), " ") + 1
			name, value := line[:at], strings.TrimSpace(line[at:])
			if number, grows := strings.CutPrefix(value, "+"); grows {
				var more float64
				_, err := fmt.Sscan(number, &more)
				if err != nil {
					http.Error(w, err.Error(), http.StatusInternalServerError)
					return
				}
				value = fmt.Sprint(more * n)
			}
			fmt.Fprintf(&b, "%s%s\n", name, value)
		}
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		_, _ = w.Write([]byte(b.String()))
	}))
	t.Cleanup(server.Close)
	return server
}

// within adds a window that is long enough for pages which are scraped every second.
func within(window string, q map[string]any) map[string]any {
	q["window"] = window
	return q
}

// eventually asks until the answer has a series for each of the label sets.
func eventually(t *testing.T, p *driver.Plugin, s driver.Source, q map[string]any, wanted ...map[string]string) backend.DataResponse {
	t.Helper()
	var answer backend.DataResponse
	require.Eventually(t, func() bool {
		answer = p.Ask(s, 30*time.Second, q)["A"]
		for _, labels := range wanted {
			if _, found := driver.Find(answer, labels); !found {
				return false
			}
		}
		return true
	}, waitForScrape, 4*pollEvery, "the last answer: %s", q)
	return answer
}
