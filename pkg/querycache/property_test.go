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
}

type oneSeries struct {
	labels labels.Labels
	value  float64
	native bool
	// alive says whether it is scraped.
	alive bool
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{Server: prometheustest.New(t), t: t, random: rand.New(rand.NewPCG(seed, 7)), now: origin}
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

var expressions = []string{
	`requests_total`,
	`queue_size`,
	`sum by (model) (rate(requests_total[1m]))`,
	`histogram_quantile(0.95, sum by (model, le) (rate(latency_seconds_bucket[2m])))`,
	`histogram_quantile(0.5, sum by (model) (rate(native_seconds[1m])))`,
	`native_seconds`,
	`sum by (model) (rate(requests_total{model="m1"}[1m])) / sum by (model) (rate(requests_total[1m]))`,
	`topk(2, sum by (model) (rate(requests_total[1m])))`,
	`avg by (replica) (avg_over_time(queue_size[3m]))`,
	`increase(requests_total[5m] offset 1m)`,
	`max_over_time(rate(requests_total[1m])[3m:15s])`,
	`absent(requests_total{model="m3"})`,
	`time() - timestamp(queue_size)`,
	`queue_size > 100`,
	`nothing_of_the_kind`,
	`sum by (model) (rate(requests_total[1m])) and on (model) topk(2, sum by (model) (increase(requests_total[10m] @ end())))`,
	`sum(sum by (model, replica) (rate(requests_total[1m])) unless on (model, replica) topk(3, sum by (model, replica) (increase(requests_total[10m] @ end()))))`,
	`(queue_size unless on (model) topk(2, nothing @ end())) / on (model, replica) (requests_total and on (model) topk(2, sum by (model) (queue_size @ end())))`,
	// Of which the busiest alone are selected, as far as that is certain:
	`histogram_quantile(0.9, sum by (deployment, model, le) (label_replace(sum by (replica, model, le) (rate(latency_seconds_bucket[1m])), "deployment", "$1", "replica", "(.+)"))) and on (deployment, model) topk(3, sum by (deployment, model) (label_replace(sum by (replica, model) (increase(requests_total[10m] @ end())), "deployment", "$1", "replica", "(.+)")))`,
	`histogram_quantile(0.9, sum by (model) (rate(native_seconds[1m]))) and on (model) topk(2, sum by (model) (increase(requests_total[10m] @ end())))`,
	`sum by (model, le) (count by (model, le) (latency_seconds_bucket)) and on (model) topk(1, sum by (model) (increase(requests_total[10m] @ end())))`,
	`(sum by (model) (label_replace(sum by (model) (rate(requests_total{replica="r0"}[1m])), "part", "1", "", "") or label_replace(0 * sum by (model) (rate(requests_total[1m])), "part", "2", "", "")) / sum by (model) (rate(requests_total[1m]))) and on (model) topk(2, sum by (model) (increase(requests_total[10m] @ end())))`,
	`(queue_size * on (model) group_left () sum by (model) (requests_total)) and on (model, replica) topk(3, sum by (model, replica) (queue_size @ end()))`,
	`(queue_size / scalar(sum(queue_size)) or on (replica) requests_total) and on (model) topk(2, sum by (model) (queue_size @ end()))`,
	`(max_over_time(rate(requests_total[1m])[3m:15s]) unless on (replica) queue_size > 1000) and on (model) topk(2, sum by (model) (queue_size @ end()))`,
	// Not kept:
	`sum(increase(requests_total[10m] @ end()))`,
	`sum by (model) (rate(requests_total[1m])) and on (model) topk(2, increase(requests_total[10m] @ start()))`,
	`queue_size offset -1m`,
}

// asked is a range query.
type asked struct {
	expr       string
	start, end time.Time
	step       time.Duration
	// gone says that who asks does not wait for the answer.
	gone bool
}

func (w *world) anyQuestion() asked {
	// For some minutes the same few, as by the panels of a dashboard, then others.
	few := 4 * int(w.now.Sub(origin)/(4*time.Minute))
	q := asked{expr: expressions[(few+w.random.IntN(6))%len(expressions)], end: w.now, gone: w.random.IntN(6) == 0}
	q.step = []time.Duration{scrape, scrape, time.Minute, 7 * time.Second}[w.random.IntN(4)]
	switch w.random.IntN(5) {
	case 0: // the past
		q.end = w.now.Add(-time.Duration(w.random.IntN(15)) * time.Minute)
	case 1: // a little of the future
		q.end = w.now.Add(time.Duration(w.random.IntN(60)) * time.Second)
	}
	q.start = q.end.Add(-[]time.Duration{10 * time.Minute, 10 * time.Minute, 3 * time.Minute, 0}[w.random.IntN(4)])
	q.start, q.end = q.start.Truncate(q.step), q.end.Truncate(q.step)
	if w.random.IntN(6) == 0 { // steps that are no multiples of themselves, as in time zones of a quarter of an hour
		q.start, q.end = q.start.Add(3333*time.Millisecond), q.end.Add(3333*time.Millisecond)
	}
	return q
}

// What is answered from what is kept is what asking anew answers, bit for bit, in whatever order, over whatever ranges, by how many at
// once, whoever goes before the answer is there, and whatever had to be forgotten meanwhile.
func TestAnswersAreThoseOfAskingAnew(t *testing.T) {
	t.Parallel()
	for seed, memory := range []int64{4 << 20, 4 << 20, 4 << 20, 60 << 10} {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, uint64(seed))
			for range 40 {
				w.scrape()
			}
			anew := client(t, w.Server)
			cache := querycache.New(anew, querycache.Options{Overlap: overlap, Bytes: memory, Now: func() time.Time { return w.now }})
			for range 40 {
				for range 1 + w.random.IntN(3) {
					w.scrape()
				}
				if w.random.IntN(20) == 0 {
					cache.Clear()
				}
				for range 8 {
					w.askSideBySide(anew, kept, 3)
				}
			}
			s := cache.Statistics()
			require.Greater(t, s.Steps, int64(1000), "something is kept")
			require.LessOrEqual(t, s.Bytes, memory)
			t.Logf("%d steps kept, %d asked for, %d answers in %d bytes", s.Steps, s.Asked, s.Entries, s.Bytes)
		})
	}
}

// askSideBySide asks some questions at once, of which two may be the same.
func (w *world) askSideBySide(anew, kept querycache.Store, n int) {
	w.t.Helper()
	questions := []asked{w.anyQuestion()}
	for len(questions) < n {
		q := w.anyQuestion()
		if w.random.IntN(2) == 0 {
			gone := q.gone
			q = questions[0]
			q.gone = gone
		}
		questions = append(questions, q)
	}
	answers, errs := make([]series.Result, n), make([]error, n)
	var group sync.WaitGroup
	for i, q := range questions {
		ctx, cancel := context.WithCancel(w.t.Context())
		group.Go(func() {
			defer cancel()
			answers[i], errs[i] = cache.RangePromQL(ctx, q.expr, executor.Range{Start: q.start, End: q.end, Step: q.step})
		})
		if q.gone {
			group.Go(cancel)
		}
	}
	group.Wait()
	for i, q := range questions {
		if q.gone && errors.Is(errs[i], context.Canceled) {
			continue
		}
		require.NoError(w.t, errs[i], q.expr)
		want, err := anew.RangePromQL(w.t.Context(), q.expr, executor.Range{Start: q.start, End: q.end, Step: q.step})
		require.NoError(w.t, err)
		requireSame(w.t, want, answers[i], fmt.Sprintf("%s from %s to %s by %s at %s", q.expr, q.start, q.end, q.step, w.now))
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
