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
	merged   bool
}

type modelColumn struct {
	signal    signal.Signal
	statistic signal.Statistic
	values    map[int]float64
	// provenance lists the ways in which the values came about.
	provenance []series.Provenance
}

// ModelsCustom is what the table carries beside what Grafana knows.
type ModelsCustom struct {
	// Provenance is how the values of each column came about, by the column's field; models may differ in it.
	Provenance map[string][]series.Provenance `json:"provenance"`
}

// NewModelsTable makes an empty table whose rows are told apart by labels.
func NewModelsTable(identity []signal.Label) *ModelsTable {
	return &ModelsTable{identity: identity, places: map[string]int{}}
}

// Add takes in a column: of each series the newest value. Series without a model belong to no row. Of several series of one
// model the highest counts.
func (m *ModelsTable) Add(s signal.Signal, st signal.Statistic, answer []analysis.Series) {
	column := modelColumn{signal: s, statistic: st, values: map[int]float64{}}
	for _, one := range answer {
		if one.Labels[string(signal.Model)] == "" || len(one.Values) == 0 {
			continue
		}
		row := m.row(one.Labels)
		value := one.Values[len(one.Values)-1]
		if before, taken := column.values[row]; taken {
			m.merged = true
			value = max(value, before)
		}
		column.values[row] = value
		for _, p := range one.Provenance {
			if !slices.ContainsFunc(column.provenance, p.Equal) {
				column.provenance = append(column.provenance, p)
			}
		}
	}
	if len(column.values) > 0 {
		m.columns = append(m.columns, column)
	}
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

// Merged says whether several series of one model came together in a cell.
func (m *ModelsTable) Merged() bool { return m.merged }

// Rows is how many models there are.
func (m *ModelsTable) Rows() int { return len(m.rows) }

// Frames writes the table, its rows in the order of the labels.
func (m *ModelsTable) Frames(executed string, notices []data.Notice) data.Frames {
	order := make([]int, len(m.rows))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		for _, l := range m.identity {
			if c := cmp.Compare(m.rows[a][string(l)], m.rows[b][string(l)]); c != 0 {
				return c
			}
		}
		return 0
	})
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
		f.Fields = append(f.Fields, c.field(order))
		custom.Provenance[c.name()] = c.provenance
	}
	f.Meta = &data.FrameMeta{Type: data.FrameTypeTable, TypeVersion: typeVersion, ExecutedQueryString: executed, Notices: notices, Custom: custom}
	return data.Frames{f}
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
