package remote

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/executor"
	"github.com/coldhit/modelserving-datasource/pkg/plan"
	"github.com/coldhit/modelserving-datasource/pkg/settings"
)

// The end of the range is the same for every part, whether or not it is a step.
func TestPlansOverLongRangesAreSplit(t *testing.T) {
	t.Parallel()
	server := stored(t)
	whole := newClient(t, server.Instance())
	parts := newClient(t, server.Instance(), func(s *settings.Prometheus) { s.MaxQueryRange = time.Minute })
	requests := plan.Select{Metric: "requests_total"}
	increase := plan.IncreaseOverRange{Of: requests}
	for _, seconds := range []time.Duration{7, 50, 59} {
		start := origin.Add(5 * time.Second) // between two scrapes
		r := executor.Range{Start: start, End: start.Add(10*time.Minute + seconds*time.Second), Step: 15 * time.Second, Span: 5 * time.Minute}
		for name, n := range map[string]plan.Node{
			"samples": plan.Last{Of: requests},
			"total":   increase,
			"top":     plan.TopK{Of: plan.Last{Of: requests}, By: []string{"model"}, K: 1, Rank: plan.Aggregate{Op: plan.Sum, By: []string{"model"}, Of: increase}},
		} {
			want, err := whole.Range(t.Context(), n, r)
			require.NoError(t, err)
			require.NotEmpty(t, want.Series)
			before := server.Requests.Load()
			got, err := parts.Range(t.Context(), n, r)
			require.NoError(t, err)
			require.Equal(t, int64(11), server.Requests.Load()-before, name)
			requireSame(t, want, got, name)
		}
		const typed = `increase(requests_total[5m] @ end()) + requests_total @ end()`
		want, err := whole.RangePromQL(t.Context(), typed, r)
		require.NoError(t, err)
		require.NotEmpty(t, want.Series)
		got, err := parts.RangePromQL(t.Context(), typed, r)
		require.NoError(t, err)
		requireSame(t, want, got, typed)
	}
}

func TestInstantPlans(t *testing.T) {
	t.Parallel()
	client := newClient(t, stored(t).Instance())
	at := executor.Instant{At: origin.Add(10 * time.Minute), Span: 5 * time.Minute}
	for text, n := range map[string]plan.Node{
		`increase(requests_total[5m])`: plan.IncreaseOverRange{Of: plan.Select{Metric: "requests_total"}},
		`topk(1, requests_total)`:      plan.Highest{K: 1, Of: plan.Last{Of: plan.Select{Metric: "requests_total"}}},
	} {
		want, err := client.InstantPromQL(t.Context(), text, at.At)
		require.NoError(t, err)
		require.NotEmpty(t, want.Series)
		got, err := client.Instant(t.Context(), n, at)
		require.NoError(t, err)
		requireSame(t, want, got, text)
	}
}
