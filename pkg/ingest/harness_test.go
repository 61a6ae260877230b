package ingest_test

import (
	"errors"
	"log/slog"
	"math"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend/log"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/scrape"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/ingest"
	stored "github.com/coldhit/modelserving-datasource/pkg/storage"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

const (
	every       = 15 * time.Second
	reservedOne = "modelserving_model_resident"
	reservedOwn = "modelserving_remote_write_sent_timestamp_seconds"
)

// stand is a storage with an ingest in front of it.
type stand struct {
	t        testing.TB
	db       *tsdb.DB
	ingest   *ingest.Ingest
	refusals *stored.Refusals
	limits   ingest.Limits
	server   ingest.Server
	now      time.Time
	// outOfBounds is what the scrape loops count.
	outOfBounds float64
}

func newStand(t testing.TB, limits ingest.Limits) *stand {
	t.Helper()
	o := tsdb.DefaultOptions()
	o.EnableSTAsZeroSample = true
	db, err := tsdb.Open(t.TempDir(), slog.New(slog.DiscardHandler), nil, o, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	s := &stand{t: t, db: db, limits: limits, now: start, server: ingest.Server{Recognized: true, Fold: ingest.Fold{
		ModelLabels: []string{"model"}, DropLabels: []string{"version"}, Traffic: []string{"requests_total"}, Gauges: []string{"in_progress"},
	}}}
	s.restart()
	return s
}

// restart begins a new process over the same storage.
func (s *stand) restart() {
	s.refusals = &stored.Refusals{}
	s.ingest = ingest.New(ingest.Options{
		Next: s.db, Stored: s.db, Logger: log.NewNullLogger(), Head: func() ingest.Head { return s.db.Head() }, Refusals: s.refusals, Limits: func() ingest.Limits { return s.limits },
		Server:  func(*scrape.Target, labels.Labels, func(string) bool) ingest.Server { return s.server },
		Biggest: func() ingest.Biggest { return ingest.Biggest{Metric: "m", Series: 1, Label: "l", Values: 2} },
		Now:     func() time.Time { return s.now }, PolledMetrics: []string{reservedOne}, OwnMetrics: []string{reservedOwn},
		OutOfBounds: func() float64 { return s.outOfBounds },
	})
}

func (s *stand) refused(reason stored.Reason) stored.Refusal {
	for _, found := range s.refusals.All() {
		if found.Reason == reason {
			return found
		}
	}
	return stored.Refusal{}
}

// loop does to an appender what Prometheus's scrape loop does.
type loop struct {
	*stand
	target   *scrape.Target
	own      labels.Labels
	metadata types
	cache    map[string]*cached
	// tracked are the series of the last page, by reference.
	tracked map[storage.SeriesRef]labels.Labels
}

type cached struct {
	set labels.Labels
	ref storage.SeriesRef
}

// types are the types of metrics that a page declares.
type types map[string]model.MetricType

func (m types) ListMetadata() []scrape.MetricMetadata { return nil }
func (m types) SizeMetadata() int                     { return 0 }
func (m types) LengthMetadata() int                   { return len(m) }
func (m types) GetMetadata(name string) (scrape.MetricMetadata, bool) {
	found, has := m[name]
	return scrape.MetricMetadata{MetricFamily: name, Type: found}, has
}

func (s *stand) loop(job string) *loop {
	own := labels.FromStrings("job", job, "instance", "host:1")
	return &loop{
		stand: s, own: own, target: scrape.NewTarget(own, &config.ScrapeConfig{}, nil, nil), cache: map[string]*cached{},
		metadata: types{"requests": "counter", "requests_total": "counter", "in_progress": "gauge", "load": "gauge", "time": "histogram"},
	}
}

// point is a sample of a page.
type point struct {
	set labels.Labels
	st  time.Time
	v   float64
	h   *histogram.Histogram
	at  time.Time
}

func series(v float64, pairs ...string) point { return point{set: labels.FromStrings(pairs...), v: v} }

// scrape takes one page and moves the clock on. An error is that of the page.
func (l *loop) scrape(page []point) error {
	l.t.Helper()
	at := l.now
	err := l.page(page, at)
	l.now = l.now.Add(every)
	return err
}

func (l *loop) appender() storage.AppenderV2 {
	ctx := scrape.ContextWithMetricMetadataStore(scrape.ContextWithTarget(l.t.Context(), l.target), l.metadata)
	return l.ingest.AppenderV2(ctx)
}

func (l *loop) page(page []point, at time.Time) error {
	app := l.appender()
	tracked := map[storage.SeriesRef]labels.Labels{}
	var pageErr error
	for _, p := range page {
		if pageErr = l.take(app, p, at, tracked); pageErr != nil {
			break
		}
	}
	if pageErr == nil {
		pageErr = l.markStale(app, tracked, at)
	}
	up := 1.0
	if pageErr != nil {
		require.NoError(l.t, app.Rollback())
		app, up, tracked = l.appender(), 0, map[storage.SeriesRef]labels.Labels{}
		require.NoError(l.t, l.markStale(app, tracked, at))
	}
	l.tracked = tracked
	l.reportOf(app, at, "up", up)
	l.reportOf(app, at, "scrape_samples_post_metric_relabeling", float64(len(page)))
	require.NoError(l.t, app.Commit())
	return pageErr
}

func (l *loop) take(app storage.AppenderV2, p point, at time.Time, tracked map[storage.SeriesRef]labels.Labels) error {
	builder := labels.NewBuilder(p.set)
	l.own.Range(func(own labels.Label) { builder.Set(own.Name, own.Value) })
	set := builder.Labels()
	c := l.cache[set.String()]
	if c == nil {
		c = &cached{set: set}
	}
	st := int64(0)
	if !p.st.IsZero() {
		st = p.st.UnixMilli()
	}
	if !p.at.IsZero() {
		at = p.at
	}
	if at.After(l.now.Add(10 * time.Minute)) {
		l.outOfBounds++
		return nil
	}
	ref, err := app.Append(c.ref, set, st, at.UnixMilli(), p.v, p.h, nil, storage.AOptions{})
	if errors.Is(err, storage.ErrOutOfBounds) {
		l.outOfBounds++
	}
	switch {
	case isCounted(err):
		return nil
	case err != nil:
		return err
	}
	if ref != 0 {
		c.ref = ref
	}
	l.cache[set.String()] = c
	if c.ref != 0 {
		tracked[c.ref] = set
	}
	return nil
}

func isCounted(err error) bool {
	return errors.Is(err, storage.ErrOutOfOrderSample) || errors.Is(err, storage.ErrDuplicateSampleForTimestamp) || errors.Is(err, storage.ErrOutOfBounds)
}

func (l *loop) markStale(app storage.AppenderV2, tracked map[storage.SeriesRef]labels.Labels, at time.Time) error {
	for ref, set := range l.tracked {
		if _, goesOn := tracked[ref]; goesOn {
			continue
		}
		_, err := app.Append(ref, set, 0, at.UnixMilli(), math.Float64frombits(value.StaleNaN), nil, nil, storage.AOptions{RejectOutOfOrder: true})
		if err != nil && !isCounted(err) {
			return err
		}
	}
	return nil
}

func (l *loop) reportOf(app storage.AppenderV2, at time.Time, name string, v float64) {
	builder := labels.NewBuilder(l.own)
	builder.Set(model.MetricNameLabel, name)
	_, err := app.Append(0, builder.Labels(), 0, at.UnixMilli(), v, nil, nil, storage.AOptions{MetricFamilyName: name + "\xff"})
	require.True(l.t, err == nil || isCounted(err), "%v", err)
}

// stretch is a stored series: samples until it ends, NaN where it was marked as ended.
type stretch struct {
	set    labels.Labels
	times  []int64
	values []float64
}

// read lists what is stored of a metric. A native histogram's value is its count.
func (s *stand) read(name string) []stretch {
	s.t.Helper()
	querier, err := s.db.Querier(math.MinInt64, math.MaxInt64)
	require.NoError(s.t, err)
	defer func() { require.NoError(s.t, querier.Close()) }()
	found := querier.Select(s.t.Context(), true, nil, labels.MustNewMatcher(labels.MatchEqual, model.MetricNameLabel, name))
	var out []stretch
	for found.Next() {
		one := stretch{set: found.At().Labels()}
		for it := found.At().Iterator(nil); ; {
			kind := it.Next()
			if kind == chunkenc.ValNone {
				require.NoError(s.t, it.Err())
				break
			}
			at, v := it.AtT(), 0.0
			if kind == chunkenc.ValFloat {
				_, v = it.At()
			} else {
				_, h := it.AtFloatHistogram(nil)
				if v = h.Count; value.IsStaleNaN(h.Sum) {
					v = h.Sum
				}
			}
			one.times, one.values = append(one.times, at), append(one.values, v)
		}
		out = append(out, one)
	}
	require.NoError(s.t, found.Err())
	return out
}

// increase is what all series of a metric counted up by, resets included, as a server that stores all samples sees it.
func (s *stand) increase(name string) float64 {
	total := 0.0
	for _, one := range s.read(name) {
		last := math.NaN()
		for _, v := range one.values {
			switch {
			case math.IsNaN(v):
				continue
			case math.IsNaN(last):
			case v < last:
				total += v
			default:
				total += v - last
			}
			last = v
		}
	}
	return total
}

// live sums what is shown of a metric at the last scrape.
func (s *stand) live(name string, matches func(labels.Labels) bool) (sum float64, series int) {
	at := s.now.Add(-every).UnixMilli()
	for _, one := range s.read(name) {
		last := len(one.times) - 1
		if one.times[last] == at && !math.IsNaN(one.values[last]) && (matches == nil || matches(one.set)) {
			sum += one.values[last]
			series++
		}
	}
	return sum, series
}
