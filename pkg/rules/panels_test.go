package rules

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// prefer are the dashboards in whose panels a rule finds what it shows, by what its alerts are about.
func prefer(r Rule) []string {
	return map[string][]string{
		"model":      {"modelserving-model", "modelserving-metrics", "modelserving-fleet"},
		"gpu":        {"modelserving-gpu", "modelserving-metrics"},
		"deployment": {"modelserving-autoscaling", "modelserving-fleet", "modelserving-metrics"},
	}[level(r.By)]
}

type dashboard struct {
	UID    string
	Panels []struct {
		ID      int
		Type    string
		Targets []struct{ Signal string }
	}
}

// panelFor is the panel of the first of a rule's signals that a dashboard charts.
func panelFor(r Rule, dashboards map[string]dashboard) (Panel, bool) {
	for _, name := range r.Panels {
		for _, uid := range prefer(r) {
			for _, p := range dashboards[uid].Panels {
				for _, target := range p.Targets {
					if target.Signal == name && p.Type == "timeseries" {
						return Panel{uid, p.ID}, true
					}
				}
			}
		}
	}
	return Panel{}, false
}

// charted is each rule's panel in the dashboards as they are.
func charted() (map[string]Panel, error) {
	dashboards := map[string]dashboard{}
	files, err := filepath.Glob("../../dashboards/*.json")
	if err != nil {
		return nil, err
	}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		var d dashboard
		if err := json.Unmarshal(text, &d); err != nil {
			return nil, err
		}
		dashboards[d.UID] = d
	}
	out := map[string]Panel{}
	for _, r := range All(defaults()) {
		p, found := panelFor(r, dashboards)
		if !found {
			return nil, fmt.Errorf("no dashboard charts any of %v, which %s is about", r.Panels, r.Name)
		}
		out[r.Name] = p
	}
	return out, nil
}

// TestMain rewrites the panels before what is made from them.
func TestMain(m *testing.M) {
	flag.Parse()
	if *update {
		if err := updatePanels(); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

func updatePanels() error {
	found, err := charted()
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(found, "", "  ")
	if err != nil {
		return err
	}
	panels = func() map[string]Panel { return found }
	return os.WriteFile("panels.json", append(text, '\n'), 0o600)
}

func TestRulesLinkToPanelsThatShowThem(t *testing.T) {
	want, err := charted()
	require.NoError(t, err)
	require.Equal(t, want, panels(), "the dashboards have changed: rewrite panels.json with go test ./pkg/rules -update")
}
