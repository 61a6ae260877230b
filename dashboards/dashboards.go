// Package dashboards makes the dashboards that come with the plugin from the catalogue of signals, so that names, units and
// descriptions are the catalogue's. The JSON beside it is what ships; a test fails where the two differ.
package dashboards

import (
	"bytes"
	"encoding/json"
)

//go:generate go test . -run TestFiles -update

// Files are the dashboards by the names of their files.
func Files() map[string]Dashboard {
	return map[string]Dashboard{"metrics.json": Metrics()}
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
