package dashboards

// heatColumns is how many points in time a heat map has: enough to see when something began, few enough to be distinguished.
const heatColumns = 60

// heat shows one number of every model over time, a row for each model, its colour the number.
type heat struct {
	source
	of    string
	steps []thresholdStep
	note  string
}

func (h heat) panel() panel {
	s := mustFind(h.signal)
	defaults := fieldDefaultsOf(s)
	defaults.NoValue = noValue(s)
	defaults.Color = color{Mode: "thresholds"}
	defaults.Thresholds.Steps = h.steps
	defaults.Custom = map[string]any{"fillOpacity": 85, "lineWidth": 0}
	if h.namesModels() {
		defaults.Links = seriesToModel()
	}
	rows := h.query()
	rows.EmptyAsRow = true
	return panel{
		Type: "status-history", Title: s.Title + h.of, Description: describe(s, mustAdvise(h.signal), h.note), DataSource: chosen(),
		GridPos:       gridPos{W: half, H: 22},
		MaxDataPoints: heatColumns,
		FieldConfig:   &fieldConfig{Defaults: defaults, Overrides: []override{}},
		Options: map[string]any{
			"colWidth": 1, "rowHeight": 0.85, "showValue": "never",
			"legend":  map[string]any{"displayMode": "list", "placement": "bottom", "showLegend": true},
			"tooltip": map[string]any{"mode": "single", "sort": "none"},
		},
		Targets: []query{rows},
	}
}

// latencies are colours for seconds, from unnoticeable to unbearable.
func latencies() []thresholdStep {
	return []thresholdStep{
		{Color: "#1a5e3a"}, {Color: "#37872d", Value: number(0.05)}, {Color: "#73bf69", Value: number(0.1)}, {Color: "#fade2a", Value: number(0.2)},
		{Color: "#ff9830", Value: number(0.5)}, {Color: "#f2495c", Value: number(1)}, {Color: "#c4162a", Value: number(2)}, {Color: "#7a0f1d", Value: number(5)},
	}
}
