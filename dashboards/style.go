package dashboards

import (
	"github.com/coldhit/modelserving-datasource/pkg/objective"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// The colours, each with one meaning. They read on Grafana's dark and light themes.
const (
	good    = "green"
	caution = "yellow"
	bad     = "red"
	plain   = "blue"
	waiting = "orange"
	neutral = "#8e8e8e"
	// eventsAt lets lines be seen through it: events come in crowds.
	eventsAt = "rgba(184, 119, 217, 0.4)"
)

// percentileColors go from the usual request to the slowest.
var percentileColors = []struct {
	statistic signal.Statistic
	color     string
}{
	{signal.P50, "light-blue"},
	{signal.P90, "semi-dark-blue"},
	{signal.P95, "semi-dark-purple"},
	{signal.P99, "#E45AB5"},
}

// styles are the overrides that every panel of series has. Names are made of the values of labels, in the order of
// signal.Labels, then of the statistic where there are several.
func styles(own ...override) []override {
	all := []override{
		// A gap in one line says less than a panel without any: Grafana would write the panel's text for both.
		{Matcher: matcher{ID: "byType", Options: "number"}, Properties: []property{{ID: "noValue", Value: "–"}}},
		// The others are no model to be shown.
		named(`^others( ·|$)`, fixed(neutral), property{ID: "links", Value: []dataLink{}}),
		named(`( · |^)mean( |$)`, dashed()),
	}
	return append(all, own...)
}

// byStatistic colours series whose name begins with a percentile, or is the mean.
func byStatistic() []override {
	var all []override
	for _, p := range percentileColors {
		all = append(all, named(`^`+string(p.statistic)+`( |$)`, fixed(p.color)))
	}
	return append(all, named(`^mean( |$)`, fixed(neutral)))
}

// byStatusOf colours series whose name begins with a status; mode is "fixed", or "shades" where several have one status.
func byStatusOf(mode string) []override {
	return []override{
		named(`^(success|2xx)( ·|$)`, shaded(mode, good)),
		named(`^4xx( ·|$)`, shaded(mode, caution)),
		named(`^(failure|5xx)( ·|$)`, shaded(mode, bad)),
		notReported(),
	}
}

// byStateOf colours series by what replicas or requests are doing. What is wanted is a dashed line beside what there is.
func byStateOf() []override {
	return []override{
		named(`^active( ·|$)`, fixed(good)),
		named(`^starting( ·|$)`, fixed(caution)),
		named(`^(desired|min|max)( ·|$)`, fixed(neutral), dashed()),
		named(`^executing( ·|$)`, fixed(plain)),
		named(`^queued( ·|$)`, fixed(waiting)),
		notReported(),
	}
}

// byStartStyles colours series by whether a request found its model in memory.
func byStartStyles() []override {
	return []override{
		named(`^hot( ·|$)`, fixed(waiting)),
		named(`^cold( ·|$)`, fixed("light-blue")),
		named(`^unknown( ·|$)`, fixed(neutral)),
		notReported(),
	}
}

// objectiveNames shows each objective under the title of its signal.
func objectiveNames() []override {
	var all []override
	for _, d := range objective.Definitions {
		all = append(all, named(`^`+d.Name+`$`, property{ID: "displayName", Value: mustFind(d.Name).Title}))
	}
	return all
}

// notReported matches series without a status, state or start, next to series that have one.
func notReported() override { return named(` not reported$`, fixed(neutral)) }

// named matches series by a regular expression on their name.
func named(expression string, properties ...property) override {
	return override{Matcher: matcher{ID: "byRegexp", Options: "/" + expression + "/"}, Properties: properties}
}

func fixed(name string) property { return shaded("fixed", name) }

func shaded(mode, name string) property {
	return property{ID: "color", Value: color{Mode: mode, FixedColor: name}}
}

func dashed() property {
	return property{ID: "custom.lineStyle", Value: map[string]any{"fill": "dash", "dash": []int{8, 6}}}
}
