package admission

import "github.com/prometheus/client_golang/prometheus"

var (
	slotsDesc   = prometheus.NewDesc("modelserving_plugin_query_slots", "Query slots by state: running, and waiting queries.", []string{"state"}, nil)
	memoryDesc  = prometheus.NewDesc("modelserving_plugin_query_memory_bytes", "Memory that evaluations and results of queries have reserved.", nil, nil)
	limitDesc   = prometheus.NewDesc("modelserving_plugin_query_memory_limit_bytes", "Memory that evaluations and results of queries may reserve.", nil, nil)
	refusedDesc = prometheus.NewDesc("modelserving_plugin_queries_refused_total", "Queries that were not evaluated, by the limit that they exceeded.", []string{"limit"}, nil)
	waitDesc    = prometheus.NewDesc("modelserving_plugin_query_wait_seconds_total", "Time that admitted queries have waited for a slot or memory.", nil, nil)
)

// Describe is that of prometheus.Collector.
func (*Controller) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{slotsDesc, memoryDesc, limitDesc, refusedDesc, waitDesc} {
		to <- d
	}
}

// Collect is that of prometheus.Collector.
func (c *Controller) Collect(to chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	to <- prometheus.MustNewConstMetric(slotsDesc, prometheus.GaugeValue, float64(c.running), "running")
	to <- prometheus.MustNewConstMetric(slotsDesc, prometheus.GaugeValue, float64(len(c.waiters)), "waiting")
	to <- prometheus.MustNewConstMetric(memoryDesc, prometheus.GaugeValue, float64(c.memory))
	to <- prometheus.MustNewConstMetric(limitDesc, prometheus.GaugeValue, float64(c.limits.Memory))
	to <- prometheus.MustNewConstMetric(waitDesc, prometheus.CounterValue, c.waited.Seconds())
	for _, b := range bounds {
		to <- prometheus.MustNewConstMetric(refusedDesc, prometheus.CounterValue, float64(c.refused[b]), string(b))
	}
}
