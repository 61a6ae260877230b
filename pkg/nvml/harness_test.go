//go:build linux && cgo

package nvml

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

// logBuffer is what was logged, safe for concurrent use.
type logBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buffer.Write(p)
}

func (l *logBuffer) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.buffer.String(), text)
}

// watched is a monitor that runs on a scripted host, in a bubble of made-up time.
type watched struct {
	*Monitor
	t    *testing.T
	host *scriptedHost
	log  *logBuffer
}

// watch runs test in a bubble, where time passes only when everybody waits, with a monitor that has had its first second.
func watch(t *testing.T, h *scriptedHost, change func(*Settings), test func(t *testing.T, w watched)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h.events = make(chan nvml.EventData, 16) // of the bubble
		log := &logBuffer{}
		settings := Settings{Library: h, Logger: slog.New(slog.NewTextHandler(log, nil)), Hostname: "gpuhost"}
		if change != nil {
			change(&settings)
		}
		m, err := New(settings)
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { m.Run(ctx) })
		defer running.Wait()
		defer cancel()
		time.Sleep(1050 * time.Millisecond)
		test(t, watched{Monitor: m, t: t, host: h, log: log})
	})
}

// gather scrapes and returns all series as name{label="value",…}, without the labels that are empty or the same in all tests.
func (w watched) gather(window time.Duration, names Names) map[string]float64 {
	w.t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(&rendering{monitor: w.Monitor, scrape: w.scrape(w.t.Context(), window), names: names})
	families, err := registry.Gather()
	require.NoError(w.t, err)
	found := map[string]float64{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			var labels []string
			for _, l := range metric.GetLabel() {
				redundant := slices.Contains([]string{"gpu_name", "gpu", "mig_profile"}, l.GetName()) && family.GetName() != nvmlUnsupported.Name
				if l.GetValue() != "" && !redundant {
					labels = append(labels, l.GetName()+"="+l.GetValue())
				}
			}
			key := family.GetName() + "{" + strings.Join(labels, ",") + "}"
			require.NotContains(w.t, found, key)
			found[key] = metric.GetGauge().GetValue() + metric.GetCounter().GetValue()
		}
	}
	return found
}

func (w watched) ownSeries() map[string]float64 {
	w.t.Helper()
	return w.gather(5*time.Second, NamesModelServing)
}
