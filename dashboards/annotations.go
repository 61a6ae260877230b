package dashboards

import (
	"slices"

	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// markedOn are the signals in whose panels events show: what events change and, where models or replicas are few enough, what
// changes when they happen. Everywhere, the events of a cache that is too small would hide the lines.
var markedOn = map[string][]string{
	FleetUID:       loading,
	ModelUID:       append([]string{"response_time", signal.CacheHitRatio}, loading...),
	MetricsUID:     loading,
	GPUUID:         {"model_memory"},
	AutoscalingUID: {"replicas", "response_time", "load_time"},
}

var loading = []string{"replicas", "models_resident", "model_loads", "model_evictions", "load_time"}

// annotations are Grafana's own, and what happened to the selected models.
func annotations(filter *panelFilter) annotationList {
	return annotationList{List: []annotation{
		{
			BuiltIn: 1, DataSource: dataSourceRef{Type: "grafana", UID: "-- Grafana --"},
			Enable: true, Hide: true, IconColor: "rgba(0, 211, 255, 1)", Name: "Annotations & Alerts", Type: "dashboard",
		},
		{
			DataSource: *chosen(), Enable: true, IconColor: eventsAt, Name: "Events", Filter: filter,
			Target: &query{RefID: "Anno", QueryType: "events", Filters: everySelected()},
		},
	}}
}

// inMarked keeps a dashboard's annotations to the panels of signals that events have to do with.
func inMarked(uid string, panels []panel) *panelFilter {
	filter := panelFilter{IDs: []int{}}
	for _, p := range panels {
		if p.Type == "timeseries" && slices.Contains(markedOn[uid], p.Targets[0].Signal) {
			filter.IDs = append(filter.IDs, p.ID)
		}
	}
	return &filter
}
