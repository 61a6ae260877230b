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

// What series are told apart by. Models of two deployments can have one name, and so can replicas one address.
var (
	byModel   = []signal.Label{signal.Deployment, signal.Model}
	ofReplica = []signal.Label{signal.Deployment, signal.Replica}
	ofGPU     = []signal.Label{signal.Deployment, signal.Replica, signal.GPU}
)

// ask is what a panel asks of the data source.
type ask struct {
	signal     string
	statistics []signal.Statistic
	groupBy    []signal.Label
	// where filters in addition to what is selected.
	where map[signal.Label]string
	// deployments leaves the selected models out of account: what is asked for is known of deployments alone.
	deployments bool
	// limit, where set, keeps so many of the busiest and drops the rest; otherwise the rest is one series.
	limit  int
	legend string
}

// query is the ask as Grafana keeps it.
func (a ask) query() query {
	others := a.limit == 0
	filters := selectedAnd(a.where)
	if a.deployments {
		delete(filters, string(signal.Model))
	}
	return query{
		RefID: "A", DataSource: chosen(), QueryType: "signal", Signal: a.signal, Statistics: a.statistics, GroupBy: a.groupBy,
		Filters: filters, Limit: a.limit, Others: &others, Legend: a.legend,
	}
}

// namesModels says whether each series is one model of one deployment.
func (a ask) namesModels() bool {
	return slices.Contains(a.groupBy, signal.Model) && slices.Contains(a.groupBy, signal.Deployment)
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

// noValue says what an empty panel means. Why it is empty is known only when it is asked, and comes as a notice.
func noValue(s signal.Signal) string {
	return fmt.Sprintf("No data. The notice in the corner shows the reason. This signal is measured by %s.", s.MeasuredBy)
}

func number(v float64) *float64 { return &v }
