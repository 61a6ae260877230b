//go:build linux

package fakenvml_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/tests/fakenvml"
)

// peakMemory is the most memory that a process had, in bytes.
func peakMemory(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		if kilobytes, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(kilobytes), " kB"))
			require.NoError(t, err)
			return n << 10
		}
	}
	t.Fatal("no VmHWM in ", string(text))
	return 0
}

// 200 scrapers at the same moment, three times over connections that they keep, so that each has windows of its own.
func Test200SimultaneousScrapes(t *testing.T) {
	const scrapers, devices = 200, 6 + 5
	s := eightGPUs(t)
	p := start(t, startOptions{scenario: s, library: built.library})
	p.until("readings of all devices", func(pg page) bool {
		_, models := pg.sum("modelserving_gpu_model_memory_bytes", "server", "vllm")
		return models > 0 && pg.count("modelserving_gpu_utilization_ratio") == devices
	})
	clients := make([]*http.Client, scrapers)
	for i := range clients {
		transport := &http.Transport{}
		t.Cleanup(transport.CloseIdleConnections)
		clients[i] = &http.Client{Transport: transport, Timeout: 10 * time.Second} // Prometheus's default
	}
	for round := range 3 {
		bodies, failures := make([]string, scrapers), make([]error, scrapers)
		var scraping sync.WaitGroup
		began := time.Now()
		for i, scraper := range clients {
			scraping.Go(func() {
				response, err := scraper.Get("http://" + p.address + "/metrics")
				if err != nil {
					failures[i] = err
					return
				}
				defer response.Body.Close()
				body, err := io.ReadAll(response.Body)
				bodies[i], failures[i] = string(body), err
				if response.StatusCode != http.StatusOK {
					failures[i] = fmt.Errorf("status %d: %s", response.StatusCode, body)
				}
			})
		}
		scraping.Wait()
		took := time.Since(began)
		served := 0
		for i := range clients {
			if failures[i] == nil {
				served++
			}
		}
		require.Equal(t, scrapers, served, "served in round %d, the first failure: %v", round, failures)
		for _, body := range bodies {
			parser := expfmt.NewTextParser(model.UTF8Validation)
			families, err := parser.TextToMetricFamilies(strings.NewReader(body))
			require.NoError(t, err)
			pg := page(families)
			require.Equal(t, devices, pg.count("modelserving_gpu_utilization_ratio"))
			require.Equal(t, len(s.Processes), pg.count("modelserving_gpu_process_memory_bytes"))
			require.Equal(t, 3*float64(fakenvml.GiB), pg.value("modelserving_gpu_memory_used_bytes", "gpu", "2"))
			require.Equal(t, 8.0, pg.value("modelserving_nvml_gpus"))
			require.Equal(t, 1, pg.count("modelserving_nvml_window_seconds"))
		}
		t.Logf("round %d: %d of %d served in %s, pages of %d bytes", round, served, scrapers, took.Round(time.Millisecond), len(bodies[0]))
	}
	peak := peakMemory(t, p.pid)
	t.Logf("at most %d MB", peak>>20)
	require.Less(t, peak, 300<<20)
}

func TestHalfSentHeadersOfScrapers(t *testing.T) {
	p := start(t, startOptions{scenario: fakenvml.NewHost(1), library: built.library})
	halfHeaders(t, p.address, 300)
	require.Eventually(t, func() bool {
		code, _ := p.get("/metrics")
		return code == http.StatusOK
	}, patience, often)
	peak := peakMemory(t, p.pid)
	t.Logf("300 half-sent headers: at most %d MB", peak>>20)
	require.Less(t, peak, 200<<20)
}

// halfHeaders opens connections that send 4 MiB of a header, or as much as is taken, and never end it.
func halfHeaders(t *testing.T, address string, connections int) {
	t.Helper()
	half := []byte("GET /metrics HTTP/1.1\r\nHost: a\r\nX-Half: " + strings.Repeat("x", 4<<20))
	var sending sync.WaitGroup
	for range connections {
		conn, err := net.Dial("tcp", address)
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		sending.Go(func() { _, _ = conn.Write(half) })
	}
	sending.Wait()
}
