package querycache_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/executor"
	"github.com/coldhit/modelserving-datasource/pkg/plan"
	"github.com/coldhit/modelserving-datasource/pkg/querycache"
	"github.com/coldhit/modelserving-datasource/pkg/remote"
	"github.com/coldhit/modelserving-datasource/pkg/remote/prometheustest"
	"github.com/coldhit/modelserving-datasource/pkg/series"
	"github.com/coldhit/modelserving-datasource/pkg/settings"
)

var origin = time.Unix(1_700_000_000, 0).Truncate(time.Minute)

const (
	scrape  = 15 * time.Second
	overlap = 2 * time.Minute
)

func client(t testing.TB, s *prometheustest.Server) *remote.Client {
	t.Helper()
	decoded, err := settings.Decode([]byte(`{"mode": "prometheus"}`), nil)
	require.NoError(t, err)
	instance := s.Instance()
	instance.Type = "coldhit-modelserving-datasource"
	c, err := remote.New(t.Context(), instance, decoded.Prometheus)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// world is a fleet whose series begin, end, are reset and come late.
type world struct {
	*prometheustest.Server
	t      *testing.T
	random *rand.Rand
	now    time.Time
	series []*oneSeries
	late   []prometheustest.Sample
	// first is the query that the first of the panels runs at origin.
	first int
}

type oneSeries struct {
	labels labels.Labels
	value  float64
	native bool
	// alive says whether it is scraped.
	alive bool
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{Server: prometheustest.New(t), t: t, random: rand.New(rand.NewPCG(seed, 7)), now: origin, first: 11 * int(seed)}
	for m := range 6 {
		for r := range 2 {
			model, replica := fmt.Sprintf("m%d", m), fmt.Sprintf("r%d", r)
			for _, le := range []string{"0.1", "1", "+Inf"} {
				w.series = append(w.series, &oneSeries{labels: labels.FromStrings("__name__", "latency_seconds_bucket", "model", model, "replica", replica, "le", le)})
			}
			w.series = append(w.series,
				&oneSeries{labels: labels.FromStrings("__name__", "requests_total", "model", model, "replica", replica)},
				&oneSeries{labels: labels.FromStrings("__name__", "queue_size", "model", model, "replica", replica)},
				&oneSeries{labels: labels.FromStrings("__name__", "native_seconds", "model", model, "replica", replica), native: true},
			)
		}
	}
	return w
}

// scrape adds a scrape's samples. Some samples come later, within the overlap, and some never.
func (w *world) scrape() {
	var samples []prometheustest.Sample
	for _, s := range w.series {
		switch {
		case !s.alive && w.random.IntN(20) == 0:
			s.alive = true
		case s.alive && w.random.IntN(60) == 0:
			s.alive = false
			samples = append(samples, s.stale(w.now))
			continue
		}
		if !s.alive || w.random.IntN(25) == 0 {
			continue
		}
		if w.random.IntN(40) == 0 {
			s.value = 0 // a counter's reset
		}
		s.value += float64(w.random.IntN(100)) / 7
		one := s.sample(w.now)
		if w.random.IntN(15) == 0 && !s.native {
			w.late = append(w.late, one)
			continue
		}
		samples = append(samples, one)
	}
	var still []prometheustest.Sample
	for _, l := range w.late {
		if w.now.Sub(l.At) >= overlap-2*scrape || w.random.IntN(3) == 0 {
			samples = append(samples, l)
		} else {
			still = append(still, l)
		}
	}
	w.late = still
	w.Append(w.t, samples...)
	w.now = w.now.Add(scrape)
}

func (s *oneSeries) sample(at time.Time) prometheustest.Sample {
	one := prometheustest.Sample{Labels: s.labels, At: at, Value: s.value}
	if s.native {
		one.Histogram = &histogram.FloatHistogram{
			Count: s.value, Sum: s.value, Schema: 0, PositiveSpans: []histogram.Span{{Offset: 0, Length: 2}}, PositiveBuckets: []float64{s.value / 4, s.value * 3 / 4},
		}
	}
	return one
}

func (s *oneSeries) stale(at time.Time) prometheustest.Sample {
	one := prometheustest.Sample{Labels: s.labels, At: at, Value: math.Float64frombits(value.StaleNaN)}
	if s.native {
		one.Histogram = &histogram.FloatHistogram{Sum: math.Float64frombits(value.StaleNaN)}
	}
	return one
}

// query is a plan, or where it has none, what a user typed, over a range.
type query struct {
	name string
	plan plan.Node
	executor.Range
	// cancelled says that the caller does not wait for the result.
	cancelled bool
}

func (q query) run(ctx context.Context, store querycache.Store) (series.Result, error) {
	if q.plan == nil {
		return store.RangePromQL(ctx, q.name, q.Range)
	}
	return store.Range(ctx, q.plan, q.Range)
}

func (w *world) anyQuery() query {
	// For some minutes the same few, as by the panels of a dashboard, then others.
	few := w.first + 4*int(w.now.Sub(origin)/(4*time.Minute))
	q := queries[(few+w.random.IntN(6))%len(queries)]
	q.cancelled = w.random.IntN(6) == 0
	q.End = w.now
	q.Step = []time.Duration{scrape, scrape, time.Minute, 7 * time.Second}[w.random.IntN(4)]
	switch w.random.IntN(5) {
	case 0: // the past
		q.End = w.now.Add(-time.Duration(w.random.IntN(15)) * time.Minute)
	case 1: // a little of the future
		q.End = w.now.Add(time.Duration(w.random.IntN(60)) * time.Second)
	}
	q.Start = q.End.Add(-[]time.Duration{10 * time.Minute, 10 * time.Minute, 3 * time.Minute, 0}[w.random.IntN(4)])
	q.Start, q.End = q.Start.Truncate(q.Step), q.End.Truncate(q.Step)
	if w.random.IntN(6) == 0 { // steps that are no multiples of themselves, as in time zones of a quarter of an hour
		q.Start, q.End = q.Start.Add(3333*time.Millisecond), q.End.Add(3333*time.Millisecond)
	}
	if w.random.IntN(6) == 0 { // an end that is not a step
		q.End = q.End.Add(2500 * time.Millisecond)
	}
	q.Span = []time.Duration{10 * time.Minute, 3 * time.Minute}[w.random.IntN(2)]
	return q
}

// A cached result is that of querying anew, bit for bit, in whatever order, over whatever ranges, by how many callers at once, whoever
// leaves before the result is there, and whatever was dropped meanwhile.
func TestCachedResultsAreThoseOfQueryingAnew(t *testing.T) {
	t.Parallel()
	for seed, memory := range []int64{4 << 20, 4 << 20, 4 << 20, 60 << 10} {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, uint64(seed))
			for range 40 {
				w.scrape()
			}
			plain := client(t, w.Server)
			cache := querycache.New(plain, querycache.Options{Overlap: overlap, Bytes: memory, Now: func() time.Time { return w.now }})
			for range 40 {
				for range 1 + w.random.IntN(3) {
					w.scrape()
				}
				if w.random.IntN(20) == 0 {
					cache.Clear()
				}
				for range 8 {
					w.queryConcurrently(plain, cache, 3)
				}
			}
			s := cache.Statistics()
			require.Greater(t, s.Hits, int64(1000), "something is cached")
			require.LessOrEqual(t, s.Bytes, memory)
			t.Logf("%d hits, %d misses, %d entries in %d bytes", s.Hits, s.Misses, s.Entries, s.Bytes)
		})
	}
}

// queryConcurrently runs some queries at once, of which two may be the same.
func (w *world) queryConcurrently(plain, cache querycache.Store, n int) {
	w.t.Helper()
	of := []query{w.anyQuery()}
	for len(of) < n {
		q := w.anyQuery()
		if w.random.IntN(2) == 0 {
			cancelled := q.cancelled
			q = of[0]
			q.cancelled = cancelled
		}
		of = append(of, q)
	}
	results, errs := make([]series.Result, n), make([]error, n)
	var group sync.WaitGroup
	for i, q := range of {
		ctx, cancel := context.WithCancel(w.t.Context())
		group.Go(func() {
			defer cancel()
			results[i], errs[i] = q.run(ctx, cache)
		})
		if q.cancelled {
			group.Go(cancel)
		}
	}
	group.Wait()
	for i, q := range of {
		if q.cancelled && errors.Is(errs[i], context.Canceled) {
			continue
		}
		require.NoError(w.t, errs[i], q.name)
		want, err := q.run(w.t.Context(), plain)
		require.NoError(w.t, err)
		requireSame(w.t, want, results[i], fmt.Sprintf("%s over %+v at %s", q.name, q.Range, w.now))
	}
}

func requireSame(t *testing.T, want, got series.Result, about string) {
	t.Helper()
	require.Len(t, got.Series, len(want.Series), about)
	for i, w := range want.Series {
		require.Equal(t, w.Labels, got.Series[i].Labels, about)
		require.Equal(t, w.Times, got.Series[i].Times, about)
		for j, v := range w.Values {
			require.Equal(t, math.Float64bits(v), math.Float64bits(got.Series[i].Values[j]), "%s: %v at %s", about, w.Labels, time.UnixMilli(w.Times[j]))
		}
	}
	require.Equal(t, want.Histograms, got.Histograms, about)
	require.Equal(t, want.Warnings, got.Warnings, about)
}
