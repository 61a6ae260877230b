package query

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func (h *harness) events(types ...string) result {
	return h.ask(halfHour(Request{Type: Events, EventTypes: types}))
}

func (r result) titles() []string {
	r.t.Helper()
	if len(r.Frames) == 0 || r.Frames[0].Rows() == 0 {
		return nil
	}
	return r.column("title")
}

func TestLoadsAndEvictionsAreEvents(t *testing.T) {
	t.Parallel()
	h := newHarness(t, management)
	require.Equal(t, []string{"Model loaded: b"}, h.events("loads").titles())
	require.Equal(t, []string{"Model unloaded: a"}, h.events("evictions").titles())
	require.Equal(t, []string{"Model loaded: b", "Model unloaded: a"}, h.events().titles(), "in order")
	r := halfHour(Request{Type: Events, Filters: map[string][]string{"model": {"a"}}})
	require.Equal(t, []string{"Model unloaded: a"}, h.ask(r).titles())
}

func TestScalingIsAnEvent(t *testing.T) {
	t.Parallel()
	h := newHarness(t, baseten, strings.NewReplacer("iris", "rose", "three", "four", "1x79 3x80", "4x79 2x80").Replace(baseten))
	answer := h.events("scaling")
	require.ElementsMatch(t, []string{"Scaled up: iris", "Scaled down: rose"}, answer.titles())
	require.Contains(t, strings.Join(answer.column("text"), "\n"), "from 1 to 3 active replicas")
	require.Contains(t, strings.Join(answer.column("text"), "\n"), "from 4 to 2 active replicas")
}

// counting is a server that only counts requests. All its counters begin again 20 minutes before noon.
const counting = `
nv_inference_request_success{model="a",version="1"} 0+9x79 0+9x80
nv_inference_request_success{model="b",version="1"} 0+5x79 0+5x80`

func TestRestartsAreEvents(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"Restarted: one:8002"}, newHarness(t, counting).events("restarts").titles())
	says := newHarness(t, vllm("llama", 1, 1, 1, 1), `process_start_time_seconds{deployment="text",instance="two:8000"} 1000x79 2000x80`)
	answer := says.events("restarts")
	require.Equal(t, []string{"Restarted: two:8000"}, answer.titles())
	require.Contains(t, answer.column("text")[0], "its process started again")
}

func TestAModelThatIsLoadedAgainIsNoRestart(t *testing.T) {
	t.Parallel()
	h := newHarness(t, `
nv_inference_request_success{model="a",version="1"} 100+9x79 0+9x80
nv_inference_request_success{model="b",version="1"} 100+5x160
modelserving_model_resident{model="a",version="1"} 1x160
modelserving_model_loads_total{model="a",version="1"} 1x79 2x80`)
	require.Empty(t, h.events("restarts").titles())
	require.Equal(t, []string{"Model loaded: a"}, h.events("loads").titles())
}

func TestServersThatAppearAreNoEvents(t *testing.T) {
	t.Parallel()
	h := newHarness(t, `
nv_inference_request_success{model="a",version="1"} _x80 5+9x79
modelserving_model_resident{model="a",version="1"} _x80 1x79
modelserving_model_loads_total{model="a",version="1"} _x80 1x79`)
	require.Empty(t, h.events().titles())
}

func TestManyFallsOfCountersAreLookedAtInPart(t *testing.T) {
	t.Parallel()
	var values strings.Builder
	for i := range scrapes {
		fmt.Fprintf(&values, " %d", 10*(i%2))
	}
	var lines []string
	for i := range 3 {
		lines = append(lines, fmt.Sprintf(`nv_inference_request_success{model="a",version="1",instance="i%d"}%s`, i, values.String()))
	}
	answer := newHarness(t, lines...).events("restarts")
	require.Contains(t, answer.notices(), "the latest 100")
	require.Len(t, answer.titles(), 100)
}

func TestEventsThatNothingReports(t *testing.T) {
	t.Parallel()
	require.NotEmpty(t, newHarness(t).events().notices())
	err := newHarness(t).fails(halfHour(Request{Type: Events, EventTypes: []string{"fires"}}))
	require.ErrorAs(t, err, new(UserError))
	require.ErrorContains(t, err, `unknown event type "fires": choose from loads, evictions, scaling, restarts`)
	r := halfHour(Request{Type: Events})
	r.Range.To = r.Range.From
	require.ErrorAs(t, newHarness(t).fails(r), new(UserError))
}

// refused is the counter of a storage that could not write for ten minutes, twice, and of a clock that was wrong.
const refused = `
modelserving_storage_refused_samples_total{reason="disk_full"} _x50 0 50+50x39 2000x40 2050+50x15
modelserving_storage_refused_samples_total{reason="too_old"} _x60 0 3 3x90`

func TestLossesAreEvents(t *testing.T) {
	t.Parallel()
	h := newHarness(t, counting, refused)
	require.Empty(t, h.events("losses").titles(), "somebody else collects")
	h.Collector = scraper{}
	answer := h.events("losses")
	require.Equal(t, []string{
		"Samples not stored: the file system is full", "Samples not stored: they are older than what can still be stored",
		"Samples not stored: the file system is full",
	}, answer.titles())
	require.Contains(t, answer.column("text")[0], "2000 samples were not stored until")
	require.Contains(t, answer.column("text")[1], "3 samples were not stored until")
}
