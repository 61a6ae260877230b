package rules

import (
	_ "embed" // the panels that rules link to
	"encoding/json"
	"sync"
)

// Panel is a place in the dashboards that come with the plugin.
type Panel struct {
	DashboardUID string `json:"dashboardUid"`
	PanelID      int    `json:"panelId"`
}

// panelsJSON is each rule's panel by the rule's name, found in the dashboards by go test ./pkg/rules -update.
//
//go:embed panels.json
var panelsJSON []byte

var panels = sync.OnceValue(func() map[string]Panel {
	out := map[string]Panel{}
	if err := json.Unmarshal(panelsJSON, &out); err != nil {
		panic("pkg/rules/panels.json: " + err.Error()) // it is part of the program
	}
	return out
})

// panelOf is the panel that a rule links to.
func panelOf(r Rule) (Panel, bool) {
	p, ok := panels()[r.Name]
	return p, ok
}
