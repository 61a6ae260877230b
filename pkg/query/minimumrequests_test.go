package query

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestValuesOfFewRequestsAreLeftOut(t *testing.T) {
	t.Parallel()
	h := newHarness(t, triton)
	r := signalOf("error_rate", nil, "model")
	r.MinimumRequests = 100 // a minute has 240 of a and 60 of b
	answer := h.ask(r)
	require.InDelta(t, 0.1, answer.last("model", "a"), 1e-9)
	answer.lacks("model", "b")
	r.Window = 5 * time.Minute
	require.Zero(t, h.ask(r).last("model", "b"))
}
