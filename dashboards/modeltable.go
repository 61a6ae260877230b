package dashboards

import (
	"github.com/coldhit/modelserving-datasource/pkg/objective"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// tableColumn is a column of the table of models: a label, or a statistic of a signal.
type tableColumn struct {
	name string
	// title is written where name is a label.
	title string
	// width in pixels; without one, what the title needs.
	width int
	// cell and steps colour the value, where they are set.
	cell  string
	steps []thresholdStep
}

// tableColumns are in the order in which one reads: which model, how bad, how much it matters, why. Columns that are not
// here come after them; columns without a server that reports them are not in the result.
func tableColumns() []tableColumn {
	return []tableColumn{
		{name: string(signal.Model), title: "Model", width: 190},
		{name: string(signal.Deployment), title: "Deployment", width: 140},
		{name: string(signal.Environment), title: "Environment", width: 150},
		{name: columnTitle(signal.SLOViolation, ""), cell: "color-background", steps: violation()},
		{name: columnTitle("requests", ""), width: 120},
		{name: columnTitle("error_rate", ""), cell: "color-text", steps: []thresholdStep{{Color: "text"}, {Color: caution, Value: number(1e-6)}, {Color: bad, Value: number(defaultObjective.ErrorRate)}}},
		{name: columnTitle("client_error_rate", "")},
		{name: columnTitle("response_time", signal.P95)},
		{name: columnTitle("response_time", signal.Mean)},
		{name: columnTitle("inference_time", signal.Mean)},
		{name: columnTitle("queue_time", signal.Mean)},
		{name: columnTitle("time_to_first_token", signal.P95)},
		{name: columnTitle("concurrent_requests", "")},
		{name: columnTitle(signal.CacheHitRatio, ""), cell: "color-text", steps: []thresholdStep{{Color: bad}, {Color: caution, Value: number(defaultObjective.CacheHitRatio)}, {Color: "text", Value: number(1)}}},
		{name: columnTitle("cold_hit_rate", "")},
		{name: columnTitle("models_resident", "")},
		{name: columnTitle("replicas", "")},
		{name: columnTitle("model_memory", "")},
		{name: columnTitle(signal.ModelGPUUtilization, "")},
		{name: columnTitle("prediction_staleness", "")},
	}
}

// defaultObjective colours cells: beyond it one turns red. The model's own objectives are in the column Objective used.
var defaultObjective = objective.Default()

func columnTitle(name string, st signal.Statistic) string {
	title := mustFind(name).Title
	if st != "" {
		title += " " + string(st)
	}
	return title
}

// The width of a column of numbers is that of its title, in pixels.
const (
	letterWidth = 7
	paddedWidth = 36
	otherWidth  = 130
)

// modelTable is every model in one table, the worst first.
func modelTable() panel {
	violated := columnTitle(signal.SLOViolation, "")
	places := map[string]int{}
	overrides := []override{{
		Matcher:    matcher{ID: "byName", Options: string(signal.Model)},
		Properties: []property{{ID: "links", Value: rowToModel()}},
	}}
	for i, c := range tableColumns() {
		places[c.name] = i
		if c.width == 0 {
			c.width = paddedWidth + letterWidth*len(c.name)
		}
		properties := []property{{ID: "custom.width", Value: c.width}}
		if c.title != "" {
			properties = append(properties, property{ID: "displayName", Value: c.title}, property{ID: "custom.filterable", Value: true})
		}
		if c.cell != "" {
			properties = append(properties,
				property{ID: "custom.cellOptions", Value: map[string]any{"type": c.cell, "mode": "basic"}},
				property{ID: "thresholds", Value: thresholds{Mode: "absolute", Steps: c.steps}},
				property{ID: "color", Value: color{Mode: "thresholds"}})
		}
		overrides = append(overrides, override{Matcher: matcher{ID: "byName", Options: c.name}, Properties: properties})
	}
	return panel{
		Type: "table", Title: "Models, worst first", DataSource: chosen(),
		Description: tableDescription,
		GridPos:     gridPos{W: whole, H: 14},
		FieldConfig: &fieldConfig{
			Defaults: fieldDefaults{
				Color: color{Mode: "fixed", FixedColor: "text"}, NoValue: "–",
				Custom:     map[string]any{"align": "auto", "cellOptions": map[string]any{"type": "auto"}, "filterable": false, "inspect": false, "width": otherWidth},
				Thresholds: thresholds{Mode: "absolute", Steps: []thresholdStep{{Color: good}}},
			},
			Overrides: overrides,
		},
		Options: map[string]any{
			"cellHeight": "sm", "showHeader": true, "frameIndex": 0,
			"footer": map[string]any{"show": false, "reducer": []string{"sum"}, "fields": "", "countRows": false},
			"sortBy": []map[string]any{{"displayName": violated, "desc": true}},
		},
		Targets: []query{{RefID: "A", DataSource: chosen(), QueryType: "models", Filters: everySelected()}},
		Transformations: []transformation{{ID: "organize", Options: map[string]any{
			"excludeByName": map[string]bool{}, "indexByName": places, "renameByName": map[string]string{},
		}}},
	}
}

const tableDescription = "One row per model with traffic, over the time range: each model is ranked by the objective it misses by the most.\n\n" +
	"**Red:** the model misses an objective, so click it to see which one and why.\n\n" +
	"**No value:** no traffic, or no objective that can be measured."
