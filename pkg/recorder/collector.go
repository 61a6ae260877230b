package recorder

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

var (
	modelsDescription = prometheus.NewDesc("modelserving_recorder_models",
		"Pairs of model and version with series of their own.", nil, nil)
	modelsLimitDescription = prometheus.NewDesc("modelserving_recorder_models_limit",
		"How many pairs of model and version may have series of their own.", nil, nil)
	foldedDescription = prometheus.NewDesc("modelserving_recorder_models_aggregated_total",
		"Pairs of model and version whose series were folded into the model \"other\".", nil, nil)
	passedDescription = prometheus.NewDesc("modelserving_recorder_unmatched_requests_total",
		"Requests that no route fits: passed on and counted under no model.", []string{"protocol", "code"}, nil)
)

func newLabelMaker(maxBytes int) labelMaker {
	return labelMaker{
		maxBytes: maxBytes,
		shortened: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "modelserving_recorder_label_values_truncated_total", Help: "Names of models and versions that were too long for a label.",
		}),
		repaired: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "modelserving_recorder_label_values_sanitized_total", Help: "Names of models and versions that were not valid UTF-8.",
		}),
	}
}

// Describe implements prometheus.Collector. It describes nothing: each model's histograms have a description of their own,
// and models come and go.
func (*Recorder) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (r *Recorder) Collect(metrics chan<- prometheus.Metric) {
	entries, own, folded := r.ledger.list()
	for _, entry := range entries {
		for _, metric := range entry.collect() {
			metrics <- metric
		}
	}
	metrics <- prometheus.MustNewConstMetric(modelsDescription, prometheus.GaugeValue, float64(own))
	metrics <- prometheus.MustNewConstMetric(modelsLimitDescription, prometheus.GaugeValue, float64(r.options.MaxModels))
	metrics <- prometheus.MustNewConstMetric(foldedDescription, prometheus.CounterValue, float64(folded))
	r.passed.collect(metrics)
	r.labels.shortened.Collect(metrics)
	r.labels.repaired.Collect(metrics)
	for _, source := range r.verdicts {
		if collector, ok := source.(prometheus.Collector); ok {
			collector.Collect(metrics)
		}
	}
}

// passedRequests counts the requests that no route fits.
type passedRequests struct {
	mu     sync.Mutex
	counts map[passedKey]uint64
}

type passedKey struct {
	protocol protocol
	code     string
}

func newPassedRequests() *passedRequests { return &passedRequests{counts: map[passedKey]uint64{}} }

func (p *passedRequests) add(protocol protocol, code string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := passedKey{protocol, code}
	if _, known := p.counts[key]; !known && len(p.counts) >= maxCodes {
		key.code = otherCode
	}
	p.counts[key]++
}

func (p *passedRequests) total() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	var total uint64
	for _, n := range p.counts {
		total += n
	}
	return total
}

func (p *passedRequests) collect(metrics chan<- prometheus.Metric) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for key, n := range p.counts {
		metrics <- prometheus.MustNewConstMetric(passedDescription, prometheus.CounterValue, float64(n), string(key.protocol), key.code)
	}
}
