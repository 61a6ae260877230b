package dashboards

import "github.com/coldhit/modelserving-datasource/pkg/signal"

// findingWidths are the widths of the diagnosis table's columns, in pixels; the sentences share the rest.
var findingWidths = map[string]int{"Environment": 120, "Deployment": 140, "Finding": 190, "From": 160, "To": 160}

// findingTable is what is wrong with the scaling of deployments, and what to do.
func findingTable() panel {
	var overrides []override
	for _, title := range []string{"Environment", "Deployment", "Finding", "From", "To"} {
		properties := []property{{ID: "custom.width", Value: findingWidths[title]}}
		if title == "Deployment" {
			properties = append(properties, property{ID: "links", Value: rowToDeployment()})
		}
		overrides = append(overrides, override{Matcher: matcher{ID: "byName", Options: title}, Properties: properties})
	}
	for _, title := range []string{"Evidence", "Likely cause", "What to do"} {
		overrides = append(overrides, override{Matcher: matcher{ID: "byName", Options: title}, Properties: []property{{ID: "custom.cellOptions", Value: map[string]any{"type": "auto", "wrapText": true}}}})
	}
	filters := everySelected()
	delete(filters, string(signal.Model))
	return panel{
		Type: "table", Title: "What is wrong with the scaling", DataSource: chosen(),
		Description: "What an autoscaler's settings can cure, found in the time range of the dashboard: oscillation, too little capacity, slow cold starts, a concurrency target that is too high, scaling down too soon.\n\n" +
			"**Measured:** replicas by state, response time, requests and concurrent requests of each deployment. The response time is compared with the deployment's objective.\n\n" +
			"**High:** each row says what to change. Click a deployment to see its metrics.\n\n" +
			"**Low:** no row means that nothing was found, or that the number of replicas is not known; a notice says which. A state has to last for two minutes to be found.",
		// At the top of its dashboard, and mostly empty.
		GridPos: gridPos{W: whole, H: 6},
		FieldConfig: &fieldConfig{
			Defaults: fieldDefaults{
				Color: color{Mode: "fixed", FixedColor: "text"}, NoValue: "–",
				Custom:     map[string]any{"align": "auto", "cellOptions": map[string]any{"type": "auto"}, "filterable": false, "inspect": true},
				Thresholds: thresholds{Mode: "absolute", Steps: []thresholdStep{{Color: good}}},
			},
			Overrides: overrides,
		},
		Options: map[string]any{
			"cellHeight": "md", "showHeader": true, "frameIndex": 0,
			"footer": map[string]any{"show": false, "reducer": []string{"sum"}, "fields": "", "countRows": false},
		},
		Targets: []query{{RefID: "A", DataSource: chosen(), QueryType: "diagnosis", Filters: filters}},
	}
}
