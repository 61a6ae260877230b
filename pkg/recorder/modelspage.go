package recorder

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// modelsPage is the response of /models.
type modelsPage struct {
	Models []modelEntry `json:"models"`
	// Window says how far back the quantiles reach, in seconds.
	WindowSeconds float64 `json:"windowSeconds"`
	// QuantileError is the largest relative error of a quantile.
	QuantileError float64 `json:"quantileError"`

	ModelsLimit          int    `json:"modelsLimit"`
	ModelsAggregated     uint64 `json:"modelsAggregated"`
	LabelValuesTruncated uint64 `json:"labelValuesTruncated"`
	LabelValuesSanitized uint64 `json:"labelValuesSanitized"`
	// UnmatchedRequests counts the requests that no route matches.
	UnmatchedRequests uint64 `json:"unmatchedRequests"`
}

type modelEntry struct {
	Model   string `json:"model"`
	Version string `json:"version"`
	// Requests and Codes count since the series began.
	Requests           uint64            `json:"requests"`
	Codes              map[string]uint64 `json:"codes"`
	ConcurrentRequests int64             `json:"concurrentRequests"`
	LastUse            time.Time         `json:"lastUse"`
	// ResponseTime is by start, of the window.
	ResponseTime map[Start]quantiles `json:"responseTimeSeconds"`
}

// quantiles are of the requests of the window; times are in seconds.
type quantiles struct {
	Requests int64   `json:"requests"`
	Mean     float64 `json:"mean"`
	P50      float64 `json:"p50"`
	P90      float64 `json:"p90"`
	P95      float64 `json:"p95"`
	P99      float64 `json:"p99"`
	P999     float64 `json:"p99_9"`
	Max      float64 `json:"max"`
}

// quantileError follows from windowDigits.
const quantileError = 0.01

// ModelsHandler returns, as JSON, each model's requests, codes and last use, and its live quantiles, hot and cold.
func (r *Recorder) ModelsHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(r.modelsPage()); err != nil {
			r.options.Logger.Debug("Failed to write the response of /models", "error", err.Error())
		}
	})
}

func (r *Recorder) modelsPage() modelsPage {
	entries, _, aggregated := r.ledger.list()
	page := modelsPage{
		Models:               make([]modelEntry, 0, len(entries)),
		WindowSeconds:        r.options.Window.Seconds(),
		QuantileError:        quantileError,
		ModelsLimit:          r.options.MaxModels,
		ModelsAggregated:     aggregated,
		LabelValuesTruncated: counterValue(r.labels.truncated),
		LabelValuesSanitized: counterValue(r.labels.sanitized),
		UnmatchedRequests:    r.unmatched.total(),
	}
	for _, entry := range entries {
		requests, codes := entry.countsByCode()
		shown := modelEntry{
			Model: entry.key.model, Version: entry.key.version,
			Requests: requests, Codes: codes, ConcurrentRequests: entry.inProgress.Load(), LastUse: entry.lastUse,
			ResponseTime: map[Start]quantiles{},
		}
		for start, window := range entry.rollingHistograms() {
			if merged := window.merged(); merged.TotalCount() > 0 {
				shown.ResponseTime[start] = quantilesOf(merged)
			}
		}
		page.Models = append(page.Models, shown)
	}
	return page
}

func quantilesOf(h *hdrhistogram.Histogram) quantiles {
	seconds := func(value int64) float64 { return (time.Duration(value) * windowUnit).Seconds() }
	return quantiles{
		Requests: h.TotalCount(),
		Mean:     h.Mean() * windowUnit.Seconds(),
		P50:      seconds(h.ValueAtPercentile(50)),
		P90:      seconds(h.ValueAtPercentile(90)),
		P95:      seconds(h.ValueAtPercentile(95)),
		P99:      seconds(h.ValueAtPercentile(99)),
		P999:     seconds(h.ValueAtPercentile(99.9)),
		Max:      seconds(h.Max()),
	}
}

func counterValue(c prometheus.Counter) uint64 {
	var metric dto.Metric
	if err := c.Write(&metric); err != nil {
		return 0
	}
	return uint64(metric.GetCounter().GetValue())
}
