package dashboards

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/objective"
	"github.com/coldhit/modelserving-datasource/tests/blackbox/driver"
)

// binary is the plugin, built once for all tests of the package.
var binary string

func TestMain(m *testing.M) {
	folder, err := os.MkdirTemp("", "dashboards")
	if err != nil {
		panic(err)
	}
	if binary, err = driver.Build("..", folder); err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(folder)
	os.Exit(code)
}

// dashboardQuery is one query of a dashboard.
type dashboardQuery struct {
	where      string
	query      map[string]any
	annotation bool
}

// everyQuery lists the queries of all dashboards, as they are with variables in place of their references.
func everyQuery(t *testing.T, variables map[string]string) []dashboardQuery {
	t.Helper()
	var out []dashboardQuery
	for _, name := range slices.Sorted(maps.Keys(Files())) {
		dashboard, _ := shipped(t, name)
		for _, p := range dashboard.all() {
			for _, target := range p.Targets {
				out = append(out, dashboardQuery{where: filepath.Join(name, p.Title), query: interpolated(t, target, variables)})
			}
		}
		for _, a := range dashboard.Annotations.List {
			if a.Target != nil {
				out = append(out, dashboardQuery{where: filepath.Join(name, "annotations"), query: interpolated(t, a.Target, variables), annotation: true})
			}
		}
	}
	return out
}

// interpolated puts values into a query's filters. A variable that has none stands for all, and filters nothing.
func interpolated(t *testing.T, target json.RawMessage, variables map[string]string) map[string]any {
	t.Helper()
	var query map[string]any
	require.NoError(t, json.Unmarshal(target, &query))
	filters := map[string][]string{}
	for label, values := range query["filters"].(map[string]any) {
		for _, value := range values.([]any) {
			name, isVariable := strings.CutPrefix(value.(string), "$")
			if !isVariable {
				filters[label] = append(filters[label], name)
			} else if chosen := variables[name]; chosen != "" {
				filters[label] = append(filters[label], chosen)
			}
		}
	}
	query["filters"] = filters
	return query
}

// atOnce is how many queries one request has: about a dashboard's.
const atOnce = 40

func TestEveryQueryIsAnswered(t *testing.T) {
	p := driver.Start(t, binary, t.TempDir())
	for i, f := range fleets {
		t.Run(f.name, func(t *testing.T) {
			s := watched(t, p, f)
			s.ID = int64(i + 1)
			all := resultsOf(t, p, s, everyQuery(t, nil))
			if len(f.servers) == 0 {
				require.Zero(t, all, "there is no data")
				return
			}
			require.Greater(t, all, 30, "panels that show something")
			model := firstValue(t, p, s, "model", nil)
			one := resultsOf(t, p, s, everyQuery(t, map[string]string{"environment": "production", "deployment": "demo", "model": model}))
			require.Greater(t, one, 15, "panels that show something of %s", model)
			unknown := resultsOf(t, p, s, everyQuery(t, map[string]string{"model": "nobody"}))
			require.Less(t, unknown, 6, "only replicas are of no model")
		})
	}
}

// resultsOf runs queries and counts those with data. Each has a result without an error, and a reason if it is empty.
func resultsOf(t *testing.T, p *driver.Plugin, s driver.Source, queries []dashboardQuery) (withData int) {
	t.Helper()
	now := time.Now()
	span := backend.TimeRange{From: now.Add(-time.Minute), To: now}
	for chunk := range slices.Chunk(queries, atOnce) {
		var request []backend.DataQuery
		for i, q := range chunk {
			request = append(request, driver.DataQuery(t, fmt.Sprint(i), span, time.Second, q.query))
		}
		responses := p.Request(s, request...)
		require.Len(t, responses, len(chunk))
		for i, q := range chunk {
			r := responses[fmt.Sprint(i)]
			require.NoError(t, r.Error, "%s: %s", q.where, driver.Describe(r))
			if hasValues(r) {
				withData++
			} else if !q.annotation { // where nothing happened there is nothing to say
				require.NotEmpty(t, driver.Notices(r), "%s is empty and does not say why: %s", q.where, driver.Describe(r))
			}
		}
	}
	return withData
}

func hasValues(r backend.DataResponse) bool {
	return slices.ContainsFunc(r.Frames, func(f *data.Frame) bool { return f.Rows() > 0 })
}

// firstValue is the first value that a variable offers.
func firstValue(t *testing.T, p *driver.Plugin, s driver.Source, label string, filters map[string][]string) string {
	t.Helper()
	text, err := json.Marshal(filters)
	require.NoError(t, err)
	status, answer := p.Call(s, "values", url.Values{"label": {label}, "filters": {string(text)}}.Encode())
	require.Equal(t, 200, status, answer)
	values, ok := answer["values"].([]any)
	require.True(t, ok)
	require.NotEmpty(t, values)
	return values[0].(string)
}

// Grafana finds columns by their titles: in the table's settings, in what is counted, and in what becomes a threshold.
func TestColumnsAreThoseOfTheAnswers(t *testing.T) {
	p := driver.Start(t, binary, t.TempDir())
	f := fleets[slices.IndexFunc(fleets, func(f fleet) bool { return f.name == "mixed" })]
	s := watched(t, p, f)
	answers := p.Ask(s, time.Minute, map[string]any{"queryType": "models"}, map[string]any{"queryType": "objectives"})
	titles := func(ref string) (out []string) {
		require.NoError(t, answers[ref].Error)
		for _, field := range answers[ref].Frames[0].Fields {
			name := field.Name
			if field.Config != nil && field.Config.DisplayNameFromDS != "" {
				name = field.Config.DisplayNameFromDS
			}
			out = append(out, name)
		}
		return out
	}
	inTable := titles("A")
	var columns []string
	for _, c := range tableColumns() {
		columns = append(columns, c.name)
	}
	// Nothing in this fleet has these.
	missing := []string{"Model memory", "Prediction staleness", "Cold-hit rate", "Cache hit ratio", "Client error rate", "Time to first token p95", "Replicas"}
	for _, title := range columns {
		if !slices.Contains(missing, title) {
			require.Contains(t, inTable, title)
		}
	}
	require.Contains(t, inTable, "Objective used")
	objectives := titles("B")
	drawn := map[string]bool{}
	for name := range Files() {
		dashboard, _ := shipped(t, name)
		for _, panel := range dashboard.all() {
			for _, transformation := range panel.Transformations {
				if transformation.ID != "configFromData" {
					continue
				}
				var options struct{ Mappings []struct{ FieldName string } }
				require.NoError(t, json.Unmarshal(transformation.Options, &options))
				require.Len(t, options.Mappings, 1)
				require.Contains(t, objectives, options.Mappings[0].FieldName, panel.Title)
				drawn[options.Mappings[0].FieldName] = true
			}
		}
	}
	require.Len(t, drawn, len(objective.Definitions), "every objective is drawn into a panel")
}
