package ingest_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb/tsdbutil"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/ingest"
	stored "github.com/coldhit/modelserving-datasource/pkg/storage"
)

// counter is one counter of a model at a server, with the time of its start.
type counter struct {
	model, code string
	began       time.Time
	value       float64
	shown       bool
	// last is its value on the last page that had it; known is false before.
	last  float64
	known bool
	page  time.Time
}

// fleet is a server with models that come, go, and are reset.
type fleet struct {
	random   *rand.Rand
	counters []*counter
	// truth is what the pages' counters have counted up by.
	truth    float64
	lastPage time.Time
}

func (f *fleet) add(n int, now time.Time) {
	for range n {
		name := fmt.Sprintf("m%d", len(f.counters))
		for _, code := range []string{"200", "500"} {
			f.counters = append(f.counters, &counter{model: name, code: code, began: now.Add(-time.Millisecond), shown: true})
		}
	}
}

// step lets time pass: traffic, resets, new models, models that vanish and return.
func (f *fleet) step(now time.Time) {
	for _, c := range f.counters {
		switch roll := f.random.IntN(100); {
		case roll < 2:
			c.shown = !c.shown
		case roll < 4 && c.shown:
			c.value, c.began = 0, now.Add(-5*time.Second)
		}
		if c.shown && c.page.Equal(f.lastPage) {
			c.value += float64(f.random.IntN(int(5 + float64(len(c.model))*20*f.random.Float64())))
		}
	}
}

func (f *fleet) page(now time.Time) []point {
	var page []point
	for _, c := range f.counters {
		if !c.shown {
			continue
		}
		switch {
		case !c.known && !f.lastPage.IsZero() && c.began.After(f.lastPage), c.known && c.began.After(c.page):
			f.truth += c.value
		case c.known:
			f.truth += c.value - c.last
		}
		c.last, c.known, c.page = c.value, true, now
		page = append(page, point{set: labels.FromStrings("__name__", "requests_total", "model", c.model, "version", "1", "code", c.code), st: c.began, v: c.value})
	}
	f.lastPage = now
	return page
}

// The increase over all series is that of the server at every moment, whatever is folded, returns, appears, vanishes or is reset.
func TestTotalsOfReducedPagesAreExact(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			s := newStand(t, ingest.Limits{Samples: 60})
			l := s.loop("server")
			f := &fleet{random: rand.New(rand.NewPCG(seed, 1))}
			f.add(20, s.now.Add(-3*time.Hour))
			folded, whole := 0, 0
			offset := 0.0
			for i := range 120 {
				if f.step(s.now); i < 60 && i%3 == 0 {
					f.add(f.random.IntN(4), s.now)
				}
				if i > 80 {
					f.counters = f.counters[:max(20, len(f.counters)-6)]
				}
				page := f.page(s.now)
				require.NoError(t, l.scrape(page))
				if i == 0 {
					offset = s.increase("requests_total")
				}
				require.Equal(t, f.truth, s.increase("requests_total")-offset, "after page %d of %d samples, %+v", i, len(page), s.ingest.Status())
				_, series := s.live("requests_total", nil)
				if len(s.ingest.Status().Folded) > 0 {
					folded++
					require.LessOrEqual(t, series, 2*60)
				} else {
					whole++
				}
			}
			require.Positive(t, folded)
			require.Positive(t, whole)
			require.Empty(t, s.ingest.Status().Folded, "the page fits again")
			require.Positive(t, s.refused(stored.PageLimit).Samples)
			require.Zero(t, s.refused(stored.OutOfOrder).Samples+s.refused(stored.Duplicate).Samples)
		})
	}
}

// A restart forgets the sums. That must neither look like traffic nor lose more than what happened in between.
func TestRestartIsNoIncrease(t *testing.T) {
	for seed := range uint64(6) {
		s := newStand(t, ingest.Limits{Samples: 40})
		f := &fleet{random: rand.New(rand.NewPCG(seed, 2))}
		f.add(60, s.now.Add(-10*time.Minute))
		l := s.loop("server")
		for range 6 {
			require.NoError(t, l.scrape(f.page(s.now)))
			for range 10 {
				before, truth := s.increase("requests_total"), f.truth
				f.step(s.now)
				require.NoError(t, l.scrape(f.page(s.now)))
				require.Equal(t, f.truth-truth, s.increase("requests_total")-before)
			}
			s.restart()
			l = s.loop("server")
			before, truth := s.increase("requests_total"), f.truth
			require.NoError(t, l.scrape(f.page(s.now)))
			require.LessOrEqual(t, s.increase("requests_total")-before, f.truth-truth+1e-9)
		}
	}
}

// modelsPage has n models: a counter that grows by the model's number, two gauges and a native histogram.
func modelsPage(n, scrapes int) []point {
	var page []point
	for i := range n {
		name := fmt.Sprintf("m%03d", i)
		page = append(page,
			series(float64(1000*i+scrapes*i), "__name__", "requests_total", "model", name, "version", "1"),
			series(1, "__name__", "in_progress", "model", name, "version", "1"),
			series(0.5, "__name__", "load", "model", name),
			point{set: labels.FromStrings("__name__", "time", "model", name), h: tsdbutil.GenerateTestHistogram(int64(scrapes + i))},
		)
	}
	return append(page, series(7, "__name__", "up_since"))
}

func TestModelsWithLeastTrafficAreFolded(t *testing.T) {
	s := newStand(t, ingest.Limits{Samples: 200})
	l := s.loop("server")
	require.NoError(t, l.scrape(modelsPage(40, 0)))
	require.Empty(t, s.ingest.Status().Folded)
	for i := range 5 {
		require.NoError(t, l.scrape(modelsPage(100, i+1)))
	}
	status := s.ingest.Status().Folded
	require.Len(t, status, 1)
	require.Equal(t, "server", status[0].Job)
	require.Equal(t, 100, status[0].Models)
	require.Equal(t, 401, status[0].Samples)
	_, series := s.live("requests_total", nil)
	require.Equal(t, 100-status[0].Folded+1, series)
	require.Equal(t, status[0].Folded, status[0].Dropped, "a load is no sum")
	isOther := func(set labels.Labels) bool { return set.Get("model") == ingest.OtherModel }
	for i := range 100 - status[0].Folded {
		_, found := s.live("requests_total", func(set labels.Labels) bool { return set.Get("model") == fmt.Sprintf("m%03d", 99-i) })
		require.Equal(t, 1, found, "the busiest are stored by themselves")
	}
	sum, found := s.live("in_progress", nil)
	require.Equal(t, 100.0, sum)
	require.Equal(t, 100-status[0].Folded+1, found)
	_, found = s.live("load", isOther)
	require.Zero(t, found)
	_, found = s.live("time", isOther)
	require.Equal(t, 1, found)
	_, found = s.live("up_since", nil)
	require.Equal(t, 1, found)
	for _, one := range s.read("requests_total") {
		require.Equal(t, isOther(one.set), one.set.Get("version") == "", one.set)
	}
	refusal := s.refused(stored.PageLimit)
	require.Contains(t, refusal.Detail, fmt.Sprintf("%d of 100 models, those with the least traffic, are stored together as model=\"other\".", status[0].Folded))
	require.Contains(t, refusal.Detail, "cannot be added up")
	require.Equal(t, []string{"server"}, refusal.Targets)
}

// A target that is down ends its sums, and they go on without a jump when it is back.
func TestSumsEndWithTheirTarget(t *testing.T) {
	s := newStand(t, ingest.Limits{Samples: 200})
	l := s.loop("server")
	for i := range 3 {
		require.NoError(t, l.scrape(modelsPage(100, i)))
	}
	before := s.increase("requests_total")
	require.NoError(t, l.scrape(nil))
	_, found := s.live("requests_total", nil)
	require.Zero(t, found)
	require.NoError(t, l.scrape(modelsPage(100, 3)))
	_, found = s.live("requests_total", nil)
	require.Positive(t, found)
	require.Equal(t, before+99*100/2, s.increase("requests_total"))
}
