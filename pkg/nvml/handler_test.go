//go:build linux && cgo

package nvml

import (
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/stretchr/testify/require"
)

// newEndpoint serves a monitor of a scripted host over HTTP.
func newEndpoint(t *testing.T, names Names) *httptest.Server {
	m, err := New(Settings{Library: newHost(1), Window: 20 * time.Second})
	require.NoError(t, err)
	runMonitor(t, m)
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector())
	server := httptest.NewUnstartedServer(Handler(m, names, registry))
	server.Config.ConnContext = ConnContext
	server.Start()
	t.Cleanup(server.Close)
	require.Eventually(t, func() bool { return m.Status().State == StateOK }, 30*time.Second, 10*time.Millisecond)
	return server
}

func scrapeOver(t *testing.T, client *http.Client, url string) (int, string) {
	t.Helper()
	response, err := client.Get(url)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(body)
}

var windowLine = regexp.MustCompile(`(?m)^modelserving_nvml_window_seconds (\S+)$`)

func windowIn(t *testing.T, page string) float64 {
	t.Helper()
	match := windowLine.FindStringSubmatch(page)
	require.NotNil(t, match, page)
	seconds, err := strconv.ParseFloat(match[1], 64)
	require.NoError(t, err)
	return seconds
}

func TestEachScraperHasWindowsOfItsOwn(t *testing.T) {
	server := newEndpoint(t, NamesModelServing)
	first := &http.Client{Transport: &http.Transport{}}
	second := &http.Client{Transport: &http.Transport{}}
	window := func(client *http.Client, url string) float64 {
		status, page := scrapeOver(t, client, url)
		require.Equal(t, http.StatusOK, status)
		return windowIn(t, page)
	}
	require.EqualValues(t, 20, window(first, server.URL), "nothing is known of a new scraper")
	began := time.Now()
	require.EqualValues(t, 20, window(second, server.URL), "nor does another's scrape tell anything")
	require.EqualValues(t, 30, window(first, server.URL+"?window=30s"), "as asked")
	require.Eventually(t, func() bool { return time.Since(began) > 1500*time.Millisecond }, 30*time.Second, 10*time.Millisecond)
	require.GreaterOrEqual(t, window(first, server.URL), 1.5, "since its own scrape, whatever others did")
	// On a busy machine the next scrape may be later.
	require.Eventually(t, func() bool { return window(first, server.URL) == 1 }, 30*time.Second, 10*time.Millisecond, "never shorter than a second")
}

func TestHandlerRefusesWhatItCannotAnswer(t *testing.T) {
	server := newEndpoint(t, NamesModelServing)
	for _, window := range []string{"0s", "10ms", "1h", "-5s", "soon"} {
		status, page := scrapeOver(t, server.Client(), server.URL+"?window="+window)
		require.Equal(t, http.StatusBadRequest, status, window)
		require.Contains(t, page, "use a duration from 1s to 5m0s")
	}
}

func TestNames(t *testing.T) {
	for names, has := range map[Names][2]bool{NamesModelServing: {true, false}, NamesDCGM: {false, true}, NamesBoth: {true, true}} {
		t.Run(string(names), func(t *testing.T) {
			server := newEndpoint(t, names)
			_, page := scrapeOver(t, server.Client(), server.URL)
			require.Equal(t, has[0], strings.Contains(page, "\nmodelserving_gpu_memory_used_bytes{"))
			require.Equal(t, has[1], strings.Contains(page, "\nDCGM_FI_DEV_FB_USED{"))
			require.Contains(t, page, "\nmodelserving_nvml_up 1\n")
			require.Contains(t, page, "\ngo_goroutines ")
		})
	}
	_, err := ParseNames("dcgm")
	require.ErrorContains(t, err, "dcgm-exporter")
}

func TestScrapesKeepWithinTheScrapersTimeout(t *testing.T) {
	m, err := New(Settings{Library: newHost(0)})
	require.NoError(t, err)
	for told, want := range map[string]time.Duration{"": 10 * time.Second, "4": 3500 * time.Millisecond, "0.6": 300 * time.Millisecond, "1e300": 10 * time.Second, "NaN": 10 * time.Second, "-1": 10 * time.Second} {
		r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
		r.Header.Set("X-Prometheus-Scrape-Timeout-Seconds", told)
		require.Equal(t, want, m.timeoutOf(r), told)
	}
}

func TestSettingsThatCannotBeMeant(t *testing.T) {
	for name, change := range map[string]func(*Settings){
		"no library":      func(s *Settings) { s.Library = nil },
		"negative":        func(s *Settings) { s.RetryInterval = -1 },
		"too often":       func(s *Settings) { s.SampleInterval = time.Millisecond },
		"too long window": func(s *Settings) { s.Window = time.Hour },
	} {
		t.Run(name, func(t *testing.T) {
			settings := Settings{Library: newHost(0)}
			change(&settings)
			_, err := New(settings)
			require.Error(t, err)
		})
	}
}
