package querycache

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/coldhit/modelserving-datasource/pkg/executor"
	"github.com/coldhit/modelserving-datasource/pkg/plan"
	"github.com/coldhit/modelserving-datasource/pkg/promql"
	"github.com/coldhit/modelserving-datasource/pkg/series"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"))
}

var start = time.Unix(1_700_000_000, 0).Truncate(time.Minute)

// countingStore is a store that returns for each step its time, and counts the queries.
type countingStore struct {
	requests, steps atomic.Int64
	series          int
	mu              sync.Mutex
	queries         []string
	warnings        []string
	fail            error
	// refuse, if set, fails for ranges that begin at some times.
	refuse func(from time.Time) error
	// gate, if set, holds every request until it is closed or the request ends.
	gate    chan struct{}
	arrived chan struct{}
}

func (c *countingStore) Range(ctx context.Context, n plan.Node, r executor.Range) (series.Result, error) {
	return c.RangePromQL(ctx, promql.Text(n, r.Span), r)
}

func (c *countingStore) RangePromQL(ctx context.Context, expr string, r executor.Range) (series.Result, error) {
	c.requests.Add(1)
	c.steps.Add(int64(r.End.Sub(r.Start)/r.Step) + 1)
	c.mu.Lock()
	c.queries = append(c.queries, fmt.Sprintf("%s %d..%d", expr, r.Start.Sub(start)/time.Second, r.End.Sub(start)/time.Second))
	answer, err, gate := series.Result{Warnings: c.warnings}, c.fail, c.gate
	if c.refuse != nil && err == nil {
		err = c.refuse(r.Start)
	}
	c.mu.Unlock()
	if gate != nil {
		c.arrived <- struct{}{}
		select {
		case <-gate:
		case <-ctx.Done():
			return series.Result{}, context.Cause(ctx)
		}
	}
	for i := range c.series {
		s := series.Series{Labels: map[string]string{"i": fmt.Sprintf("%04d", i)}}
		for at := r.Start; !at.After(r.End); at = at.Add(r.Step) {
			s.Times, s.Values = append(s.Times, at.UnixMilli()), append(s.Values, float64(at.Unix()))
		}
		answer.Series = append(answer.Series, s)
	}
	return answer, err
}

func (c *countingStore) Instant(ctx context.Context, n plan.Node, at executor.Instant) (series.Result, error) {
	return c.InstantPromQL(ctx, promql.Text(n, at.Span), at.At)
}

func (c *countingStore) InstantPromQL(ctx context.Context, _ string, at time.Time) (series.Result, error) {
	return c.RangePromQL(ctx, "instant", executor.Range{Start: at, End: at, Step: time.Second})
}

func (c *countingStore) LabelValues(ctx context.Context, _ string, _ []plan.Select, from, _ time.Time, _ int) ([]string, error) {
	_, err := c.RangePromQL(ctx, "values", executor.Range{Start: from, End: from, Step: time.Second})
	return []string{"a"}, err
}

func (c *countingStore) Grid() executor.Grid { return executor.Scraped(15 * time.Second) }

func at(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }

// clock is at a number of seconds after start.
type clock struct{ seconds atomic.Int64 }

func (c *clock) now() time.Time { return at(int(c.seconds.Load())) }

func newCache(store Store, bytes int64) (*Cache, *clock) {
	c := &clock{}
	return New(store, Options{Overlap: time.Minute, Bytes: bytes, Now: c.now}), c
}

func TestARefreshAsksForWhatIsNew(t *testing.T) {
	t.Parallel()
	store := &countingStore{series: 2}
	cache, clock := newCache(store, 1<<20)
	ask := func(from, to int) {
		t.Helper()
		got, err := cache.RangePromQL(t.Context(), "up", executor.Range{Start: at(from), End: at(to), Step: 15 * time.Second})
		require.NoError(t, err)
		require.Len(t, got.Series, 2)
		for _, s := range got.Series {
			require.Len(t, s.Times, (to-from)/15+1)
			require.Equal(t, at(from).UnixMilli(), s.Times[0])
			require.Equal(t, float64(at(to).Unix()), s.Values[len(s.Values)-1])
		}
	}
	clock.seconds.Store(3600)
	ask(0, 3600)
	clock.seconds.Store(3615)
	ask(15, 3615)
	ask(900, 1800) // within what is kept
	clock.seconds.Store(3630)
	ask(-600, 3630)
	ask(-60000, -59100) // far from it
	require.Equal(t, []string{"up 0..3600", "up 3555..3615", "up -600..0", "up 3570..3630", "up -60000..-59100"}, sortedPairs(store.queries))
}

// sortedPairs puts the two requests for both ends of a range, which go side by side, into order.
func sortedPairs(asked []string) []string {
	if len(asked) > 3 && asked[2] > asked[3] {
		asked[2], asked[3] = asked[3], asked[2]
	}
	return asked
}

func TestTheFutureIsNotKept(t *testing.T) {
	t.Parallel()
	store := &countingStore{series: 1}
	cache, clock := newCache(store, 1<<20)
	clock.seconds.Store(-1000)
	for range 2 {
		_, err := cache.RangePromQL(t.Context(), "up", executor.Range{Start: at(0), End: at(600), Step: 15 * time.Second})
		require.NoError(t, err)
	}
	require.Equal(t, []string{"up 0..600", "up 0..600"}, store.queries)
	require.Zero(t, cache.Statistics().Entries)
}

// What failed, and what has warnings, may be a part of an answer.
func TestPartialAnswersAreNeverKept(t *testing.T) {
	t.Parallel()
	store := &countingStore{series: 1}
	cache, clock := newCache(store, 1<<20)
	clock.seconds.Store(10_000)
	ask := func() (series.Result, error) {
		return cache.RangePromQL(t.Context(), "up", executor.Range{Start: at(0), End: at(600), Step: 15 * time.Second})
	}
	store.fail = errors.New("it died")
	_, err := ask()
	require.EqualError(t, err, "it died")
	require.Zero(t, cache.Statistics().Entries)
	store.fail, store.warnings = nil, []string{"a part"}
	got, err := ask()
	require.NoError(t, err)
	require.Equal(t, []string{"a part"}, got.Warnings)
	require.Zero(t, cache.Statistics().Entries)
	store.warnings = nil
	_, err = ask()
	require.NoError(t, err)
	require.Equal(t, 1, cache.Statistics().Entries)
	require.Equal(t, int64(3), store.requests.Load())
	_, err = ask()
	require.NoError(t, err)
	require.Equal(t, int64(3), store.requests.Load())

	store.warnings = []string{"a part"}
	_, err = cache.RangePromQL(t.Context(), "up", executor.Range{Start: at(15), End: at(900), Step: 15 * time.Second})
	require.NoError(t, err)
	require.Zero(t, cache.Statistics().Entries, "what was kept may have come from the same trouble")
}

func TestExpressionsThatAreNotKept(t *testing.T) {
	t.Parallel()
	for expr, want := range map[string]bool{
		"up": true, "sum(rate(x[5m]))": true, "x offset 5m": true, "max_over_time(x[5m:1m])": true, `x{a="b"}`: true,
		"x @ end()": false, "increase(x[1h] @ end())": false, "x @ 5": false, "max_over_time(x[5m:1m] @ start())": false,
		"x offset -5m": false, "rate(x[5m] offset -1s)": false, "max_over_time(x[5m:1m] offset -1m)": false,
		"sum(x": false, "x default 0": false, `x{a="me@home"}`: false,
	} {
		require.Equal(t, want, independentOfRange(expr), expr)
	}
}

func TestNothingIsKeptOfStepsThatDependOnTheirRange(t *testing.T) {
	t.Parallel()
	store := &countingStore{series: 1}
	c := &clock{}
	c.seconds.Store(10_000)
	cache := New(store, Options{Overlap: time.Minute, Bytes: 1 << 20, Now: c.now, IndependentSteps: func(context.Context) bool { return false }})
	for range 2 {
		_, err := cache.RangePromQL(t.Context(), "up", executor.Range{Start: at(0), End: at(600), Step: 15 * time.Second})
		require.NoError(t, err)
	}
	require.Equal(t, []string{"up 0..600", "up 0..600"}, store.queries)
	require.Zero(t, cache.Statistics().Entries)
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	store := &countingStore{series: 20}
	const limit = 1 << 20
	cache, clock := newCache(store, limit)
	clock.seconds.Store(100_000)
	ask := func(expr string) {
		_, err := cache.RangePromQL(t.Context(), expr, executor.Range{Start: at(0), End: at(3600), Step: 15 * time.Second})
		require.NoError(t, err)
	}
	for i := range 100 {
		ask(fmt.Sprintf("x%d", i))
		ask("often")
		require.LessOrEqual(t, cache.Statistics().Bytes, int64(limit))
	}
	require.Greater(t, cache.Statistics().Entries, 3)
	before := store.requests.Load()
	ask("often")
	ask("x99")
	require.Equal(t, before, store.requests.Load(), "the least recently used go first")
	ask("x0")
	require.Equal(t, before+1, store.requests.Load())
	store.series = 1000
	ask("large")
	require.LessOrEqual(t, cache.Statistics().Bytes, int64(limit))
	ask("x0")
	require.Equal(t, before+2, store.requests.Load(), "what is too large to be kept drives nothing out")
	cache.Clear()
	require.Equal(t, Statistics{Hits: cache.Statistics().Hits, Misses: cache.Statistics().Misses}, cache.Statistics())
}

// The bytes that are counted are not less than what Go's memory takes.
func TestBytesAreCountedHonestly(t *testing.T) {
	store := &countingStore{series: 500}
	cache, clock := newCache(store, 1<<30)
	clock.seconds.Store(100_000)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range 20 {
		_, err := cache.RangePromQL(t.Context(), fmt.Sprintf("x%d", i), executor.Range{Start: at(0), End: at(3600), Step: 15 * time.Second})
		require.NoError(t, err)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	taken, said := int64(after.HeapAlloc)-int64(before.HeapAlloc), cache.Statistics().Bytes
	t.Logf("%d bytes taken, %d counted", taken, said)
	require.Greater(t, said, taken*9/10)
	require.Less(t, said, taken*3)
}

func TestAnswersMayBeChanged(t *testing.T) {
	t.Parallel()
	store := &countingStore{series: 1}
	cache, clock := newCache(store, 1<<20)
	clock.seconds.Store(10_000)
	for range 3 {
		got, err := cache.RangePromQL(t.Context(), "up", executor.Range{Start: at(0), End: at(600), Step: 15 * time.Second})
		require.NoError(t, err)
		require.Equal(t, map[string]string{"i": "0000"}, got.Series[0].Labels)
		require.Equal(t, float64(start.Unix()), got.Series[0].Values[0])
		got.Series[0].Labels["i"], got.Series[0].Values[0] = "changed", -1
	}
}

func TestCallsAtTheSameTimeShareOneRequest(t *testing.T) {
	t.Parallel()
	store := &countingStore{series: 1, gate: make(chan struct{}), arrived: make(chan struct{}, 10)}
	cache, clock := newCache(store, 1<<20)
	clock.seconds.Store(600)
	var group sync.WaitGroup
	ask := func(from, to int) {
		group.Go(func() {
			got, err := cache.RangePromQL(t.Context(), "up", executor.Range{Start: at(from), End: at(to), Step: 15 * time.Second})
			if err != nil || len(got.Series[0].Values) != (to-from)/15+1 {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
	ask(0, 600)
	<-store.arrived
	ask(0, 600)
	ask(300, 450)
	ask(0, 615) // more than what is under way
	require.Eventually(t, func() bool { return waiting(cache) == 3 }, time.Minute, time.Millisecond)
	close(store.gate)
	<-store.arrived
	group.Wait()
	require.Equal(t, []string{"up 0..600", "up 555..615"}, store.queries)
}

func waiting(c *Cache) int {
	c.ranges.mu.Lock()
	defer c.ranges.mu.Unlock()
	n := 0
	for _, f := range c.ranges.calls {
		n += f.waiting
	}
	return n
}

// A cancelled panel cancels its request, unless another waits for it.
func TestCancelling(t *testing.T) {
	t.Parallel()
	store := &countingStore{series: 1, gate: make(chan struct{}), arrived: make(chan struct{}, 10)}
	cache, clock := newCache(store, 1<<20)
	clock.seconds.Store(600)
	first, cancelFirst := context.WithCancel(t.Context())
	second, cancelSecond := context.WithCancel(t.Context())
	errs := make(chan error, 2)
	ask := func(ctx context.Context) {
		_, err := cache.RangePromQL(ctx, "up", executor.Range{Start: at(0), End: at(600), Step: 15 * time.Second})
		errs <- err
	}
	go ask(first)
	<-store.arrived
	go ask(second)
	require.Eventually(t, func() bool { return waiting(cache) == 2 }, time.Minute, time.Millisecond)
	cancelFirst()
	require.ErrorIs(t, <-errs, context.Canceled)
	require.Equal(t, 1, waiting(cache), "the second still waits")
	cancelSecond()
	require.ErrorIs(t, <-errs, context.Canceled)
	require.Zero(t, waiting(cache))
	close(store.gate)
	_, err := cache.RangePromQL(t.Context(), "up", executor.Range{Start: at(0), End: at(600), Step: 15 * time.Second})
	require.NoError(t, err, "a cancelled request is not joined")
}

func TestInstantAndLabelValuesAreShared(t *testing.T) {
	t.Parallel()
	store := &countingStore{series: 1, gate: make(chan struct{}), arrived: make(chan struct{}, 10)}
	cache, _ := newCache(store, 1<<20)
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() {
			got, err := cache.InstantPromQL(t.Context(), "up", at(0))
			if err != nil || len(got.Series) != 1 {
				t.Errorf("%v, %v", got, err)
			}
		})
		group.Go(func() {
			got, err := cache.LabelValues(t.Context(), "model", []plan.Select{{Metric: "up"}}, at(0), at(1), 5)
			if err != nil || len(got) != 1 {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
	<-store.arrived
	<-store.arrived
	require.Eventually(t, func() bool {
		cache.others.mu.Lock()
		defer cache.others.mu.Unlock()
		n := 0
		for _, f := range cache.others.calls {
			n += f.waiting
		}
		return n == 4
	}, time.Minute, time.Millisecond)
	close(store.gate)
	group.Wait()
	require.Equal(t, int64(2), store.requests.Load())
	require.Equal(t, 15*time.Second, cache.Grid().Interval)
}
