//go:build modelservers

package modelservers

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/demo/fleet"
)

// A recorder that asks Triton which models are in memory tells hot from cold without anybody's header: never wrongly, and
// nearly always.
func TestManagementTellsHotFromColdOfTriton(t *testing.T) {
	const slots, models, rounds, coldEach, hotEach = 2, 4, 3, 4, 8
	var all []fleet.Model
	for i := range models {
		all = append(all, fleet.Model{Name: fmt.Sprintf("m%d", i), Versions: []int{1}})
	}
	l := startTail(t, "management", all, slots)
	for _, m := range all {
		sleeping(t, filepath.Join(scratch, "management", "models"), m.Name, 5*time.Millisecond)
	}
	r := record(t, "recorder-management", "upstream: "+l.url+"\ncold: {management: {protocol: open_inference_v2, url: "+l.triton.HTTP+", interval: 20ms}}")
	told := func(model, path string) int {
		return r.count(fmt.Sprintf(`model=%q,protocol="http",start=%q,start_source="(management|none)"`, model, path))
	}
	sent := map[string]int{}
	for range rounds {
		for _, m := range all {
			request := generate(r.url(), m.Name)
			for _, each := range []int{coldEach, hotEach} {
				request.sendAtOnce(t, each, each)
				sent[m.Name] += each
				// A verdict takes an answer of Triton's that was asked for later. Then it is known that the model is there.
				r.await(fmt.Sprintf(`model=%q`, m.Name), sent[m.Name])
			}
			truth := l.counted(m.Name)
			require.LessOrEqual(t, told(m.Name, "cold"), int(truth.Cold), "%s: a hot request was called cold", m.Name)
			require.LessOrEqual(t, told(m.Name, "hot"), int(truth.Hot), "%s: a cold request was called hot", m.Name)
		}
	}
	var cold, hot, toldCold, toldHot int
	for _, m := range all {
		truth := l.counted(m.Name)
		cold, hot = cold+int(truth.Cold), hot+int(truth.Hot)
		toldCold, toldHot = toldCold+told(m.Name, "cold"), toldHot+told(m.Name, "hot")
	}
	t.Logf("%d of %d cold requests and %d of %d hot ones were told", toldCold, cold, toldHot, hot)
	require.Equal(t, models*rounds*coldEach, cold)
	require.Equal(t, models*rounds*hotEach, hot)
	require.GreaterOrEqual(t, toldCold, cold*9/10)
	require.GreaterOrEqual(t, toldHot, hot*9/10)
}
