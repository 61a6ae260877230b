package dashboards

import (
	"fmt"
	"slices"

	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// Sizes of panels, in units of the grid.
const (
	whole, half, third, quarter, sixth = 24, 12, 8, 6, 4
	tall, short                        = 8, 4
	// beside is the least width at which a legend has room beside the lines.
	beside = 10
)

var (
	rate        = []signal.Statistic{signal.Rate}
	last        = []signal.Statistic{signal.Last}
	mean        = []signal.Statistic{signal.Mean}
	maximum     = []signal.Statistic{signal.Max}
	p95         = []signal.Statistic{signal.P95}
	percentiles = []signal.Statistic{signal.P50, signal.P90, signal.P95, signal.P99, signal.Mean}
)

// The labels that series are grouped by. Models of two deployments can have the same name, and replicas the same address.
var (
	byModel   = []signal.Label{signal.Deployment, signal.Model}
	ofReplica = []signal.Label{signal.Deployment, signal.Replica}
	ofGPU     = []signal.Label{signal.Deployment, signal.Replica, signal.GPU}
)

// source is what a panel queries: one signal of the selected models.
type source struct {
	signal     string
	statistics []signal.Statistic
	groupBy    []signal.Label
	// where filters in addition to the selection.
	where map[signal.Label]string
	// deployments ignores the selected models, for signals without a model.
	deployments bool
	// limit, where set, keeps so many of the busiest and drops the rest; otherwise the rest is one series.
	limit  int
	legend string
}

// query is the source as the query of a panel.
func (s source) query() query {
	others := s.limit == 0
	filters := selectedAnd(s.where)
	if s.deployments {
		delete(filters, string(signal.Model))
	}
	return query{
		RefID: "A", DataSource: chosen(), QueryType: "signal", Signal: s.signal, Statistics: s.statistics, GroupBy: s.groupBy,
		Filters: filters, Limit: s.limit, IncludeOthers: &others, Legend: s.legend,
	}
}

// namesModels says whether each series is one model of one deployment.
func (s source) namesModels() bool {
	return slices.Contains(s.groupBy, signal.Model) && slices.Contains(s.groupBy, signal.Deployment)
}

func mustFind(name string) signal.Signal {
	s, ok := signal.Find(name)
	if !ok {
		panic(fmt.Sprintf("dashboards: there is no signal %q", name))
	}
	return s
}

func fieldDefaultsOf(s signal.Signal) fieldDefaults {
	return fieldDefaults{
		Unit: s.GrafanaUnit(), Min: number(0),
		Thresholds: thresholds{Mode: "absolute", Steps: []thresholdStep{{Color: good}}},
	}
}

// noValue is the text of an empty panel. The reason depends on the query, and comes as a notice.
func noValue(s signal.Signal) string {
	return fmt.Sprintf("No data. The notice in the corner shows the reason. This signal is measured by %s.", s.MeasuredBy)
}

func number(v float64) *float64 { return &v }
