package dashboards

import (
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// The sizes of the text in pixels, one for all tiles of a width, whatever their values' lengths.
const (
	headlineSize = 38
	narrowSize   = 30
	severalSize  = 22
	nameSize     = 12
)

// headline shows a signal's latest value; what it was before is in the charts below.
type headline struct {
	source
	of         string
	thresholds []thresholdStep
	// several values stand beside one another with their names.
	several bool
	styles  []override
	width   int
	note    string
}

func (h headline) panel() panel {
	s := mustFind(h.signal)
	if h.statistics == nil {
		h.statistics = s.DefaultStatistics()
	}
	if h.width == 0 {
		h.width = quarter
	}
	defaults := fieldDefaultsOf(s)
	defaults.NoValue = "No data"
	defaults.Color = color{Mode: "fixed", FixedColor: plain}
	defaults.Mappings = []mapping{nothing()}
	if h.thresholds != nil {
		defaults.Color = color{Mode: "thresholds"}
		defaults.Thresholds.Steps = h.thresholds
	}
	options := tileOptions("lastNotNull", "", h.width)
	overrides := append([]override{}, h.styles...)
	if h.several {
		options["textMode"], options["text"] = "value_and_name", map[string]any{"titleSize": nameSize, "valueSize": severalSize}
	}
	return panel{
		Type: "stat", Title: s.Title + h.of, Description: describe(s, mustAdvise(h.signal), h.note), DataSource: chosen(),
		GridPos:     gridPos{W: h.width, H: short},
		FieldConfig: &fieldConfig{Defaults: defaults, Overrides: overrides},
		Options:     options,
		Targets:     []query{h.query()},
	}
}

// nothing keeps what has no value from having the colour of a good one.
func nothing() mapping {
	return mapping{Type: "special", Options: mappingOptions{Match: "null+nan", Result: mappingResult{Color: neutral, Text: "No data"}}}
}

func tileOptions(calculation, fields string, width int) map[string]any {
	size := headlineSize
	if width < quarter {
		size = narrowSize
	}
	return map[string]any{
		"colorMode": "value", "graphMode": "none", "justifyMode": "auto", "orientation": "auto", "textMode": "value",
		"text":          map[string]any{"valueSize": size},
		"reduceOptions": map[string]any{"calcs": []string{calculation}, "fields": fields, "values": false},
	}
}

// modelCount is a tile that counts the rows of the table of models which have a column of numbers: Grafana colours only those.
func modelCount(title, description, counted string, steps []thresholdStep, only ...transformation) panel {
	options := tileOptions("count", "/^"+counted+"$/", sixth)
	mode := color{Mode: "thresholds"}
	if steps == nil {
		mode, steps = color{Mode: "fixed", FixedColor: plain}, []thresholdStep{{Color: good}}
	}
	return panel{
		Type: "stat", Title: title, Description: description, DataSource: chosen(),
		GridPos: gridPos{W: sixth, H: short},
		FieldConfig: &fieldConfig{
			Defaults: fieldDefaults{Color: mode, NoValue: "0", Unit: "none", Decimals: new(int), Thresholds: thresholds{Mode: "absolute", Steps: steps}},
			// The column's own unit is not that of how many there are.
			Overrides: []override{{Matcher: matcher{ID: "byType", Options: "number"}, Properties: []property{{ID: "unit", Value: "none"}}}},
		},
		Options:         options,
		Targets:         []query{{RefID: "A", DataSource: chosen(), QueryType: "models", Filters: everySelected()}},
		Transformations: only,
	}
}

// overObjective keeps the rows of the table of models that violate an objective.
func overObjective() transformation {
	return transformation{ID: "filterByValue", Options: map[string]any{
		"type": "include", "match": "all",
		"filters": []map[string]any{{
			"fieldName": mustFind(signal.SLOViolation).Title,
			"config":    map[string]any{"id": "greater", "options": map[string]any{"value": 1}},
		}},
	}}
}
