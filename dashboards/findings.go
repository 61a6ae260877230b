package dashboards

import "github.com/coldhit/modelserving-datasource/pkg/signal"

// findingWidths are the widths of the diagnosis table's columns, in pixels; the sentences share the rest.
var findingWidths = map[string]int{"Environment": 120, "Deployment": 140, "Finding": 190, "From": 160, "To": 160}

// findingTable lists the autoscaling findings of deployments, with causes and fixes.
func findingTable() panel {
	var overrides []override
	for _, title := range []string{"Environment", "Deployment", "Finding", "From", "To"} {
		properties := []property{{ID: "custom.width", Value: findingWidths[title]}, emptyCell()}
		if title == "Deployment" {
			properties = append(properties, property{ID: "links", Value: rowToDeployment()})
		}
		overrides = append(overrides, override{Matcher: matcher{ID: "byName", Options: title}, Properties: properties})
	}
	for _, title := range []string{"Evidence", "Likely cause", "What to do"} {
		overrides = append(overrides, override{Matcher: matcher{ID: "byName", Options: title}, Properties: []property{
			{ID: "custom.cellOptions", Value: map[string]any{"type": "auto", "wrapText": true}}, emptyCell(),
		}})
	}
	filters := everySelected()
	delete(filters, string(signal.Model))
	return panel{
		Type: "table", Title: "Autoscaling findings", DataSource: chosen(),
		Description: "Scaling problems that lasted at least two minutes: oscillation, missing capacity, slow cold starts, a high concurrency target, early scale-down.\n\n" +
			"**Rows:** follow the last column, and click a deployment to see its metrics.\n\n" +
			"**No rows:** no problem was found, or a notice lists the replica states that no server reports.",
		// At the top of its dashboard, and mostly empty.
		GridPos: gridPos{W: whole, H: 6},
		FieldConfig: &fieldConfig{
			Defaults: fieldDefaults{
				Color: color{Mode: "fixed", FixedColor: "text"}, NoValue: "No problem found in this range",
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

// emptyCell is what a cell without a value shows, in place of the text for a table without rows.
func emptyCell() property { return property{ID: "noValue", Value: "–"} }
