package engine

import (
	"math"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/scrape"

	"github.com/coldhit/modelserving-datasource/pkg/ingest"
	"github.com/coldhit/modelserving-datasource/pkg/storage"
)

// polledMetrics are those that only the engine writes for a target whose management API it polls.
var polledMetrics = []string{
	MetricModelResident, MetricModelLoads, MetricModelEvictions, MetricReplicas, MetricModelMemory, MetricAgeAtEviction,
}

// ownMetrics are those in which the engine has kept its own state, and in which its storage says what it refused. No page may have them.
var ownMetrics = []string{"modelserving_remote_write_sent_timestamp_seconds", storage.RefusedMetric}

// outOfBoundsMetric is the scrape loops' own count of samples that are too old or too new.
const outOfBoundsMetric = "prometheus_target_scrapes_sample_out_of_bounds_total"

func (e *engine) newIngest(registry *prometheus.Registry) *ingest.Ingest {
	return ingest.New(ingest.Options{
		Next: e.db, Stored: e.db, Logger: e.logger, Head: func() ingest.Head { return e.db }, Refusals: e.db.Refusals(), Limits: e.limits, Server: e.serverOf,
		Biggest: e.biggest, PolledMetrics: polledMetrics, OwnMetrics: ownMetrics,
		OutOfBounds: func() float64 { return counterOf(registry, outOfBoundsMetric) },
	})
}

func (e *engine) limits() ingest.Limits {
	s := e.current().settings
	return ingest.Limits{Samples: s.ScrapeLimits.Samples, Series: s.SeriesLimit}
}

// serverOf is what is known of a target's server: by its configured profile, else the one that polls detected, else by the names of its page.
func (e *engine) serverOf(scraped *scrape.Target, set labels.Labels, has func(metric string) bool) ingest.Server {
	profiles := e.profiles()
	if profiles == nil {
		return ingest.Server{}
	}
	var ids []string
	if configured := configuredTarget(e.current().settings, scraped, set).Profile; configured != "" {
		ids = []string{configured}
	}
	if len(ids) == 0 && e.residency != nil {
		detected, _ := e.residency.outcome(targetKey{job: set.Get(model.JobLabel), instance: set.Get(model.InstanceLabel)})
		if detected != "" {
			ids = []string{detected}
		}
	}
	if len(ids) == 0 && has != nil {
		ids = profiles.Detect(has)
	}
	if len(ids) == 0 {
		return ingest.Server{}
	}
	return ingest.Server{
		Recognized: true, Fold: profiles.Fold(ids),
		Polled: slices.ContainsFunc(ids, func(id string) bool {
			_, is := profiles.Management(id)
			return is
		}),
	}
}

// biggest reads the index of the series in memory. Prometheus keeps the result for 30 s.
func (e *engine) biggest() ingest.Biggest {
	const shown = 2 // of the labels, the metric's name may be the first
	stats := e.db.Cardinality(model.MetricNameLabel, shown)
	var out ingest.Biggest
	if len(stats.CardinalityMetricsStats) > 0 {
		out.Metric, out.Series = stats.CardinalityMetricsStats[0].Name, int(min(stats.CardinalityMetricsStats[0].Count, math.MaxInt32))
	}
	for _, label := range stats.CardinalityLabelStats {
		if label.Name != model.MetricNameLabel {
			out.Label, out.Values = label.Name, int(min(label.Count, math.MaxInt32))
			break
		}
	}
	return out
}

// counterOf is the value of a counter without labels; 0 if it is not registered.
func counterOf(registry *prometheus.Registry, name string) float64 {
	families, err := registry.Gather()
	if err != nil && len(families) == 0 {
		return 0
	}
	for _, family := range families {
		if family.GetName() == name {
			return family.GetMetric()[0].GetCounter().GetValue()
		}
	}
	return 0
}
