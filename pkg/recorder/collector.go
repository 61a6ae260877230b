package recorder

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

var (
	modelsDescription = prometheus.NewDesc("modelserving_recorder_models",
		"Number of pairs of model and version that have their own series.", nil, nil)
	modelsLimitDescription = prometheus.NewDesc("modelserving_recorder_models_limit",
		"Maximum number of pairs of model and version that have their own series.", nil, nil)
	aggregatedDescription = prometheus.NewDesc("modelserving_recorder_models_aggregated_total",
		"Total number of pairs of model and version that were aggregated into the model \"other\".", nil, nil)
	unmatchedDescription = prometheus.NewDesc("modelserving_recorder_unmatched_requests_total",
		"Total number of forwarded requests that no route matches. They have no model.", []string{"protocol", "code"}, nil)
)

func newLabelMaker(maxBytes int) labelMaker {
	return labelMaker{
		maxBytes: maxBytes,
		truncated: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "modelserving_recorder_label_values_truncated_total", Help: "Total number of model and version names that were truncated to the maximum length of a label value.",
		}),
		sanitized: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "modelserving_recorder_label_values_sanitized_total", Help: "Total number of model and version names in which invalid UTF-8 was replaced.",
		}),
	}
}

// Describe implements prometheus.Collector. It describes nothing: each model's histograms have a description of their own,
// and models come and go.
func (*Recorder) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (r *Recorder) Collect(metrics chan<- prometheus.Metric) {
	entries, own, aggregated := r.ledger.list()
	for _, entry := range entries {
		for _, metric := range entry.collect() {
			metrics <- metric
		}
	}
	metrics <- prometheus.MustNewConstMetric(modelsDescription, prometheus.GaugeValue, float64(own))
	metrics <- prometheus.MustNewConstMetric(modelsLimitDescription, prometheus.GaugeValue, float64(r.options.MaxModels))
	metrics <- prometheus.MustNewConstMetric(aggregatedDescription, prometheus.CounterValue, float64(aggregated))
	r.unmatched.collect(metrics)
	r.labels.truncated.Collect(metrics)
	r.labels.sanitized.Collect(metrics)
	for _, source := range r.verdicts {
		if collector, ok := source.(prometheus.Collector); ok {
			collector.Collect(metrics)
		}
	}
}

// unmatchedRequests counts the requests that no route matches.
type unmatchedRequests struct {
	mu     sync.Mutex
	counts map[unmatchedKey]uint64
}

type unmatchedKey struct {
	protocol protocol
	code     string
}

func newUnmatchedRequests() *unmatchedRequests {
	return &unmatchedRequests{counts: map[unmatchedKey]uint64{}}
}

func (u *unmatchedRequests) add(protocol protocol, code string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	key := unmatchedKey{protocol, code}
	if _, known := u.counts[key]; !known && len(u.counts) >= maxCodes {
		key.code = otherCode
	}
	u.counts[key]++
}

func (u *unmatchedRequests) total() uint64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	var total uint64
	for _, n := range u.counts {
		total += n
	}
	return total
}

func (u *unmatchedRequests) collect(metrics chan<- prometheus.Metric) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for key, n := range u.counts {
		metrics <- prometheus.MustNewConstMetric(unmatchedDescription, prometheus.CounterValue, float64(n), string(key.protocol), key.code)
	}
}
