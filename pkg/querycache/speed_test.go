package querycache_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"golang.org/x/sync/errgroup"

	"github.com/coldhit/modelserving-datasource/pkg/executor"
	"github.com/coldhit/modelserving-datasource/pkg/querycache"
	"github.com/coldhit/modelserving-datasource/pkg/remote/prometheustest"
)

// fleet stores a number of models, of two replicas each, for a number of scrapes: 14 series a model.
func fleet(t testing.TB, s *prometheustest.Server, models, from, scrapes int, random *rand.Rand) {
	t.Helper()
	for i := from; i < from+scrapes; i++ {
		at := origin.Add(time.Duration(i) * scrape)
		var samples []prometheustest.Sample
		for m := range models {
			for r := range 2 {
				model, replica := fmt.Sprintf("model-%03d", m), fmt.Sprintf("r%d", r)
				n := float64(i*(m+1)) + random.Float64()
				for b, le := range []string{"0.1", "0.25", "0.5", "1", "+Inf"} {
					samples = append(samples, prometheustest.Sample{Labels: labels.FromStrings("__name__", "latency_seconds_bucket", "model", model, "replica", replica, "le", le), At: at, Value: n * float64(b+1) / 5})
				}
				samples = append(samples,
					prometheustest.Sample{Labels: labels.FromStrings("__name__", "requests_total", "model", model, "replica", replica), At: at, Value: n},
					prometheustest.Sample{Labels: labels.FromStrings("__name__", "queue_size", "model", model, "replica", replica), At: at, Value: n / 7})
			}
		}
		s.Append(t, samples...)
	}
}

// panels are what a large dashboard asks for.
func panels(n int) []string {
	var out []string
	for i := range n {
		switch i % 4 {
		case 0:
			out = append(out, fmt.Sprintf(`histogram_quantile(%g, sum by (model, le) (rate(latency_seconds_bucket[1m])))`, 0.5+float64(i)/200))
		case 1:
			out = append(out, fmt.Sprintf(`sum by (model) (rate(requests_total[%dm]))`, 1+i/4))
		case 2:
			out = append(out, fmt.Sprintf(`max by (model) (max_over_time(queue_size[%dm]))`, 1+i/4))
		case 3:
			out = append(out, fmt.Sprintf(`sum by (model) (rate(requests_total{replica="r1"}[%dm])) / sum by (model) (rate(requests_total[%dm]))`, 1+i/4, 1+i/4))
		}
	}
	return out
}

// refresh asks for all panels, two at a time.
func refresh(t testing.TB, b querycache.Store, panels []string, end time.Time) (series int) {
	var group errgroup.Group
	group.SetLimit(2)
	counts := make([]int, len(panels))
	for i, expr := range panels {
		group.Go(func() error {
			got, err := b.RangePromQL(t.Context(), expr, executor.Range{Start: end.Add(-time.Hour), End: end, Step: scrape})
			counts[i] = len(got.Series)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	for _, n := range counts {
		series += n
	}
	return series
}

type cost struct {
	time            time.Duration
	requests, bytes int64
}

func measure(s *prometheustest.Server, run func()) cost {
	requests, bytes, began := s.Requests.Load(), s.Bytes.Load(), time.Now()
	run()
	return cost{time.Since(began), s.Requests.Load() - requests, s.Bytes.Load() - bytes}
}

// BenchmarkRefresh refreshes 60 panels over 500 models and an hour, in steps of 15 s, as plain queries and from what is cache.
func BenchmarkRefresh(b *testing.B) {
	const models, count = 500, 60
	server := prometheustest.New(b)
	random := rand.New(rand.NewPCG(1, 2))
	const before = 300
	fleet(b, server, models, 0, before, random)
	now := origin.Add((before - 1) * scrape)
	plain := client(b, server)
	cache := querycache.New(plain, querycache.Options{Overlap: overlap, Bytes: 512 << 20, Now: func() time.Time { return now }})
	all := panels(count)
	refresh(b, cache, all, now)
	for i := 0; b.Loop(); i++ {
		fleet(b, server, models, before+i, 1, random)
		now = now.Add(scrape)
		var shown [2]int
		of := [2]cost{
			measure(server, func() { shown[0] = refresh(b, plain, all, now) }),
			measure(server, func() { shown[1] = refresh(b, cache, all, now) }),
		}
		if shown[0] != shown[1] || shown[0] == 0 {
			b.Fatalf("%d series are not %d", shown[1], shown[0])
		}
		s := cache.Statistics()
		b.Logf("plain, of Prometheus %s: %s, %d requests, %.1f MB; with the cache: %s, %d requests, %.2f MB; %.3f of the time, %.3f of the bytes; %d entries in %.0f MB",
			prometheustest.Version, of[0].time, of[0].requests, mb(of[0].bytes), of[1].time, of[1].requests, mb(of[1].bytes),
			float64(of[1].time)/float64(of[0].time), float64(of[1].bytes)/float64(of[0].bytes), s.Entries, mb(s.Bytes))
		b.ReportMetric(float64(of[1].time)/float64(of[0].time), "time-ratio")
		b.ReportMetric(float64(of[1].bytes)/float64(of[0].bytes), "bytes-ratio")
		b.ReportMetric(float64(of[1].requests), "requests/refresh")
		b.ReportMetric(float64(of[1].bytes), "bytes/refresh")
		b.ReportMetric(float64(s.Bytes), "cache-bytes")
	}
}

func mb(bytes int64) float64 { return float64(bytes) / (1 << 20) }

// A refresh costs few bytes; times are the benchmark's to tell.
func TestARefreshCostsLittle(t *testing.T) {
	t.Parallel()
	server := prometheustest.New(t)
	fleet(t, server, 10, 0, 250, rand.New(rand.NewPCG(1, 2)))
	now := origin.Add(248 * scrape)
	plain := client(t, server)
	cache := querycache.New(plain, querycache.Options{Overlap: overlap, Bytes: 64 << 20, Now: func() time.Time { return now }})
	all := panels(12)
	refresh(t, cache, all, now)
	now = now.Add(scrape)
	whole := measure(server, func() { refresh(t, plain, all, now) })
	part := measure(server, func() { refresh(t, cache, all, now) })
	if part.bytes*5 > whole.bytes || part.requests != whole.requests {
		t.Fatalf("%+v is not little beside %+v", part, whole)
	}
}
