package dashboards

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// What is read here is the shipped files, as Grafana would, not what they are made from.

type shippedPanel struct {
	ID          int
	Type        string
	Title       string
	Description string
	DataSource  dataSourceRef
	GridPos     gridPos
	FieldConfig struct {
		Defaults struct {
			Unit, NoValue string
			Links         []dataLink
		}
		Overrides []struct {
			Matcher    struct{ ID, Options string }
			Properties []struct {
				ID    string
				Value json.RawMessage
			}
		}
	}
	Targets         []json.RawMessage
	Transformations []struct {
		ID      string
		Options json.RawMessage
	}
	Collapsed bool
	Panels    []shippedPanel
}

type shippedDashboard struct {
	ID            *int
	UID           string
	SchemaVersion int
	Tags          []string
	Panels        []shippedPanel
	Links         []link
	Annotations   struct {
		List []struct {
			BuiltIn    int
			Enable     bool
			Filter     *panelFilter
			DataSource dataSourceRef
			Target     json.RawMessage
		}
	}
	Templating struct {
		List []struct {
			Name, Type        string
			DataSource        dataSourceRef
			Multi, IncludeAll bool
			Refresh           int
			Query             json.RawMessage
			Current           struct{ Value json.RawMessage }
		}
	}
}

// targetQuery is a query as common to all who write one; a field that it lacks is a field that nothing reads.
type targetQuery struct {
	RefID         string              `json:"refId"`
	DataSource    dataSourceRef       `json:"datasource"`
	QueryType     string              `json:"queryType"`
	Signal        string              `json:"signal"`
	Statistics    []string            `json:"statistics"`
	GroupBy       []string            `json:"groupBy"`
	Filters       map[string][]string `json:"filters"`
	Limit         int                 `json:"limit"`
	IncludeOthers *bool               `json:"includeOthers"`
	Legend        string              `json:"legend"`
	EmptyAsRow    bool                `json:"emptyAsRow"`
}

func shipped(t *testing.T, name string) (shippedDashboard, string) {
	t.Helper()
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	var dashboard shippedDashboard
	require.NoError(t, json.Unmarshal(text, &dashboard))
	return dashboard, string(text)
}

// all are the panels of a dashboard, those of closed rows included.
func (d shippedDashboard) all() []shippedPanel {
	var out []shippedPanel
	for _, p := range d.Panels {
		out = append(append(out, p), p.Panels...)
	}
	return out
}

func strict(t *testing.T, text json.RawMessage, into any) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(into), string(text))
}
