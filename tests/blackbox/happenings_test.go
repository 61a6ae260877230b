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
	s := driver.Embedded("happenings", says.target("says", "text"), counts.target("counts", "vision"), platform.target("platform", "hosted"), leaves.target("leaves", "vision"))
	events := func(kinds ...string) []string {
		return titles(t, p.Ask(s, 5*time.Minute, map[string]any{"queryType": "events", "kinds": kinds})["A"])
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
