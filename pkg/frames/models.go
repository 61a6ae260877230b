package frames

import (
	"cmp"
	"slices"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/coldhit/modelserving-datasource/pkg/analysis"
	"github.com/coldhit/modelserving-datasource/pkg/series"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// ModelsTable collects a table with one row for each model: the labels that tell models apart, then one column for each
// statistic of a signal that any of them has.
type ModelsTable struct {
	identity []signal.Label
	rows     []map[string]string
	places   map[string]int
	columns  []modelColumn
}

type modelColumn struct {
	signal    signal.Signal
	statistic signal.Statistic
	values    map[int]float64
	// merged are the rows in which several series came together.
	merged map[int]bool
	// provenance lists the ways in which each row's value came about.
	provenance map[int][]series.Provenance
}

// ofServedModels are the signals of which each tells that a server without names for models serves one.
var ofServedModels = []string{"requests", "models_resident"}

// ModelsCustom is what the table carries beside what Grafana knows.
type ModelsCustom struct {
	// Provenance is how the values of each column came about, by the column's field; models may differ in it.
	Provenance map[string][]series.Provenance `json:"provenance"`
}

// NewModelsTable makes an empty table whose rows are told apart by labels.
func NewModelsTable(identity []signal.Label) *ModelsTable {
	return &ModelsTable{identity: identity, places: map[string]int{}}
}

// Add takes in a column: of each series the newest value. Of several series of one model the highest counts.
func (m *ModelsTable) Add(s signal.Signal, st signal.Statistic, answer []analysis.Series) {
	column := modelColumn{signal: s, statistic: st, values: map[int]float64{}, merged: map[int]bool{}, provenance: map[int][]series.Provenance{}}
	for _, one := range answer {
		if len(one.Values) == 0 {
			continue
		}
		row := m.row(one.Labels)
		value := one.Values[len(one.Values)-1]
		if before, taken := column.values[row]; taken {
			column.merged[row] = true
			value = max(value, before)
		}
		column.values[row] = value
		for _, p := range one.Provenance {
			if !slices.ContainsFunc(column.provenance[row], p.Equal) {
				column.provenance[row] = append(column.provenance[row], p)
			}
		}
	}
	m.columns = append(m.columns, column)
}

func (m *ModelsTable) row(labels map[string]string) int {
	key := analysis.Key(labels, m.identity)
	if i, known := m.places[key]; known {
		return i
	}
	m.places[key] = len(m.rows)
	m.rows = append(m.rows, labels)
	return len(m.rows) - 1
}

// shown lists the rows in the order of the labels. What has no model belongs to no row where its deployment has models with names; a
// deployment of servers that name none (TGI, llama.cpp) is a row of its own.
func (m *ModelsTable) shown() []int {
	withoutModel := slices.DeleteFunc(slices.Clone(m.identity), func(l signal.Label) bool { return l == signal.Model })
	named := map[string]bool{}
	for _, labels := range m.rows {
		if labels[string(signal.Model)] != "" {
			named[analysis.Key(labels, withoutModel)] = true
		}
	}
	var out []int
	for i, labels := range m.rows {
		if labels[string(signal.Model)] != "" || (labels[string(signal.Deployment)] != "" && !named[analysis.Key(labels, withoutModel)] && m.serves(i)) {
			out = append(out, i)
		}
	}
	slices.SortFunc(out, func(a, b int) int {
		for _, l := range m.identity {
			if c := cmp.Compare(m.rows[a][string(l)], m.rows[b][string(l)]); c != 0 {
				return c
			}
		}
		return 0
	})
	return out
}

// serves says whether anything tells that a row's servers serve a model, and not what they run on alone.
func (m *ModelsTable) serves(row int) bool {
	return slices.ContainsFunc(m.columns, func(c modelColumn) bool {
		_, there := c.values[row]
		return there && slices.Contains(ofServedModels, c.signal.Name)
	})
}

// Merged says whether several series of one model came together in a cell.
func (m *ModelsTable) Merged() bool {
	shown := m.shown()
	return slices.ContainsFunc(m.columns, func(c modelColumn) bool {
		return slices.ContainsFunc(shown, func(row int) bool { return c.merged[row] })
	})
}

// Rows is how many models there are.
func (m *ModelsTable) Rows() int { return len(m.shown()) }

// Frames writes the table, its rows in the order of the labels. A column without a value is left out.
func (m *ModelsTable) Frames(executed string, notices []data.Notice) data.Frames {
	order := m.shown()
	f := data.NewFrame("models")
	for _, l := range m.identity {
		values := make([]string, len(order))
		for i, row := range order {
			values[i] = m.rows[row][string(l)]
		}
		f.Fields = append(f.Fields, data.NewField(string(l), nil, values))
	}
	custom := ModelsCustom{Provenance: map[string][]series.Provenance{}}
	for _, c := range m.columns {
		if !slices.ContainsFunc(order, func(row int) bool { _, there := c.values[row]; return there }) {
			continue
		}
		f.Fields = append(f.Fields, c.field(order))
		custom.Provenance[c.name()] = c.provenances(order)
	}
	f.Meta = &data.FrameMeta{Type: data.FrameTypeTable, TypeVersion: typeVersion, ExecutedQueryString: cut(executed, maxExecuted), Notices: notices, Custom: custom}
	return data.Frames{f}
}

// provenances lists the ways in which the values of rows came about.
func (c modelColumn) provenances(rows []int) (out []series.Provenance) {
	for _, row := range rows {
		for _, p := range c.provenance[row] {
			if !slices.ContainsFunc(out, p.Equal) {
				out = append(out, p)
			}
		}
	}
	return out
}

// name is the column's field.
func (c modelColumn) name() string { return c.signal.Name + "_" + string(c.statistic) }

// field is a column; models that have no value in it have none in the table either.
func (c modelColumn) field(order []int) *data.Field {
	values := make([]*float64, len(order))
	for i, row := range order {
		if v, ok := c.values[row]; ok {
			values[i] = &v
		}
	}
	title := c.signal.Title
	if c.signal.Shape == signal.Distribution {
		title += " " + string(c.statistic)
	}
	f := data.NewField(c.name(), nil, values)
	f.Config = &data.FieldConfig{DisplayNameFromDS: title, Description: c.signal.Description, Unit: c.signal.GrafanaUnit()}
	return f
}
