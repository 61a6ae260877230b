package storage

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	promstorage "github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"
)

// RefusedMetric is the series, with the label reason, in which the storage counts the samples that it did not store. It is written when there
// are any, and served from memory while nothing can be written: alert rules and annotations read it.
const (
	RefusedMetric = "modelserving_storage_refused_samples_total"
	// ReasonLabel has a Reason.
	ReasonLabel = "reason"
)

const (
	historyInterval = 15 * time.Second
	// maxPoints bounds what is kept for the time when something can be written again: a day.
	maxPoints = int(24 * time.Hour / historyInterval)
)

// history is what the storage says of itself over time.
type history struct {
	mu sync.Mutex
	// pending are the points that are not stored yet, by reason and in order.
	pending map[Reason][]point
	last    map[Reason]int64
}

// point is a sample, its time in unix milliseconds.
type point struct {
	at    int64
	value float64
}

// note takes the counts of a time over. A counter that begins gets a zero to rise from.
func (h *history) note(refusals []Refusal, at time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.pending == nil {
		h.pending, h.last = map[Reason][]point{}, map[Reason]int64{}
	}
	now := at.UnixMilli()
	for _, r := range refusals {
		if _, known := h.last[r.Reason]; !known {
			h.pending[r.Reason] = append(h.pending[r.Reason], point{now - historyInterval.Milliseconds(), 0})
		}
		h.last[r.Reason] = r.Samples
		h.pending[r.Reason] = append(h.pending[r.Reason], point{now, float64(r.Samples)})
		if n := len(h.pending[r.Reason]); n > maxPoints {
			h.pending[r.Reason] = h.pending[r.Reason][n-maxPoints:]
		}
	}
}

// take answers all pending points, and gives them up when they are stored.
func (h *history) take() map[Reason][]point {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := make(map[Reason][]point, len(h.pending))
	for reason, points := range h.pending {
		out[reason] = points
	}
	return out
}

// drop gives up points that were stored.
func (h *history) drop(stored map[Reason][]point) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for reason, points := range stored {
		if h.pending[reason] = h.pending[reason][min(len(points), len(h.pending[reason])):]; len(h.pending[reason]) == 0 {
			delete(h.pending, reason)
		}
	}
}

func refusedSeries(reason Reason) labels.Labels {
	return labels.FromStrings(model.MetricNameLabel, RefusedMetric, ReasonLabel, string(reason))
}

// keepHistory notes what is refused, and stores it whenever that is possible, until ctx ends.
func (s *Store) keepHistory(ctx context.Context) {
	for ctx.Err() == nil {
		if refusals := s.refusals.All(); len(refusals) > 0 {
			s.history.note(refusals, time.Now())
			s.storeHistory(ctx)
		}
		s.sleep(ctx, s.options.HistoryInterval)
	}
}

func (s *Store) storeHistory(ctx context.Context) {
	if s.failing() {
		return
	}
	points := s.history.take()
	batch := &appender{transaction: transaction{store: s, uncounted: true}, ctx: ctx}
	for reason, all := range points {
		for _, p := range all {
			// A point that is too old by now is lost.
			_, _ = batch.Append(0, refusedSeries(reason), p.at, p.value)
		}
	}
	if batch.Commit() == nil {
		s.history.drop(points)
	}
}

// set are the pending series that match, in the order of their labels.
func (h *history) set(mint, maxt int64, matchers []*labels.Matcher) []promstorage.Series {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []promstorage.Series
	for _, reason := range reasons {
		points := h.pending[reason]
		set := refusedSeries(reason)
		if len(points) == 0 || !matches(set, matchers) {
			continue
		}
		var samples []chunks.Sample
		for _, p := range points {
			if p.at >= mint && p.at <= maxt {
				samples = append(samples, p)
			}
		}
		if len(samples) > 0 {
			out = append(out, promstorage.NewListSeries(set, samples))
		}
	}
	return out
}

// reasons are all of them, sorted.
var reasons = []Reason{DiskFull, Duplicate, OutOfOrder, PageLimit, ReservedName, SeriesLimit, TooNew, TooOld, WriteFailed}

func matches(set labels.Labels, matchers []*labels.Matcher) bool {
	for _, m := range matchers {
		if !m.Matches(set.Get(m.Name)) {
			return false
		}
	}
	return true
}

// The methods of chunks.Sample.

func (point) ST() int64                     { return 0 }
func (p point) T() int64                    { return p.at }
func (p point) F() float64                  { return p.value }
func (point) H() *histogram.Histogram       { return nil }
func (point) FH() *histogram.FloatHistogram { return nil }
func (point) Type() chunkenc.ValueType      { return chunkenc.ValFloat }
func (p point) Copy() chunks.Sample         { return p }

// querier reads the TSDB, and beside it what the storage says of itself. The TSDB may be closed.
type querier struct {
	promstorage.Querier
	history    *history
	mint, maxt int64
	leave      func()
}

func (q *querier) Select(ctx context.Context, sorted bool, hints *promstorage.SelectHints, matchers ...*labels.Matcher) promstorage.SeriesSet {
	own := q.history.set(q.mint, q.maxt, matchers)
	if len(own) == 0 {
		return q.Querier.Select(ctx, sorted, hints, matchers...)
	}
	pending := &listSet{all: own}
	if _, closed := q.Querier.(closedQuerier); closed {
		return pending
	}
	return promstorage.NewMergeSeriesSet([]promstorage.SeriesSet{q.Querier.Select(ctx, true, hints, matchers...), pending}, 0, promstorage.ChainedSeriesMerge)
}

func (q *querier) Close() error {
	defer q.leave()
	return q.Querier.Close()
}

// closedQuerier answers an error to everything.
type closedQuerier struct{}

func (closedQuerier) Select(context.Context, bool, *promstorage.SelectHints, ...*labels.Matcher) promstorage.SeriesSet {
	return promstorage.ErrSeriesSet(errNotOpen)
}

func (closedQuerier) LabelValues(context.Context, string, *promstorage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, errNotOpen
}

func (closedQuerier) LabelNames(context.Context, *promstorage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, errNotOpen
}

func (closedQuerier) Close() error { return nil }

// listSet is a SeriesSet of series that are there.
type listSet struct {
	all []promstorage.Series
	i   int
}

func (l *listSet) Next() bool {
	l.i++
	return l.i <= len(l.all)
}

func (l *listSet) At() promstorage.Series          { return l.all[l.i-1] }
func (*listSet) Err() error                        { return nil }
func (*listSet) Warnings() annotations.Annotations { return nil }
