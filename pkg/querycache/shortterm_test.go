package querycache

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/plan"
)

func TestAnswersAboutOneTimeAreSharedForAMoment(t *testing.T) {
	t.Parallel()
	store := &countingStore{series: 1}
	cache, clock := newCache(store, 1<<20)
	ask := func() {
		t.Helper()
		got, err := cache.InstantPromQL(t.Context(), "up", at(0))
		require.NoError(t, err)
		require.Equal(t, map[string]string{"i": "0000"}, got.Series[0].Labels)
		got.Series[0].Labels["i"], got.Series[0].Values[0] = "changed", -1
		values, err := cache.LabelValues(t.Context(), "model", []plan.Select{{Metric: "up"}}, at(0), at(1), 5)
		require.NoError(t, err)
		require.Equal(t, []string{"a"}, values)
		values[0] = "changed"
	}
	ask()
	ask()
	require.EqualValues(t, 2, store.requests.Load())
	_, err := cache.InstantPromQL(t.Context(), "up", at(15))
	require.NoError(t, err)
	require.EqualValues(t, 3, store.requests.Load(), "another time is another question")
	clock.seconds.Add(1)
	ask()
	require.EqualValues(t, 5, store.requests.Load(), "a moment later all is asked anew")
	cache.Clear()
	ask()
	require.EqualValues(t, 7, store.requests.Load())
}

func TestNothingBadIsHeldForAMoment(t *testing.T) {
	t.Parallel()
	store := &countingStore{series: 1, fail: errors.New("down")}
	cache, _ := newCache(store, 1<<20)
	_, err := cache.InstantPromQL(t.Context(), "up", at(0))
	require.ErrorIs(t, err, store.fail)
	store.fail, store.warnings = nil, []string{"a part"}
	for range 2 {
		got, err := cache.InstantPromQL(t.Context(), "up", at(0))
		require.NoError(t, err)
		require.Equal(t, store.warnings, got.Warnings)
	}
	require.EqualValues(t, 3, store.requests.Load())
	store.warnings, store.series = nil, maxRecentSize+1
	for range 2 {
		_, err := cache.InstantPromQL(t.Context(), "large", at(0))
		require.NoError(t, err)
	}
	require.EqualValues(t, 5, store.requests.Load())
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
