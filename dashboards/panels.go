package dashboards

import (
	"fmt"
	"slices"
	"strings"

	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// Sizes of panels, in units of the grid.
const (
	half, third, quarter = 12, 8, 6
	tall, short          = 8, 4
)

// advice is what a panel says beside its signal's own description: where it is measured, and what its values mean for who
// looks at them.
type advice struct {
	measured string
	high     string
	low      string
}

// chart is a panel of lines over time for one signal.
type chart struct {
	signal string
	// of continues the signal's title.
	of         string
	statistics []signal.Statistic
	groupBy    []signal.Label
	// limit, where set, keeps so many of the busiest and drops the rest; otherwise the rest is one series.
	limit  int
	legend string
	// stacked series add up to a total; stepped ones hold a value until the next.
	stacked, stepped bool
	// whole fixes the axis at 0 to 100 %.
	whole bool
	// counted values are whole numbers, and few.
	counted bool
	styles  []override
	width   int
	advice  advice
}

// panel answers the chart as Grafana's panel. A signal that is not in the catalogue is a mistake in this package.
func (c chart) panel() panel {
	s := mustFind(c.signal)
	width := c.width
	if width == 0 {
		width = half
	}
	defaults := fieldDefaultsOf(s)
	defaults.NoValue = noValue(s)
	defaults.Color = color{Mode: "palette-classic"}
	defaults.Custom = c.lines(s.Shape)
	if c.whole {
		defaults.Max = number(1)
	}
	return panel{
		Type: "timeseries", Title: s.Title + c.of, Description: describe(s, c.advice), DataSource: chosen(),
		GridPos:     gridPos{W: width, H: tall},
		FieldConfig: &fieldConfig{Defaults: defaults, Overrides: styles(c.styles...)},
		Options: map[string]any{
			"legend":  c.legendTable(width),
			"tooltip": map[string]any{"mode": "multi", "sort": "desc"},
		},
		Targets: []query{c.query()},
	}
}

func (c chart) query() query {
	others := c.limit == 0
	return query{
		RefID: "A", DataSource: chosen(), QueryType: "signal", Signal: c.signal, Statistics: c.statistics, GroupBy: c.groupBy,
		Filters: everySelected(), Limit: c.limit, Others: &others, Legend: c.legend,
	}
}

// legendTable is beside the lines where there are many of them, and below them where there are few or no room. Its order is
// the query's where that means something, and else the largest first.
func (c chart) legendTable(width int) map[string]any {
	table := map[string]any{"displayMode": "table", "placement": "bottom", "showLegend": true, "calcs": []string{"mean", "max", "lastNotNull"}}
	if width >= half && slices.Contains(c.groupBy, signal.Model) {
		table["placement"], table["calcs"] = "right", []string{"mean", "max"}
	}
	if len(c.statistics) == 1 {
		table["sortBy"], table["sortDesc"] = "Mean", true
	}
	return table
}

// leastTop is what an axis shows at least, so that a line of zeros lies at the foot of a panel with a scale that makes sense.
var leastTop = map[signal.Shape]float64{signal.Share: 0.01, signal.Count: 0.1, signal.Level: 1}

// lines are the drawing options of a time series.
func (c chart) lines(shape signal.Shape) map[string]any {
	fill, stacking, interpolation := 0, "none", "linear"
	if c.stacked {
		fill, stacking = 25, "normal"
	}
	if c.stepped {
		interpolation = "stepAfter"
	}
	options := map[string]any{
		"axisCenteredZero": false, "axisColorMode": "text", "axisLabel": "", "axisPlacement": "auto",
		"barAlignment": 0, "drawStyle": "line", "fillOpacity": fill, "gradientMode": "none",
		"hideFrom":          map[string]any{"legend": false, "tooltip": false, "viz": false},
		"lineInterpolation": interpolation, "lineWidth": 1, "pointSize": 4, "showPoints": "auto",
		"scaleDistribution": map[string]any{"type": "linear"},
		// A gap is a time without traffic or without an answer: it is never drawn over.
		"spanNulls":       false,
		"stacking":        map[string]any{"group": "A", "mode": stacking},
		"thresholdsStyle": map[string]any{"mode": "off"},
	}
	top, flat := leastTop[shape]
	if c.counted {
		// Grafana's own choice of ticks is then whole as well. To ask for no decimals would leave ticks without a number, and
		// there it writes the text for panels without data.
		top, flat = 4, true
	}
	if flat {
		options["axisSoftMax"] = top
	}
	return options
}

// headlineSize is that of the text in pixels: one size for all, whatever their values' lengths.
const headlineSize = 38

// headline shows a signal's latest value, with what it was before behind it.
type headline struct {
	signal     string
	thresholds []thresholdStep
	advice     advice
}

func (h headline) panel() panel {
	s := mustFind(h.signal)
	defaults := fieldDefaultsOf(s)
	defaults.NoValue = "No data"
	defaults.Color = color{Mode: "fixed", FixedColor: plain}
	if h.thresholds != nil {
		defaults.Color = color{Mode: "thresholds"}
		defaults.Thresholds.Steps = h.thresholds
	}
	return panel{
		Type: "stat", Title: s.Title, Description: describe(s, h.advice), DataSource: chosen(),
		GridPos:     gridPos{W: quarter, H: short},
		FieldConfig: &fieldConfig{Defaults: defaults, Overrides: []override{}},
		Options: map[string]any{
			"colorMode": "value", "graphMode": "area", "justifyMode": "auto", "orientation": "auto", "textMode": "value",
			"text":          map[string]any{"valueSize": headlineSize},
			"reduceOptions": map[string]any{"calcs": []string{"lastNotNull"}, "fields": "", "values": false},
		},
		Targets: []query{{
			RefID: "A", DataSource: chosen(), QueryType: "signal", Signal: h.signal, Statistics: s.DefaultStatistics(), Filters: everySelected(),
		}},
	}
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

// describe is a panel's description in Markdown.
func describe(s signal.Signal, a advice) string {
	parts := []string{s.Description}
	for _, p := range []struct{ heading, text string }{{"Measured", a.measured}, {"High", a.high}, {"Low", a.low}} {
		if p.text != "" {
			parts = append(parts, fmt.Sprintf("**%s:** %s", p.heading, p.text))
		}
	}
	return strings.Join(parts, "\n\n")
}

// noValue says what an empty panel means. Why it is empty is known only when it is asked, and comes as a notice.
func noValue(s signal.Signal) string {
	return fmt.Sprintf("No data: the notice in the panel's corner says why. Where the server does not report this, it is measured by %s.", s.MeasuredBy)
}

func number(v float64) *float64 { return &v }
