package passes

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/plan"
)

func TestPin(t *testing.T) {
	t.Parallel()
	end, other := time.Unix(1_700_000_000, 0), time.Unix(1_600_000_000, 0)
	requests := plan.Select{Metric: "requests"}
	n := plan.Union{Of: []plan.Node{
		plan.TopK{Of: last("up"), By: []string{"model"}, K: 1, Rank: sum(plan.IncreaseOverRange{Of: requests}, "model")},
		plan.IncreaseOverRange{Of: requests, End: other},
		plan.Rate{Of: requests, Window: time.Minute},
	}}
	require.True(t, DependsOnRange(n))
	pinned := Pin(n, end)
	require.Equal(t, plan.Union{Of: []plan.Node{
		plan.TopK{Of: last("up"), By: []string{"model"}, K: 1, Rank: sum(plan.IncreaseOverRange{Of: requests, End: end}, "model")},
		plan.IncreaseOverRange{Of: requests, End: other},
		plan.Rate{Of: requests, Window: time.Minute},
	}}, pinned, "what has an end keeps it")
	require.False(t, DependsOnRange(pinned))
	require.True(t, DependsOnRange(n), "the plan given stays as it is")
}
