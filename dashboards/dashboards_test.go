package dashboards

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

var update = flag.Bool("update", false, "write the dashboards' files instead of comparing them")

func TestFiles(t *testing.T) {
	for name, dashboard := range Files() {
		made, err := dashboard.JSON()
		require.NoError(t, err)
		if *update {
			require.NoError(t, os.WriteFile(name, made, 0o644))
		}
		file, err := os.ReadFile(name)
		require.NoError(t, err)
		require.Equal(t, string(made), string(file), "%s differs from what the package makes; run go generate ./dashboards and look at what changes", name)
	}
	files, err := filepath.Glob("*.json")
	require.NoError(t, err)
	require.Len(t, files, len(Files()), "a file that nothing here makes")
}

func TestEveryDashboardIsInThePlugin(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "plugin.json"))
	require.NoError(t, err)
	var plugin struct {
		ID       string
		Includes []struct{ Type, Name, Path string }
	}
	require.NoError(t, json.Unmarshal(text, &plugin))
	require.Equal(t, PluginID, plugin.ID)
	included := map[string]string{}
	for _, i := range plugin.Includes {
		if i.Type == "dashboard" {
			included[strings.TrimPrefix(i.Path, "dashboards/")] = i.Name
		}
	}
	for name, dashboard := range Files() {
		require.Equal(t, dashboard.Title, included[name])
	}
	require.Len(t, included, len(Files()))
}

var selectionFilters = map[string][]string{"environment": {"$environment"}, "deployment": {"$deployment"}, "model": {"$model"}}

func TestDashboardFitsAnyInstallation(t *testing.T) {
	for name := range Files() {
		t.Run(name, func(t *testing.T) {
			dashboard, text := shipped(t, name)
			require.Nil(t, dashboard.ID)
			require.NotEmpty(t, dashboard.UID)
			require.Equal(t, 38, dashboard.SchemaVersion)
			require.Equal(t, []string{"model-serving"}, dashboard.Tags)
			require.Contains(t, text, `"id": null`)
			for _, forbidden := range []string{"${DS_", "__inputs", "__requires"} {
				require.NotContains(t, text, forbidden)
			}
			for _, uid := range regexp.MustCompile(`"uid": "([^"]*)"`).FindAllStringSubmatch(text, -1) {
				require.Contains(t, []string{"${datasource}", "-- Grafana --", dashboard.UID}, uid[1])
			}
		})
	}
}

func TestPanels(t *testing.T) {
	for name := range Files() {
		dashboard, _ := shipped(t, name)
		ids := map[int]string{}
		titles := map[string]bool{}
		for _, p := range dashboard.all() {
			t.Run(name+"/"+p.Title, func(t *testing.T) {
				require.Empty(t, ids[p.ID], "another panel has this id")
				ids[p.ID] = p.Title
				require.NotEmpty(t, p.Title)
				require.LessOrEqual(t, p.GridPos.X+p.GridPos.W, 24)
				if p.Type == "row" {
					require.Equal(t, p.Collapsed, len(p.Panels) > 0, "panels are in a closed row, and follow an open one")
					return
				}
				require.False(t, titles[p.Title+p.Type], "another panel of the dashboard has this title")
				titles[p.Title+p.Type] = true
				require.Contains(t, []string{"timeseries", "stat", "table", "status-history"}, p.Type)
				require.Equal(t, dataSourceRef{Type: PluginID, UID: "${datasource}"}, p.DataSource)
				require.NotEmpty(t, p.FieldConfig.Defaults.NoValue)
				require.LessOrEqual(t, len(sentenceEnd.FindAllString(p.Description, -1)), 3, "a description has at most three sentences: %s", p.Description)
				require.Regexp(t, `\*\*(High|Low|Rows|Red):\*\* `, p.Description, "a description says what to do")
				require.NotEmpty(t, p.Targets)
				refs := map[string]bool{}
				for i, target := range p.Targets {
					q := checkTarget(t, target, p)
					require.Equal(t, i > 0, q.QueryType == "objectives", "the first query is what the panel is about, objectives come beside it")
					require.False(t, refs[q.RefID])
					refs[q.RefID] = true
				}
			})
		}
	}
}

// sentenceEnd is where a sentence of a description ends.
var sentenceEnd = regexp.MustCompile(`[.!?](\s|$)`)

// checkTarget checks one query of a panel as the data source would, and returns it.
func checkTarget(t *testing.T, target json.RawMessage, p shippedPanel) targetQuery {
	t.Helper()
	var q targetQuery
	strict(t, target, &q)
	require.NotEmpty(t, q.RefID)
	require.Equal(t, p.DataSource, q.DataSource)
	for label, values := range selectionFilters {
		if label == "model" && (q.Signal == "replicas" || q.QueryType == "diagnosis") && q.Filters[label] == nil {
			continue // replicas that start have no model
		}
		require.Equal(t, values, q.Filters[label], "the dashboard's variables filter every panel")
	}
	if q.QueryType != "signal" {
		require.Contains(t, []string{"models", "objectives", "diagnosis"}, q.QueryType)
		for label := range q.Filters {
			require.Contains(t, selectionFilters, label)
		}
		return q
	}
	checked, err := signal.Builtin().NewQuery(q.Signal, q.Statistics, q.GroupBy, q.Filters, q.Limit, true, 0)
	require.NoError(t, err)
	require.NotEmpty(t, q.Statistics)
	require.Equal(t, checked.Signal.GrafanaUnit(), p.FieldConfig.Defaults.Unit)
	require.True(t, strings.HasPrefix(p.Title, checked.Signal.Title), "the title begins with the signal's")
	require.True(t, strings.HasPrefix(p.Description, firstSentence(checked.Signal.Description)), "the description begins with what the panel shows")
	if p.Type != "stat" {
		require.Contains(t, p.FieldConfig.Defaults.NoValue, checked.Signal.MeasuredBy)
	}
	return q
}

// signalsOf lists the signals that a dashboard's panels query.
func signalsOf(t *testing.T, file string) []string {
	t.Helper()
	dashboard, _ := shipped(t, file)
	var names []string
	for _, p := range dashboard.all() {
		for _, target := range p.Targets {
			var q targetQuery
			strict(t, target, &q)
			names = append(names, q.Signal)
		}
	}
	return names
}

func TestEverySignalIsOnADashboard(t *testing.T) {
	onMetrics := signalsOf(t, "metrics.json")
	var anywhere []string
	for name := range Files() {
		anywhere = append(anywhere, signalsOf(t, name)...)
	}
	// Of one model, a language model, a model cache, an objective or a team's own alone: a Metrics tab has none of these.
	elsewhere := []string{
		"time_to_first_token", "inter_token_latency", "prefill_time", "decode_time", "input_tokens", "output_tokens", "model_memory", "model_gpu_utilization",
		"cold_hit_rate", "cold_load_rate", "cache_hit_ratio", "age_at_eviction", "prefix_cache_hit_ratio", "kv_cache_usage", "prediction_staleness",
		"feature_extraction_time", "slo_violation", "slo_burn_rate", "energy_per_thousand_requests",
	}
	for _, s := range signal.Builtin() {
		if s.Name == signal.SLOObjective {
			continue // panels draw it as a threshold
		}
		require.Contains(t, anywhere, s.Name)
		require.Equal(t, !slices.Contains(elsewhere, s.Name), slices.Contains(onMetrics, s.Name), s.Name)
	}
	for name := range adviceOf {
		_, found := signal.Find(name)
		require.True(t, found, "advice on %s, which is no signal", name)
	}
}

func TestRowsAreThoseOfTheMetricsTab(t *testing.T) {
	dashboard, _ := shipped(t, "metrics.json")
	var rows []string
	for _, p := range dashboard.Panels {
		if p.Type == "row" {
			rows = append(rows, p.Title)
		}
	}
	require.Equal(t, []string{
		"Inference volume", "Response time", "Request and response size", "Replicas", "Concurrent requests",
		"CPU usage and memory", "GPU usage and memory", "Async queue",
	}, rows)
	var layers []string
	for _, p := range below(dashboard.Panels, "Response time") {
		layers = append(layers, targetSignal(t, p))
	}
	require.Equal(t, []string{"response_time", "inference_time", "time_to_first_byte"}, slices.Compact(layers))
}

// below lists the panels between a row's heading and the next one's.
func below(panels []shippedPanel, row string) []shippedPanel {
	start := slices.IndexFunc(panels, func(p shippedPanel) bool { return p.Type == "row" && p.Title == row }) + 1
	length := slices.IndexFunc(panels[start:], func(p shippedPanel) bool { return p.Type == "row" })
	return panels[start : start+length]
}

func targetSignal(t *testing.T, p shippedPanel) string {
	t.Helper()
	var q targetQuery
	strict(t, p.Targets[0], &q)
	return q.Signal
}

func TestPanelsDoNotOverlap(t *testing.T) {
	for name := range Files() {
		dashboard, _ := shipped(t, name)
		taken := map[[2]int]string{}
		for _, p := range dashboard.Panels {
			require.Positive(t, p.GridPos.H*p.GridPos.W)
			for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
				for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
					require.Empty(t, taken[[2]int{x, y}], "%q is where another panel is", p.Title)
					taken[[2]int{x, y}] = p.Title
				}
			}
		}
	}
}

func TestVariablesDependOnThoseBefore(t *testing.T) {
	want := []struct {
		name  string
		query variableQuery
	}{
		{"environment", variableQuery{RefID: "environment", Label: "environment", Filters: map[string][]string{}}},
		{"deployment", variableQuery{RefID: "deployment", Label: "deployment", Filters: map[string][]string{"environment": {"$environment"}}}},
		{"model", variableQuery{RefID: "model", Label: "model", Filters: map[string][]string{"environment": {"$environment"}, "deployment": {"$deployment"}}}},
	}
	for name := range Files() {
		dashboard, _ := shipped(t, name)
		list := dashboard.Templating.List
		require.Len(t, list, len(want)+1)
		require.Equal(t, "datasource", list[0].Name)
		require.Equal(t, "datasource", list[0].Type)
		require.JSONEq(t, `"`+PluginID+`"`, string(list[0].Query))
		for i, w := range want {
			v := list[i+1]
			require.Equal(t, w.name, v.Name)
			require.Equal(t, "query", v.Type)
			require.Equal(t, dataSourceRef{Type: PluginID, UID: "${datasource}"}, v.DataSource)
			require.Equal(t, 2, v.Refresh, "a change of the time range refreshes it")
			if name == "model.json" && w.name == "model" {
				require.False(t, v.Multi || v.IncludeAll)
				require.Empty(t, v.Current.Value)
			} else {
				require.True(t, v.Multi && v.IncludeAll)
				require.JSONEq(t, `["$__all"]`, string(v.Current.Value))
			}
			var q variableQuery
			strict(t, v.Query, &q)
			require.Equal(t, w.query, q)
		}
	}
}

type variableQuery struct {
	RefID   string              `json:"refId"`
	Label   string              `json:"label"`
	Filters map[string][]string `json:"filters"`
}

func TestAnnotationsAreOfTheSelection(t *testing.T) {
	for name := range Files() {
		dashboard, _ := shipped(t, name)
		list := dashboard.Annotations.List
		require.Len(t, list, 2)
		require.Equal(t, 1, list[0].BuiltIn)
		require.Equal(t, "-- Grafana --", list[0].DataSource.UID)
		require.True(t, list[1].Enable)
		require.Equal(t, dataSourceRef{Type: PluginID, UID: "${datasource}"}, list[1].DataSource)
		var q targetQuery
		strict(t, list[1].Target, &q)
		require.Equal(t, "events", q.QueryType)
		require.Equal(t, selectionFilters, q.Filters)
		_, err := signal.NewFilters(q.Filters)
		require.NoError(t, err)
		require.NotEmpty(t, list[1].Filter.IDs)
		for _, id := range list[1].Filter.IDs {
			i := slices.IndexFunc(dashboard.Panels, func(p shippedPanel) bool { return p.ID == id })
			require.GreaterOrEqual(t, i, 0)
			require.Contains(t, markedOn[dashboard.UID], targetSignal(t, dashboard.Panels[i]))
		}
	}
}
