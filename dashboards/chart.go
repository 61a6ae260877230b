package dashboards

import (
	"slices"

	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// chart is a panel of lines over time for one signal.
type chart struct {
	source
	// of continues the signal's title.
	of string
	// stacked series add up to a total; stepped ones hold a value until the next.
	stacked, stepped bool
	// share fixes the axis at 0 to 100 %.
	share bool
	// counted values are whole numbers, and few.
	counted bool
	// objective draws the objective of the selected model, if it has one.
	objective bool
	// lines are values that are worth a line across the chart.
	lines  []thresholdStep
	styles []override
	width  int
	// note comes after the signal's description.
	note string
	// advice is the panel's own where it is not its signal's.
	advice *advice
}

// panel is the chart as a panel of Grafana. A signal that is not in the catalogue is a mistake in this package.
func (c chart) panel() panel {
	s := mustFind(c.signal)
	if c.width == 0 {
		c.width = half
	}
	a := mustAdvise(c.signal)
	if c.advice != nil {
		a = *c.advice
	}
	defaults := fieldDefaultsOf(s)
	defaults.NoValue = noValue(s)
	defaults.Color = color{Mode: "palette-classic"}
	defaults.Custom = c.drawing(s.Shape)
	if c.share {
		defaults.Max = number(1)
	}
	if c.lines != nil {
		defaults.Thresholds.Steps = c.lines
	}
	if c.namesModels() {
		defaults.Links = seriesToModel()
	}
	p := panel{
		Type: "timeseries", Title: s.Title + c.of, Description: describe(s, a, c.note), DataSource: chosen(),
		GridPos:     gridPos{W: c.width, H: tall},
		FieldConfig: &fieldConfig{Defaults: defaults, Overrides: styles(c.styles...)},
		Options: map[string]any{
			"legend":  c.legendTable(),
			"tooltip": map[string]any{"mode": "multi", "sort": "desc"},
		},
		Targets: []query{c.query()},
	}
	if c.objective {
		return againstObjective(p, s)
	}
	return p
}

// The widths of a legend beside the lines, in pixels: of a GPU with its replica and a number, of the name of a model or a
// replica and its number, and of less.
const (
	legendOfGPUs  = 350
	legendOfNames = 280
	legendOfWords = 240
)

func (c chart) legendWidth() int {
	if slices.Contains(c.groupBy, signal.GPU) {
		return legendOfGPUs
	}
	for _, l := range []signal.Label{signal.Model, signal.Replica} {
		if slices.Contains(c.groupBy, l) {
			return legendOfNames
		}
	}
	return legendOfWords
}

// legendTable is beside the lines where there is room, and below them in narrow panels. Its order is the query's where that
// means something, and else the largest first.
func (c chart) legendTable() map[string]any {
	table := map[string]any{"displayMode": "table", "placement": "bottom", "showLegend": true, "calcs": []string{"lastNotNull"}}
	by := "Last *"
	if c.width >= beside {
		table["placement"], table["width"], table["calcs"] = "right", c.legendWidth(), []string{"mean"}
		by = "Mean"
	}
	switch {
	case len(c.statistics) == 1:
		table["sortBy"], table["sortDesc"] = by, true
	case c.width >= beside:
		table["calcs"] = []string{"mean", "max"}
	}
	return table
}

// leastTop is what an axis shows at least, so that a line of zeros lies at the foot of a panel with a scale that makes sense.
var leastTop = map[signal.Shape]float64{signal.Share: 0.01, signal.Count: 0.1, signal.Level: 1}

// drawing is how the lines of a time series are drawn.
func (c chart) drawing(shape signal.Shape) map[string]any {
	fill, stacking, interpolation, lines := 0, "none", "linear", "off"
	if c.stacked {
		fill, stacking = 25, "normal"
	}
	if c.stepped {
		interpolation = "stepAfter"
	}
	if c.objective || c.lines != nil {
		lines = "dashed"
	}
	options := map[string]any{
		"axisCenteredZero": false, "axisColorMode": "text", "axisLabel": "", "axisPlacement": "auto",
		"barAlignment": 0, "drawStyle": "line", "fillOpacity": fill, "gradientMode": "none",
		"hideFrom":          map[string]any{"legend": false, "tooltip": false, "viz": false},
		"lineInterpolation": interpolation, "lineWidth": 1, "pointSize": 4, "showPoints": "auto",
		"scaleDistribution": map[string]any{"type": "linear"},
		// A gap is a time without traffic or data: it is never bridged.
		"spanNulls":       false,
		"stacking":        map[string]any{"group": "A", "mode": stacking},
		"thresholdsStyle": map[string]any{"mode": lines},
	}
	top, flat := leastTop[shape]
	if c.counted {
		// Grafana's own choice of ticks is then whole as well. Zero decimals would leave ticks without a number, and
		// there it writes the text for panels without data.
		top, flat = 4, true
	}
	if flat && !c.share { // beside a fixed top, a soft one would lower it
		options["axisSoftMax"] = top
	}
	return options
}
