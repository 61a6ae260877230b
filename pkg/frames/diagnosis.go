package frames

import (
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/coldhit/modelserving-datasource/pkg/analysis"
)

// Diagnosis is a finding about one deployment.
type Diagnosis struct {
	Environment, Deployment string
	analysis.Finding
}

// OfDiagnosis writes findings as a table, one row each.
func OfDiagnosis(rows []Diagnosis, executed string, notices []data.Notice) data.Frames {
	text := func(name, title string, of func(Diagnosis) string) *data.Field {
		values := make([]string, len(rows))
		for i, row := range rows {
			values[i] = of(row)
		}
		f := data.NewField(name, nil, values)
		f.Config = &data.FieldConfig{DisplayNameFromDS: title}
		return f
	}
	when := func(name, title string, of func(Diagnosis) int64) *data.Field {
		values := make([]time.Time, len(rows))
		for i, row := range rows {
			values[i] = time.UnixMilli(of(row)).UTC()
		}
		f := data.NewField(name, nil, values)
		f.Config = &data.FieldConfig{DisplayNameFromDS: title}
		return f
	}
	f := data.NewFrame("diagnosis",
		text("environment", "Environment", func(d Diagnosis) string { return d.Environment }),
		text("deployment", "Deployment", func(d Diagnosis) string { return d.Deployment }),
		text("finding", "Finding", func(d Diagnosis) string { return d.Name }),
		when("begin", "From", func(d Diagnosis) int64 { return d.Begin }),
		when("end", "To", func(d Diagnosis) int64 { return d.End }),
		text("evidence", "Evidence", func(d Diagnosis) string { return d.Evidence }),
		text("cause", "Likely cause", func(d Diagnosis) string { return d.Cause }),
		text("fix", "What to do", func(d Diagnosis) string { return d.Fix }),
	)
	f.Meta = &data.FrameMeta{Type: data.FrameTypeTable, TypeVersion: typeVersion, ExecutedQueryString: cut(executed, maxExecuted), Notices: notices}
	return data.Frames{f}
}
