package querycache

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/executor"
	"github.com/coldhit/modelserving-datasource/pkg/plan"
)

func topRequests(k int, rest bool) plan.Node {
	return plan.TopK{
		Of: plan.Rate{Of: plan.Select{Metric: "up"}, Window: time.Minute}, By: []string{"i"}, K: k,
		Rank: plan.IncreaseOverRange{Of: plan.Select{Metric: "requests"}}, Rest: rest,
	}
}

func TestOnlyTopGroupsAreSelected(t *testing.T) {
	t.Parallel()
	store := &countingStore{series: 2}
	cache, clock := newCache(store, 1<<20)
	clock.seconds.Store(600)
	r := executor.Range{Start: at(0), End: at(600), Step: 15 * time.Second, Span: 10 * time.Minute}
	for _, rest := range []bool{false, true} {
		_, err := cache.Range(t.Context(), topRequests(2, rest), r)
		require.NoError(t, err)
	}
	require.Len(t, store.queries, 3, "the ranking is the same")
	require.Contains(t, store.queries[1], `rate(up{i=~"0000|0001"}[1m]) and on (i)`)
	require.Contains(t, store.queries[2], `rate(up[1m]) unless on (i)`, "which others there are is unknown")
}

func TestPlansWithTopGroupsAreCached(t *testing.T) {
	t.Parallel()
	store := &countingStore{series: 2}
	cache, clock := newCache(store, 1<<20)
	for _, end := range []int{600, 615, 630} {
		clock.seconds.Store(int64(end))
		_, err := cache.Range(t.Context(), topRequests(2, false), executor.Range{Start: at(end - 600), End: at(end), Step: 15 * time.Second, Span: 10 * time.Minute})
		require.NoError(t, err)
	}
	var ranges []string
	for _, q := range store.queries {
		if !strings.HasPrefix(q, "instant") {
			ranges = append(ranges, q[strings.LastIndex(q, " ")+1:])
		}
	}
	require.Equal(t, []string{"0..600", "555..615", "570..630"}, ranges)
}

// The groups are not named where their text is too long for servers and proxies.
func TestLongPlansStayShort(t *testing.T) {
	t.Parallel()
	store := &countingStore{series: 200}
	cache, clock := newCache(store, 1<<20)
	clock.seconds.Store(600)
	r := executor.Range{Start: at(0), End: at(600), Step: 15 * time.Second, Span: 10 * time.Minute}
	one, two := topRequests(200, false), topRequests(200, true)
	_, err := cache.Range(t.Context(), one, r)
	require.NoError(t, err)
	require.Contains(t, store.queries[1], "vector(1)")
	_, err = cache.Range(t.Context(), plan.Union{Of: []plan.Node{one, two, one, two}}, r)
	require.NoError(t, err)
	long := store.queries[len(store.queries)-1]
	require.Contains(t, long, "topk(200, increase(requests[10m] @ end()))")
	require.NotContains(t, long, "vector(1)")
	require.Equal(t, 1, cache.Statistics().Entries, "what depends on the range is not kept")
}

func TestPlansThatDependOnTheRangeAreNotKept(t *testing.T) {
	t.Parallel()
	store := &countingStore{series: 1}
	cache, clock := newCache(store, 1<<20)
	clock.seconds.Store(10_000)
	up := plan.Select{Metric: "up"}
	for _, n := range []plan.Node{plan.IncreaseOverRange{Of: up}, plan.Last{Of: up, Before: -time.Minute}} {
		store.queries = nil
		for range 2 {
			_, err := cache.Range(t.Context(), n, executor.Range{Start: at(0), End: at(600), Step: 15 * time.Second, Span: time.Minute})
			require.NoError(t, err)
		}
		require.Len(t, store.queries, 2)
		require.Equal(t, store.queries[0], store.queries[1])
	}
	require.Zero(t, cache.Statistics().Entries)
}

// Increases over different spans are different.
func TestSpansAreToldApartWhereTheyMatter(t *testing.T) {
	t.Parallel()
	up := plan.Select{Metric: "up"}
	store := &countingStore{series: 1}
	cache, _ := newCache(store, 1<<20)
	for _, n := range []plan.Node{plan.IncreaseOverRange{Of: up}, plan.IncreaseOverRange{Of: up, End: at(0)}, plan.Last{Of: up}} {
		for _, span := range []time.Duration{time.Hour, time.Minute} {
			_, err := cache.Instant(t.Context(), n, executor.Instant{At: at(0), Span: span})
			require.NoError(t, err)
		}
	}
	require.EqualValues(t, 5, store.requests.Load(), "samples are the same over any span")
}

// Text that a user typed may read like a plan, but is another query.
func TestTypedTextIsNoPlan(t *testing.T) {
	t.Parallel()
	store := &countingStore{series: 1}
	cache, clock := newCache(store, 1<<20)
	clock.seconds.Store(10_000)
	r := executor.Range{Start: at(0), End: at(600), Step: 15 * time.Second}
	for range 2 {
		_, err := cache.Range(t.Context(), plan.Last{Of: plan.Select{Metric: "up"}}, r)
		require.NoError(t, err)
		_, err = cache.RangePromQL(t.Context(), "up", r)
		require.NoError(t, err)
	}
	require.Equal(t, 2, cache.Statistics().Entries)
	require.EqualValues(t, 2, store.requests.Load())
}

func TestFailedRankings(t *testing.T) {
	t.Parallel()
	store := &countingStore{fail: errors.New("it died")}
	cache, clock := newCache(store, 1<<20)
	clock.seconds.Store(600)
	_, err := cache.Range(t.Context(), topRequests(2, false), executor.Range{Start: at(0), End: at(600), Step: 15 * time.Second})
	require.ErrorIs(t, err, store.fail)
	require.ErrorContains(t, err, "rank the groups")
	require.EqualValues(t, 1, store.requests.Load())
}

// Where nothing can be kept, a plan goes to the store as it is.
func TestPlansAreNotRewrittenWithoutNeed(t *testing.T) {
	t.Parallel()
	store := &countingStore{series: 1}
	c := &clock{}
	c.seconds.Store(10_000)
	cache := New(store, Options{Overlap: time.Minute, Bytes: 1 << 20, Now: c.now, IndependentSteps: func(context.Context) bool { return false }})
	_, err := cache.Range(t.Context(), topRequests(2, false), executor.Range{Start: at(0), End: at(600), Step: 15 * time.Second, Span: time.Minute})
	require.NoError(t, err)
	require.Equal(t, []string{"rate(up[1m]) and on (i) topk(2, increase(requests[1m] @ end())) 0..600"}, store.queries)
}
