package remotewrite

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/prompb"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"golang.org/x/sync/errgroup"
)

const (
	// batchSamples is how many samples one request has, as Prometheus sends them; a series is never divided among requests.
	batchSamples = 2000
	// parallel is how many requests run side by side. Series in them differ, so each arrives in order.
	parallel = 4
)

// window is a piece of time, in unix milliseconds, both ends included.
type window struct {
	from, to int64
	// samples counts what there is to send; sent are hashes of the series that have been sent, so that a new attempt leaves them out.
	samples int64

	mu   sync.Mutex
	sent map[uint64]struct{}
	// doubtful are hashes of the series of which the server may have taken samples without saying so.
	doubtful map[uint64]struct{}
	// allDoubtful says so of all series: this was being sent when an earlier sender ended.
	allDoubtful bool
	// refusing is set while a whole batch was refused: the next one is not searched through either.
	refusing bool
}

// nextWindow is what to send next: at most a span, and not beyond latest. The window in which an earlier sender ended is sent again as it was.
func nextWindow(at progress, span time.Duration, latest int64) *window {
	w := &window{from: at.cursor + 1, to: min(at.cursor+span.Milliseconds(), latest), sent: map[uint64]struct{}{}, doubtful: map[uint64]struct{}{}}
	if w.from <= at.resend {
		w.to = at.resend
	}
	w.to = max(w.to, w.from)
	w.allDoubtful = w.from <= max(at.resend, at.doubtful)
	return w
}

// batch is what one request sends.
type batch struct {
	series  []prompb.TimeSeries
	hashes  []uint64
	samples int64
	// doubtful says that the server may have all of it.
	doubtful bool
}

func (b *batch) add(one prompb.TimeSeries, hash uint64) {
	b.series, b.hashes = append(b.series, one), append(b.hashes, hash)
	b.samples += count(one)
}

func count(one prompb.TimeSeries) int64 { return int64(len(one.Samples) + len(one.Histograms)) }

func countAll(all []prompb.TimeSeries) (n int64) {
	for _, one := range all {
		n += count(one)
	}
	return n
}

// attempt sends what of the window has not been sent yet. After an error the rest may be tried again.
func (s *Sender) attempt(ctx context.Context, w *window) error {
	querier, err := s.db.Querier(w.from, w.to)
	if err != nil {
		return fmt.Errorf("the stored samples cannot be read: %w", err)
	}
	defer func() { _ = querier.Close() }()
	// In the same order each time, so that a window that is sent again is divided into the same requests.
	found := querier.Select(ctx, true, nil, labels.MustNewMatcher(labels.MatchRegexp, model.MetricNameLabel, ".+"))
	group, limited := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	w.samples = 0
	err = s.batches(limited, w, found, func(b *batch) {
		group.Go(func() error { return s.send(limited, w, b) })
	})
	if sending := group.Wait(); sending != nil {
		return sending
	}
	return err
}

// batches reads series until ctx ends, and hands them on in batches.
func (s *Sender) batches(ctx context.Context, w *window, found storage.SeriesSet, hand func(*batch)) error {
	var iterator chunkenc.Iterator
	next := &batch{}
	for ctx.Err() == nil && found.Next() {
		series := found.At()
		hash := series.Labels().Hash()
		iterator = series.Iterator(iterator)
		one, err := s.read(series.Labels(), iterator)
		if err != nil {
			return fmt.Errorf("the stored samples cannot be read: %w", err)
		}
		w.samples += count(one)
		if count(one) == 0 || w.wasSent(hash) {
			continue
		}
		doubtful := w.isDoubtful(hash)
		if next.samples > 0 && (next.samples+count(one) > batchSamples || doubtful != next.doubtful) {
			hand(next)
			next = &batch{}
		}
		next.doubtful = doubtful
		next.add(one, hash)
	}
	if next.samples > 0 && ctx.Err() == nil {
		hand(next)
	}
	if err := found.Err(); err != nil {
		return fmt.Errorf("the stored samples cannot be read: %w", err)
	}
	return nil
}

func (s *Sender) read(set labels.Labels, iterator chunkenc.Iterator) (prompb.TimeSeries, error) {
	one := prompb.TimeSeries{Labels: prompb.FromLabels(set, nil)}
	// A native histogram that is not copied has classic buckets beside it; its end is told by them.
	for kind := iterator.Next(); kind != chunkenc.ValNone; kind = iterator.Next() {
		switch {
		case kind == chunkenc.ValFloat:
			at, v := iterator.At()
			one.Samples = append(one.Samples, prompb.Sample{Timestamp: at, Value: v})
		case !s.options.NativeHistograms:
		case kind == chunkenc.ValHistogram:
			at, h := iterator.AtHistogram(nil)
			one.Histograms = append(one.Histograms, prompb.FromIntHistogram(at, h))
		case kind == chunkenc.ValFloatHistogram:
			at, h := iterator.AtFloatHistogram(nil)
			one.Histograms = append(one.Histograms, prompb.FromFloatHistogram(at, h))
		}
	}
	return one, iterator.Err()
}

func (w *window) wasSent(hash uint64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, sent := w.sent[hash]
	return sent
}

func (w *window) isDoubtful(hash uint64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, doubtful := w.doubtful[hash]
	return doubtful || w.allDoubtful
}

// doubt notes that the server may have taken some of a batch.
func (w *window) doubt(b *batch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, hash := range b.hashes {
		w.doubtful[hash] = struct{}{}
	}
}

func (w *window) finish(b *batch, allRefused bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.refusing = allRefused && !b.doubtful
	for _, hash := range b.hashes {
		w.sent[hash] = struct{}{}
	}
}

func (w *window) refuses() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.refusing
}
