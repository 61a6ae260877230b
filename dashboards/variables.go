package dashboards

import (
	"maps"

	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// PluginID is the data source plugin that the dashboards query.
const PluginID = "coldhit-modelserving-datasource"

const dataSourceVariable = "datasource"

// selection is the variables that say what is looked at. Each depends on those before it.
var selection = []struct {
	label signal.Label
	title string
}{
	{signal.Environment, "Environment"},
	{signal.Deployment, "Deployment"},
	{signal.Model, "Model"},
}

// chosen refers to the data source that the dashboard's user picked; none is named in the file.
func chosen() *dataSourceRef {
	return &dataSourceRef{Type: PluginID, UID: "${" + dataSourceVariable + "}"}
}

// selected filters by the first n variables of the selection.
func selected(n int) map[string][]string {
	filters := map[string][]string{}
	for _, v := range selection[:n] {
		filters[string(v.label)] = []string{"$" + string(v.label)}
	}
	return filters
}

func everySelected() map[string][]string { return selected(len(selection)) }

// selectedAnd filters by the selection and by labels of a panel's own.
func selectedAnd(own map[signal.Label]string) map[string][]string {
	filters := maps.Clone(everySelected())
	for label, value := range own {
		filters[string(label)] = []string{value}
	}
	return filters
}

// Grafana's numbers for what refreshes a variable and for how its values are sorted.
const (
	refreshOnLoad      = 1
	refreshOnTimeRange = 2
	sortByName         = 5
)

// ofMany lets any number of models be chosen, all to begin with.
func ofMany() variableList {
	all := []variable{{
		Name: dataSourceVariable, Label: "Data source", Type: "datasource", Query: PluginID,
		Current: map[string]any{}, Options: []any{}, Refresh: refreshOnLoad,
	}}
	for i, v := range selection {
		all = append(all, variable{
			Name: string(v.label), Label: v.title, Type: "query", DataSource: chosen(),
			Query:      query{RefID: string(v.label), Label: v.label, Filters: selected(i)},
			Definition: string(v.label),
			Multi:      true, IncludeAll: true,
			Current: map[string]any{"selected": true, "text": []string{"All"}, "value": []string{"$__all"}},
			Options: []any{}, Refresh: refreshOnTimeRange, Sort: sortByName,
		})
	}
	return variableList{List: all}
}

// ofOne lets one model be chosen, the first to begin with.
func ofOne() variableList {
	all := ofMany()
	model := &all.List[len(all.List)-1]
	model.Multi, model.IncludeAll, model.Current = false, false, map[string]any{}
	return all
}
