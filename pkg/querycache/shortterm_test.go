package querycache

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAnswersAboutOneTimeAreSharedForAMoment(t *testing.T) {
	t.Parallel()
	behind := &counted{series: 1}
	kept, clock := newKept(behind, 1<<20)
	ask := func() {
		t.Helper()
		got, err := kept.InstantPromQL(t.Context(), "up", at(0))
		require.NoError(t, err)
		require.Equal(t, map[string]string{"i": "0000"}, got.Series[0].Labels)
		got.Series[0].Labels["i"], got.Series[0].Values[0] = "changed", -1
		values, err := kept.LabelValues(t.Context(), "model", []plan.Select{{Metric: "up"}}, at(0), at(1), 5)
		require.NoError(t, err)
		require.Equal(t, []string{"a"}, values)
		values[0] = "changed"
	}
	ask()
	ask()
	require.EqualValues(t, 2, behind.requests.Load())
	_, err := kept.InstantPromQL(t.Context(), "up", at(15))
	require.NoError(t, err)
	require.EqualValues(t, 3, behind.requests.Load(), "another time is another question")
	clock.seconds.Add(1)
	ask()
	require.EqualValues(t, 5, behind.requests.Load(), "a moment later all is asked anew")
	kept.Clear()
	ask()
	require.EqualValues(t, 7, behind.requests.Load())
}

func TestNothingBadIsHeldForAMoment(t *testing.T) {
	t.Parallel()
	behind := &counted{series: 1, fail: errors.New("down")}
	kept, _ := newKept(behind, 1<<20)
	_, err := kept.InstantPromQL(t.Context(), "up", at(0))
	require.ErrorIs(t, err, behind.fail)
	behind.fail, behind.warnings = nil, []string{"a part"}
	for range 2 {
		got, err := kept.InstantPromQL(t.Context(), "up", at(0))
		require.NoError(t, err)
		require.Equal(t, behind.warnings, got.Warnings)
	}
	require.EqualValues(t, 3, behind.requests.Load())
	behind.warnings, behind.series = nil, maxRecentSize+1
	for range 2 {
		_, err := kept.InstantPromQL(t.Context(), "large", at(0))
		require.NoError(t, err)
	}
	require.EqualValues(t, 5, behind.requests.Load())
	var m shortTerm
	for i := range 2 * maxRecent {
		m.put(string(rune('a'+i)), nil, 0, at(0), at(0))
	}
	require.Len(t, m.results, maxRecent)
	_, found := m.get("a", at(0).Add(moment/2))
	require.True(t, found)
	_, found = m.get("a", at(0).Add(moment))
	require.False(t, found)
	require.Empty(t, m.results)
	m.put("slow", nil, 0, at(0), at(0).Add(time.Minute))
	require.Empty(t, m.results)
}
