package querycache

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/executor"
)

// Of a range that is asked for at both ends of what is kept, neither is answered or kept if one fails.
func TestWhereOneEndFailsNothingChanges(t *testing.T) {
	t.Parallel()
	store := &countingStore{series: 1}
	cache, clock := newCache(store, 1<<20)
	clock.seconds.Store(10_000)
	ask := func(from, to int) error {
		got, err := cache.RangePromQL(t.Context(), "up", executor.Range{Start: at(from), End: at(to), Step: 15 * time.Second})
		if err == nil {
			require.Len(t, got.Series[0].Times, (to-from)/15+1)
		}
		return err
	}
	require.NoError(t, ask(0, 600))
	before := cache.Statistics()
	store.refuse = func(from time.Time) error {
		if from.Before(at(0)) {
			return errors.New("it died")
		}
		return nil
	}
	require.EqualError(t, ask(-600, 1200), "it died")
	require.Equal(t, before, cache.Statistics())
	store.refuse = nil
	require.NoError(t, ask(-600, 1200))
	require.Contains(t, store.queries, "up -600..-15")
	require.Contains(t, store.queries, "up 615..1200")
}

// Samples that come long after their time, such as those of an interrupted remote write, and those that a server has lost show in the end.
func TestNothingIsKeptForLong(t *testing.T) {
	t.Parallel()
	store := &countingStore{}
	cache, clock := newCache(store, 1<<20)
	now := 10_000
	steps := func() int {
		clock.seconds.Store(int64(now))
		got, err := cache.RangePromQL(t.Context(), "up", executor.Range{Start: at(now - 1800).Truncate(15 * time.Second), End: at(now).Truncate(15 * time.Second), Step: 15 * time.Second})
		require.NoError(t, err)
		if len(got.Series) == 0 {
			return 0
		}
		return len(got.Series[0].Times)
	}
	require.Zero(t, steps(), "nothing came")
	store.series = 1
	for range 19 {
		now += 30
		require.Less(t, steps(), 121, "what came late is not asked for again")
	}
	now += 30
	require.Equal(t, 121, steps(), "ten minutes later it is, though all of these ten minutes the panel was refreshed")
	store.series = 0
	now += 600
	require.Zero(t, steps(), "and so is what was lost")
	clock.seconds.Store(0)
	now = 5000
	require.Zero(t, steps(), "a clock that was set back")
	require.Equal(t, "up 3195..4995", store.queries[len(store.queries)-1])
}

// A server whose clock is behind has no samples yet of what is long past here.
func TestAServerWhoseClockIsBehind(t *testing.T) {
	t.Parallel()
	store := &countingStore{series: 1}
	c := &clock{}
	c.seconds.Store(3600)
	late := 5 * time.Minute
	cache := New(store, Options{Overlap: time.Minute, Bytes: 1 << 20, Now: c.now, ClockLag: func() time.Duration { return late }})
	for range 2 {
		_, err := cache.RangePromQL(t.Context(), "up", executor.Range{Start: at(0), End: at(3600), Step: 15 * time.Second})
		require.NoError(t, err)
	}
	require.Equal(t, []string{"up 0..3600", "up 3255..3600"}, store.queries)
}

// Of two panels that wait for one request, one can go.
func TestWhoStaysIsAnswered(t *testing.T) {
	t.Parallel()
	store := &countingStore{series: 1, gate: make(chan struct{}), arrived: make(chan struct{}, 10)}
	cache, clock := newCache(store, 1<<20)
	clock.seconds.Store(10_000)
	first, cancelFirst := context.WithCancel(t.Context())
	gone, stayed := make(chan error, 1), make(chan error, 1)
	ask := func(ctx context.Context, to chan<- error) {
		got, err := cache.RangePromQL(ctx, "up", executor.Range{Start: at(0), End: at(600), Step: 15 * time.Second})
		if err == nil && len(got.Series[0].Times) != 41 {
			err = errors.New("a part of the answer")
		}
		to <- err
	}
	go ask(first, gone) // whose context the request has
	<-store.arrived
	go ask(t.Context(), stayed)
	require.Eventually(t, func() bool { return waiting(cache) == 2 }, time.Minute, time.Millisecond)
	cancelFirst()
	require.ErrorIs(t, <-gone, context.Canceled)
	close(store.gate)
	require.NoError(t, <-stayed)
	require.EqualValues(t, 1, store.requests.Load())
	require.Equal(t, 1, cache.Statistics().Entries)
}
