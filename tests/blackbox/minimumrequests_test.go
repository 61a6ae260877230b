package blackbox

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/tests/blackbox/driver"
)

// A value that rests on fewer requests than a query wants is none; staleness rests on no requests. What a model is held to is
// told wherever it is measured.
func TestValuesOfFewRequestsAreLeftOut(t *testing.T) {
	t.Parallel()
	p := driver.Start(t, binary, t.TempDir())
	s := ownSource("few", newFakeServer(t, failingPage+trained+"72h\n"))
	of := func(model, objective string) map[string]string {
		return map[string]string{"model": model, "objective": objective}
	}
	resting := func(signal string, requests int) map[string]any {
		q := within("10s", query(signal, nil, "model", "objective"))
		q["instant"], q["minimumRequests"] = true, requests
		return q
	}
	answer := eventually(t, p, s, resting("slo_violation", 2), of("llama", "error_rate"), of("churn", "prediction_staleness"))
	require.InDelta(t, 50, driver.Value(t, answer, of("llama", "error_rate")), 1e-6)
	answers := p.Ask(s, 30*time.Second, resting("slo_violation", 1_000_000), resting("slo_objective", 2))
	_, found := driver.Find(answers["A"], of("llama", "error_rate"))
	require.False(t, found)
	require.InDelta(t, 1.5, driver.Value(t, answers["A"], of("churn", "prediction_staleness")), 0.01)
	require.InDelta(t, 0.01, driver.Value(t, answers["B"], of("llama", "error_rate")), 1e-9)
	require.InDelta(t, 48*3600, driver.Value(t, answers["B"], of("churn", "prediction_staleness")), 1e-9)
}
