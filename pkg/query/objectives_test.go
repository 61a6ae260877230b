package query

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/objective"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// holdModelA holds a to other objectives than the default: 5 % errors, and no response time.
func (h *harness) holdModelA() {
	errors, off := 0.05, time.Duration(0)
	set, err := objective.NewSet(objective.Default(), []objective.Override{{Model: "a", ErrorRate: &errors, Staleness: &off}})
	require.NoError(h.t, err)
	h.Objectives = set
}

func TestViolationsAndBurnRates(t *testing.T) {
	t.Parallel()
	h := newHarness(t, triton, vllm("llama", 60, 90, 100, 100))
	h.holdModelA()
	by := []string{"model", "objective"}
	violation := h.ask(signalOf(signal.SLOViolation, nil, by...))
	require.InDelta(t, 2, violation.last("model", "a", "objective", "error_rate"), 1e-9, "10 % where 5 % are allowed")
	require.InDelta(t, 1.5, violation.last("model", "llama", "objective", "response_time"), 1e-6, "0.3 s where 0.2 s are allowed")
	violation.lacks("model", "a", "objective", "response_time")
	require.InDelta(t, 2, h.ask(signalOf(signal.SLOViolation, nil)).last(), 1e-6, "the highest of all")
	burn := h.ask(signalOf(signal.SLOBurnRate, nil, by...))
	require.InDelta(t, 2, burn.last("model", "llama", "objective", "response_time"), 1e-6, "10 % are slower than 0.2 s where 5 % may be")
	require.InDelta(t, 2, burn.last("model", "a", "objective", "error_rate"), 1e-9)
	allowed := h.ask(signalOf(signal.SLOObjective, nil, by...))
	require.InDelta(t, 0.05, allowed.last("model", "a", "objective", "error_rate"), 1e-9)
	r := signalOf(signal.SLOViolation, nil, by...)
	r.Filters = map[string][]string{"objective": {"error_rate"}}
	h.ask(r).lacks("objective", "response_time")
	r = signalOf(signal.SLOViolation, nil, by...)
	r.Limit = 1
	limited := h.ask(r)
	require.Len(t, limited.Frames, 1)
	require.Contains(t, limited.notices(), "Showing the 1 highest of ")
	require.InDelta(t, 2, limited.last("model", "a"), 1e-9)
}

func TestABurnRateBeyondTheHistogramIsABound(t *testing.T) {
	t.Parallel()
	h := newHarness(t, vllm("llama", 60, 80, 90, 100))
	set, err := objective.NewSet(objective.Objective{P95: 2 * time.Second}, nil)
	require.NoError(t, err)
	h.Objectives = set
	answer := h.ask(signalOf(signal.SLOBurnRate, nil, "model"))
	require.InDelta(t, 2, answer.last("model", "llama"), 1e-6, "at most 10 % are slower where 5 % may be")
	require.Contains(t, answer.notices(), "is an upper bound")
}
