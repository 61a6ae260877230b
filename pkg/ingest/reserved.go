package ingest

import (
	"fmt"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"

	stored "github.com/coldhit/modelserving-datasource/pkg/storage"
)

// reportMetrics are those of a scrape's report.
var reportMetrics = []string{
	"up", "scrape_duration_seconds", "scrape_samples_scraped", "scrape_samples_post_metric_relabeling", "scrape_series_added",
	"scrape_timeout_seconds", "scrape_sample_limit", "scrape_body_size_bytes",
}

type nameUse uint8

const (
	freeName nameUse = iota
	// ownName, polledName and reportName are names of series of the engine's own state, of its polls, and of reports.
	ownName
	polledName
	reportName
)

// reservedNames are the names that need a look.
func reservedNames(own, polled []string) map[string]nameUse {
	names := map[string]nameUse{}
	for use, of := range map[nameUse][]string{ownName: own, polledName: polled, reportName: reportMetrics} {
		for _, name := range of {
			names[name] = use
		}
	}
	return names
}

// reserved says whether a sample of the page may be written: passed if it may, refused if its series is one that the engine itself
// writes, unsure if that depends on the server and the server is not recognized yet.
func (a *appender) reserved(s sample) sampleState {
	name := s.set.Get(model.MetricNameLabel)
	switch a.ingest.names[name] {
	case freeName:
		return passed
	case reportName:
		if s.set.Len() != a.target.set.Len()+1 || !hasAll(s.set, a.target.set) {
			return passed // of another target, as on a page of a Prometheus
		}
	case polledName:
		if !a.server.Recognized {
			return unsure
		}
		if !a.server.Polled {
			return passed
		}
	case ownName:
	}
	a.refuse(stored.ReservedName, 1, func() string {
		return fmt.Sprintf("The page has %.100s, which the plugin itself writes for this target. Remove the metric from the page.", name)
	})
	return refused
}

func hasAll(set, of labels.Labels) bool {
	all := true
	of.Range(func(l labels.Label) { all = all && set.Get(l.Name) == l.Value })
	return all
}
