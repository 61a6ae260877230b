// Package dashboards makes the dashboards that come with the plugin from the catalogue of signals, so that names, units and
// descriptions are the catalogue's. The JSON beside it is what ships; a test fails where the two differ.
package dashboards

import (
	"bytes"
	"encoding/json"
)

//go:generate go test . -run TestFiles -update

// The dashboards' uids, by which links and alert rules find them.
const (
	FleetUID       = "modelserving-fleet"
	ModelUID       = "modelserving-model"
	MetricsUID     = "modelserving-metrics"
	AutoscalingUID = "modelserving-autoscaling"
	GPUUID         = "modelserving-gpu"
)

const tag = "model-serving"

// schemaVersion is that of Grafana 10.1, the oldest that the plugin runs in; newer ones migrate it when they open it.
const schemaVersion = 38

const sharedCrosshair = 1

// Files are the dashboards by the names of their files.
func Files() map[string]Dashboard {
	return map[string]Dashboard{
		"fleet.json": Fleet(), "model.json": Model(), "metrics.json": Metrics(), "autoscaling.json": Autoscaling(), "gpu.json": GPU(),
	}
}

// made is a dashboard with what is the same on all of them.
func made(uid, name, description string, variables variableList, rows []row) Dashboard {
	panels := arrange(rows)
	return Dashboard{
		Title: "Model Serving / " + name, UID: uid, Description: description,
		Tags: []string{tag}, Editable: true, GraphTooltip: sharedCrosshair, SchemaVersion: schemaVersion,
		Refresh: "10s", Time: timeRange{From: "now-30m", To: "now"}, Timezone: "browser", Version: 1,
		Links: linksFrom(uid), Annotations: annotations(inMarked(uid, panels)), Templating: variables, Panels: panels,
	}
}

// JSON writes a dashboard as its file holds it.
func (d Dashboard) JSON() ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(d); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
