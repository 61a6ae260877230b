package blackbox

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/tests/blackbox/driver"
)

// What a server counted before it was first seen happened nobody knows when. What it counts from then on are events, those of its
// first series for a model included, and those of which it does not say the model.
func TestLoadsFromBeforeAServerIsKnownAreNoEvents(t *testing.T) {
	t.Parallel()
	page := func(mux, wakes string, more string) string {
		return "ray_serve_deployment_replica_healthy{application=\"mux\"} 2\n" +
			"ray_serve_multiplexed_models_load_counter_total{application=\"mux\"} " + mux + "\n" +
			"vllm:num_requests_running{model_name=\"llama\"} 0\n" +
			"vllm:sleep_mode_operation_duration_seconds_count{operation=\"wake\"} " + wakes + "\n" + more
	}
	server := newFakeServer(t, page("24", "7", ""))
	p := driver.Start(t, binary, t.TempDir())
	s := driver.Embedded("loadsbefore", server.target("a", "text"))
	events := func() []string {
		return titles(t, p.Ask(s, 5*time.Minute, map[string]any{"queryType": "events", "eventTypes": []string{"loads"}})["A"])
	}
	eventually(t, p, s, within("10s", query("replicas", []string{"last"}, "model")), map[string]string{"model": "mux"})
	require.Empty(t, events(), "31 loads, at whatever times")

	server.show(page("25", "9", "ray_serve_multiplexed_models_load_counter_total{application=\"late\"} 1\n"))
	want := []string{"Model loaded: mux", "Model loaded: a model of text", "Model loaded: late"}
	require.Eventually(t, func() bool { return len(events()) >= len(want) }, time.Minute, 4*pollEvery)
	require.ElementsMatch(t, want, events())
}

// rowsOf are the table's rows, each as deployment and model, with a column's value.
func rowsOf(t *testing.T, r backend.DataResponse, column string) map[string]float64 {
	t.Helper()
	require.NoError(t, r.Error)
	deployments, _ := r.Frames[0].FieldByName("deployment")
	models, _ := r.Frames[0].FieldByName("model")
	values, _ := r.Frames[0].FieldByName(column)
	require.NotNil(t, values, "no column %s in %s", column, driver.Describe(r))
	out := map[string]float64{}
	for i := range models.Len() {
		name := fmt.Sprint(deployments.At(i), " ", models.At(i))
		require.NotContains(t, out, name)
		out[name] = -1 // no value
		if v, ok := values.At(i).(*float64); ok && v != nil {
			out[name] = *v
		}
	}
	return out
}

// A row is a model of a deployment: two deployments may have models of one name, a model that goes leaves its row for as long as the
// range has its traffic, and requests of no model are nobody's.
func TestRowsOfModels(t *testing.T) {
	t.Parallel()
	page := func(model string, requests int) string {
		return fmt.Sprintf("vllm:num_requests_running{model_name=%[1]q} 0\nvllm:request_success_total{model_name=%[1]q,finished_reason=\"stop\"} +%[2]d\n"+
			"vllm:request_success_total{model_name=\"\",finished_reason=\"stop\"} +5\n", model, requests)
	}
	one, other := newFakeServer(t, page("iris", 10)), newFakeServer(t, page("iris", 30))
	p := driver.Start(t, binary, t.TempDir())
	s := driver.Embedded("rows", one.target("one", "first"), other.target("other", "second"))
	table := func() backend.DataResponse {
		return p.Ask(s, 5*time.Minute, map[string]any{"queryType": "models"})["A"]
	}
	eventually(t, p, s, within("10s", query("requests", nil, "deployment", "model")), map[string]string{"deployment": "first", "model": "iris"}, map[string]string{"deployment": "second", "model": "iris"})
	rows := rowsOf(t, table(), "requests_rate")
	require.Len(t, rows, 2, "%v", rows)
	require.Greater(t, rows["second iris"], 1.5*rows["first iris"])
	require.Equal(t, map[string]float64{"first iris": 1, "second iris": 1}, rowsOf(t, table(), "models_resident_last"))

	one.show(page("renamed", 10))
	require.Eventually(t, func() bool {
		return slices.Contains(keysOf(rowsOf(t, table(), "models_resident_last")), "first renamed")
	}, time.Minute, 4*pollEvery)
	require.Equal(t, map[string]float64{"first iris": -1, "first renamed": 1, "second iris": 1}, rowsOf(t, table(), "models_resident_last"))
}

// A server that names no model has one: its deployment is the row.
func TestAServerWithoutNamesForModelsIsARow(t *testing.T) {
	t.Parallel()
	server := newFakeServer(t, "tgi_request_count +10\ntgi_request_success +9\ntgi_request_failure{err=\"generation\"} +1\ntgi_queue_size 3\ntgi_batch_current_size 2\n")
	p := driver.Start(t, binary, t.TempDir())
	s := driver.Embedded("unnamed", server.target("tgi", "chat"))
	eventually(t, p, s, within("10s", query("requests", nil, "deployment")), map[string]string{"deployment": "chat"})
	table := p.Ask(s, 5*time.Minute, map[string]any{"queryType": "models"})["A"]
	require.InDelta(t, 0.1, rowsOf(t, table, "error_rate_mean")["chat "], 1e-9)
	require.NotContains(t, driver.Notices(table), "Collecting data")
}

func keysOf(m map[string]float64) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	return out
}
