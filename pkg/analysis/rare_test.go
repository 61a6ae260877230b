package analysis

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/series"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

func TestPointsOfFewRequestsAreLeftOut(t *testing.T) {
	t.Parallel()
	by := []signal.Label{signal.Model}
	of := func(model string, values ...float64) Series {
		s := Series{Series: series.Series{Labels: map[string]string{"model": model, "objective": "error_rate"}}}
		for i, v := range values {
			s.Times, s.Values = append(s.Times, int64(i)), append(s.Values, v)
		}
		return s
	}
	others := of("", 9)
	others.Others = true
	in := []Series{of("busy", 1, 2), of("rare", 3, 4), of("sometimes", 5, 6), of("uncounted", 7, 8), others}
	got := WithoutRare(in, []Series{of("busy", 10, 10), of("rare", 1, 0), of("sometimes", 9.9, 2)}, by, 10)
	require.Len(t, got, 4)
	require.Equal(t, of("busy", 1, 2), got[0])
	require.Equal(t, of("sometimes", 5), got[1], "9.9 is what is seen of 10")
	require.Equal(t, of("uncounted", 7, 8), got[2])
	require.Equal(t, others, got[3])
	require.Len(t, in[1].Values, 2, "the argument is as it was")
}
