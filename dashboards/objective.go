package dashboards

import (
	"fmt"

	"github.com/coldhit/modelserving-datasource/pkg/objective"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// noValueOfTile is said where an objective is drawn: the transformation that draws it takes the notices away.
const noValueOfTile = "No data. The tile of the same name shows the reason. This signal is measured by %s."

// objectivesRef is the second query of a panel: the objectives of the selected model.
const objectivesRef = "objectives"

// againstObjective draws a signal's objective into a panel of one model: the query for objectives has a column for the
// signal, which Grafana turns into a threshold.
func againstObjective(p panel, s signal.Signal) panel {
	p.FieldConfig.Defaults.NoValue = fmt.Sprintf(noValueOfTile, s.MeasuredBy)
	p.Targets = append(p.Targets, query{RefID: objectivesRef, DataSource: chosen(), QueryType: "objectives", Filters: everySelected()})
	p.Transformations = append(p.Transformations, transformation{ID: "configFromData", Options: map[string]any{
		"configRefId": objectivesRef, "applyTo": map[string]any{"id": "byType", "options": "number"},
		"mappings": []map[string]string{{"fieldName": objectiveColumn(s), "handlerKey": "threshold1"}},
	}})
	return p
}

// objectiveColumn is the title of the signal's column in the table of objectives.
func objectiveColumn(s signal.Signal) string {
	if d := objective.Find(s.Name); s.Shape == signal.Distribution {
		return s.Title + " " + string(d.Statistic)
	}
	return s.Title
}

// nearObjective is the part of an objective from which on a model is shown as close to violating it.
const nearObjective = 0.8

// violation colours what is divided by an objective.
func violation() []thresholdStep {
	return []thresholdStep{{Color: good}, {Color: caution, Value: number(nearObjective)}, {Color: bad, Value: number(1)}}
}

// atObjective is a line where the objective is.
func atObjective() []thresholdStep {
	return []thresholdStep{{Color: "transparent"}, {Color: bad, Value: number(1)}}
}

// burning are lines at the rates at which alert rules fire.
func burning() []thresholdStep {
	return []thresholdStep{
		{Color: "transparent"}, {Color: caution, Value: number(1)}, {Color: waiting, Value: number(3)}, {Color: "semi-dark-orange", Value: number(6)}, {Color: bad, Value: number(14.4)},
	}
}
