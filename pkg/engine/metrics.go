package engine

import (
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/scrape"
)

// engineLabels name an engine. There are as many values as data sources.
var engineLabels = []string{"org", "datasource"}

var (
	scrapesDesc = prometheus.NewDesc("modelserving_plugin_scrapes_total",
		"Scrapes of targets by outcome (success, error), since the embedded engine was opened.", append([]string{"outcome"}, engineLabels...), nil)
	targetsDesc         = prometheus.NewDesc("modelserving_plugin_targets", "Targets that the embedded engine scrapes.", engineLabels, nil)
	headSeriesDesc      = prometheus.NewDesc("modelserving_plugin_head_series", "Series in memory of the embedded engine.", engineLabels, nil)
	headSeriesLimitDesc = prometheus.NewDesc("modelserving_plugin_head_series_limit",
		"Series in memory from which on the embedded engine refuses new ones.", engineLabels, nil)
	foldedModelsDesc = prometheus.NewDesc("modelserving_plugin_folded_models",
		"Models of a target that are stored together as model=\"other\", because its page exceeds the limit of samples.",
		append([]string{"target"}, engineLabels...), nil)
	storageSizeDesc = prometheus.NewDesc("modelserving_plugin_storage_size_bytes",
		"Size of the embedded engine's storage on disk: blocks, memory-mapped chunks and write-ahead log.", engineLabels, nil)
	storingDesc = prometheus.NewDesc("modelserving_plugin_storing",
		"1 if the embedded engine can store samples, 0 if not.", engineLabels, nil)
	refusedDesc = prometheus.NewDesc("modelserving_plugin_refused_samples_total",
		"Samples that the embedded engine did not store, by reason, since it was opened.", append([]string{"reason"}, engineLabels...), nil)
	compactionsFailedDesc = prometheus.NewDesc("modelserving_plugin_storage_compactions_failed_total",
		"Compactions of the embedded engine's storage that failed, since it was opened.", engineLabels, nil)
	setAsideDesc = prometheus.NewDesc("modelserving_plugin_storage_damaged_parts",
		"Damaged parts of the embedded engine's storage that are set aside.", engineLabels, nil)
)

// Describe is that of prometheus.Collector.
func (*Registry) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		scrapesDesc, targetsDesc, headSeriesDesc, headSeriesLimitDesc, foldedModelsDesc, storageSizeDesc, storingDesc, refusedDesc, compactionsFailedDesc, setAsideDesc,
	} {
		to <- d
	}
}

// Collect has the metrics of every open engine. Those of an engine that is closed end.
func (r *Registry) Collect(to chan<- prometheus.Metric) {
	r.mu.Lock()
	open := make([]*engine, 0, len(r.open))
	for _, e := range r.open {
		open = append(open, e)
	}
	r.mu.Unlock()
	for _, e := range open {
		e.collect(to)
	}
}

func (e *engine) collect(to chan<- prometheus.Metric) {
	_, done, err := e.use(e.ctx)
	if err != nil {
		return // closed meanwhile
	}
	defer done()
	of := []string{strconv.FormatInt(e.key.OrgID, 10), e.key.UID}
	targets := 0
	for _, scraped := range e.activeTargets() {
		targets += len(scraped)
	}
	stored := e.db.Status()
	succeeded, failed := e.scrapes.counts()
	to <- prometheus.MustNewConstMetric(scrapesDesc, prometheus.CounterValue, float64(succeeded), append([]string{"success"}, of...)...)
	to <- prometheus.MustNewConstMetric(scrapesDesc, prometheus.CounterValue, float64(failed), append([]string{"error"}, of...)...)
	to <- prometheus.MustNewConstMetric(targetsDesc, prometheus.GaugeValue, float64(targets), of...)
	to <- prometheus.MustNewConstMetric(headSeriesDesc, prometheus.GaugeValue, float64(stored.Series), of...)
	to <- prometheus.MustNewConstMetric(storageSizeDesc, prometheus.GaugeValue, float64(stored.SizeBytes), of...)
	storing := 1.0
	if stored.Problem != nil {
		storing = 0
	}
	to <- prometheus.MustNewConstMetric(storingDesc, prometheus.GaugeValue, storing, of...)
	for _, r := range stored.Refusals {
		to <- prometheus.MustNewConstMetric(refusedDesc, prometheus.CounterValue, float64(r.Samples), append([]string{string(r.Reason)}, of...)...)
	}
	to <- prometheus.MustNewConstMetric(compactionsFailedDesc, prometheus.CounterValue, float64(stored.CompactionFailures), of...)
	to <- prometheus.MustNewConstMetric(setAsideDesc, prometheus.GaugeValue, float64(len(stored.SetAside)), of...)
	e.collectLimits(to, of)
}

func (e *engine) collectLimits(to chan<- prometheus.Metric, of []string) {
	limit, folded := e.ingest.Usage()
	to <- prometheus.MustNewConstMetric(headSeriesLimitDesc, prometheus.GaugeValue, float64(limit), of...)
	for _, page := range folded {
		to <- prometheus.MustNewConstMetric(foldedModelsDesc, prometheus.GaugeValue, float64(page.Folded), append([]string{page.Job}, of...)...)
	}
}

// scrapeCounts counts scrapes by looking at targets about once a second: Prometheus's scrape package counts none by outcome. A second
// scrape of a target between two looks is missed, so that intervals of less than a second are counted in part.
type scrapeCounts struct {
	mu                sync.Mutex
	last              map[*scrape.Target]time.Time
	succeeded, failed int64
}

// look counts what was scraped since the last look.
func (c *scrapeCounts) look(active map[string][]*scrape.Target) {
	c.mu.Lock()
	defer c.mu.Unlock()
	seen := map[*scrape.Target]time.Time{}
	for _, targets := range active {
		for _, t := range targets {
			at := t.LastScrape()
			seen[t] = at
			if at.IsZero() || at.Equal(c.last[t]) {
				continue
			}
			if t.Health() == scrape.HealthGood {
				c.succeeded++
			} else {
				c.failed++
			}
		}
	}
	c.last = seen
}

func (c *scrapeCounts) counts() (succeeded, failed int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.succeeded, c.failed
}
