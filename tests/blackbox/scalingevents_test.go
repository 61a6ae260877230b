package blackbox

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/tests/blackbox/driver"
)

// A process that says when it began, one that only counts, a platform that counts its replicas, and servers that come and go.
func TestScalingAndRestartsAreEvents(t *testing.T) {
	t.Parallel()
	vllm := func(start string) string {
		return "vllm:request_success_total{model_name=\"llama\",finished_reason=\"stop\"} +1\nvllm:num_requests_running{model_name=\"llama\"} 0\nprocess_start_time_seconds " + start + "\n"
	}
	baseten := func(active string) string {
		return "baseten_inference_requests_total{model_name=\"iris\",deployment_id=\"d1\",is_async=\"false\",status_code=\"200\"} +1\n" +
			"baseten_replicas_active{model_name=\"iris\",deployment_id=\"d1\"} " + active + "\n"
	}
	says, counts, platform, leaves := newFakeServer(t, vllm("1000")), newFakeServer(t, gpuPage), newFakeServer(t, baseten("1")), newFakeServer(t, gpuPage)
	p := driver.Start(t, binary, t.TempDir())
	s := driver.Embedded("scaling-events", says.target("says", "text"), counts.target("counts", "vision"), platform.target("platform", "hosted"), leaves.target("leaves", "vision"))
	events := func(kinds ...string) []string {
		return titles(t, p.Ask(s, 5*time.Minute, map[string]any{"queryType": "events", "eventTypes": kinds})["A"])
	}
	await := func(title string) {
		t.Helper()
		require.Eventually(t, func() bool { return slices.Contains(events(), title) }, time.Minute, 4*pollEvery, title)
	}
	scraped := within("10s", query("requests", nil, "deployment"))
	eventually(t, p, s, scraped, map[string]string{"deployment": "text"}, map[string]string{"deployment": "vision"}, map[string]string{"deployment": "hosted"})
	replicas := query("replicas", []string{"last"}, "deployment")
	replicas["filters"] = map[string]any{"deployment": []string{"vision"}}
	require.Eventually(t, func() bool { // for longer than targets have to show up
		answer := p.Ask(s, 5*time.Minute, replicas)["A"]
		value, found := driver.Find(answer, nil)
		return found && value == 2 && answer.Frames[0].Rows() > 8
	}, time.Minute, 4*pollEvery)
	require.Empty(t, events(), "that targets are scraped for the first time is no event")

	says.show(vllm("2000"))
	await("Restarted: " + says.Listener.Addr().String())
	counts.restart()
	await("Restarted: " + counts.Listener.Addr().String())
	platform.show(baseten("3"))
	await("Scaled up: iris")
	leaves.show("")
	await("Scaled down: vision")
	require.ElementsMatch(t, []string{"Scaled up: iris", "Scaled down: vision"}, events("scaling"))
	require.Len(t, events("restarts"), 2)
	require.Empty(t, events("loads", "evictions"))
}

// A model that takes another's place begins to count again while its server goes on; a restart takes all of them along.
func TestLoadsAreNotRestarts(t *testing.T) {
	t.Parallel()
	model := func(name, requests, loads string) string {
		labels := "{model=\"" + name + "\",version=\"1\"} "
		return "nv_inference_request_success" + labels + requests + "\nmodelserving_model_resident" + labels + "1\nmodelserving_model_loads_total" + labels + loads + "\n"
	}
	// Triton keeps the failures of a model that is gone.
	const failures = "nv_inference_request_failure{model=\"a\",reason=\"OTHER\",version=\"1\"} 0\nnv_inference_request_failure{model=\"b\",reason=\"OTHER\",version=\"1\"} 0\n"
	server := newFakeServer(t, failures+model("a", "9", "0")+model("b", "5", "0"))
	p := driver.Start(t, binary, t.TempDir())
	// Of a Triton the plugin itself reports loads, and takes them from no page.
	tail := server.target("tail", "tail")
	tail["profile"] = "modelserving"
	s := driver.Embedded("loads", tail)
	events := func() []string {
		return titles(t, p.Ask(s, 5*time.Minute, map[string]any{"queryType": "events"})["A"])
	}
	await := func(title string) {
		t.Helper()
		require.Eventually(t, func() bool { return slices.Contains(events(), title) }, time.Minute, 4*pollEvery, title)
	}
	eventually(t, p, s, within("10s", query("requests", nil, "model")), map[string]string{"model": "a"}, map[string]string{"model": "b"})

	server.show(failures + model("a", "1", "1")) // b gave way to a
	await("Model loaded: a")
	require.Equal(t, []string{"Model loaded: a"}, events())
	server.show(failures + model("a", "7", "1") + model("b", "3", "0"))
	settled := map[string]any{"queryType": "promql", "instant": true, "expr": `min_over_time(nv_inference_request_success{model="a"}[5s]) == 7`}
	require.Eventually(t, func() bool { // for longer than a load may be read late
		_, found := driver.Find(p.Ask(s, time.Minute, settled)["A"], map[string]string{"model": "a"})
		return found
	}, time.Minute, 4*pollEvery)
	server.show(failures + model("a", "0", "1") + model("b", "0", "0"))
	await("Restarted: " + server.Listener.Addr().String())
	require.Len(t, events(), 2)
}
