package storage

import (
	"context"
	"time"

	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/metadata"
	promstorage "github.com/prometheus/prometheus/storage"
)

// A reference to a series means something to one generation of the TSDB alone: after a restart, the same number may be another series.
// So references have the generation in their upper bits.
const generationShift = 48

func tagged(ref promstorage.SeriesRef, generation uint64) promstorage.SeriesRef {
	if ref == 0 {
		return 0
	}
	return ref | promstorage.SeriesRef(generation<<generationShift)
}

func untagged(ref promstorage.SeriesRef, generation uint64) promstorage.SeriesRef {
	if uint64(ref)>>generationShift != generation&(1<<(64-generationShift)-1) {
		return 0
	}
	return ref & (1<<generationShift - 1)
}

// transaction is what the appenders of both versions share: one batch of samples, stored whole or counted as refused.
type transaction struct {
	store *Store
	// begun is set by the first sample: an appender waits for the TSDB no sooner.
	begun      bool
	inner      promstorage.AppenderTransaction
	generation uint64
	samples    int
	job        string
	// uncounted is set for what the storage says of itself.
	uncounted bool
}

// begin opens the batch with the function, unless nothing can be stored now.
func (t *transaction) begin(open func(*generation) promstorage.AppenderTransaction) {
	if t.begun {
		return
	}
	t.begun = true
	current, err := t.store.enter(true)
	if err != nil {
		return
	}
	t.inner, t.generation = open(current), current.number
}

// count takes note of a sample and answers the series' reference.
func (t *transaction) count(ref promstorage.SeriesRef, set labels.Labels, err error) (promstorage.SeriesRef, error) {
	if err == nil {
		if t.samples++; t.job == "" {
			t.job = set.Get("job")
		}
	}
	return tagged(ref, t.generation), err
}

// refused counts a sample that has nowhere to go.
func (t *transaction) refused(ref promstorage.SeriesRef, set labels.Labels) (promstorage.SeriesRef, error) {
	_, err := t.count(0, set, nil)
	return ref, err
}

func (t *transaction) Commit() error {
	if !t.begun {
		return nil
	}
	if t.inner == nil {
		return t.refuse()
	}
	inner := t.inner
	t.inner = nil
	defer t.store.gate.leave()
	if err := t.store.commit(inner); err != nil {
		return t.refuse()
	}
	return nil
}

func (t *transaction) Rollback() error {
	if t.inner == nil {
		return nil
	}
	inner := t.inner
	t.inner = nil
	defer t.store.gate.leave()
	return t.store.rollback(inner)
}

// Appender is that of promstorage.Appendable.
func (s *Store) Appender(ctx context.Context) promstorage.Appender {
	return &appender{transaction: transaction{store: s}, ctx: ctx}
}

// AppenderV2 is that of promstorage.AppendableV2.
func (s *Store) AppenderV2(ctx context.Context) promstorage.AppenderV2 {
	return &appenderV2{transaction: transaction{store: s}, ctx: ctx}
}

type appenderV2 struct {
	transaction
	ctx      context.Context
	appender promstorage.AppenderV2
}

func (a *appenderV2) Append(ref promstorage.SeriesRef, set labels.Labels, st, t int64, v float64, h *histogram.Histogram, fh *histogram.FloatHistogram,
	o promstorage.AOptions,
) (promstorage.SeriesRef, error) {
	if a.open(); a.inner == nil {
		return a.refused(ref, set)
	}
	found, err := a.appender.Append(untagged(ref, a.generation), set, st, t, v, h, fh, o)
	return a.count(found, set, err)
}

func (a *appenderV2) open() {
	a.begin(func(g *generation) promstorage.AppenderTransaction {
		a.appender = g.db.AppenderV2(a.ctx)
		return a.appender
	})
}

// GetRef finds a series in memory; 0 if there is none.
func (a *appenderV2) GetRef(set labels.Labels, hash uint64) (promstorage.SeriesRef, labels.Labels) {
	if a.open(); a.inner == nil {
		return 0, labels.EmptyLabels()
	}
	finder, can := a.appender.(promstorage.GetRef)
	if !can {
		return 0, labels.EmptyLabels()
	}
	ref, found := finder.GetRef(set, hash)
	return tagged(ref, a.generation), found
}

type appender struct {
	transaction
	ctx      context.Context
	options  *promstorage.AppendOptions
	appender promstorage.Appender
}

func (a *appender) open(g *generation) promstorage.AppenderTransaction {
	a.appender = g.db.Appender(a.ctx)
	if a.options != nil {
		a.appender.SetOptions(a.options)
	}
	return a.appender
}

func (a *appender) SetOptions(o *promstorage.AppendOptions) { a.options = o }

func (a *appender) Append(ref promstorage.SeriesRef, set labels.Labels, t int64, v float64) (promstorage.SeriesRef, error) {
	a.begin(a.open)
	if a.inner == nil {
		return a.refused(ref, set)
	}
	found, err := a.appender.Append(untagged(ref, a.generation), set, t, v)
	return a.count(found, set, err)
}

func (a *appender) AppendHistogram(ref promstorage.SeriesRef, set labels.Labels, t int64, h *histogram.Histogram, fh *histogram.FloatHistogram) (promstorage.SeriesRef, error) {
	a.begin(a.open)
	if a.inner == nil {
		return a.refused(ref, set)
	}
	found, err := a.appender.AppendHistogram(untagged(ref, a.generation), set, t, h, fh)
	return a.count(found, set, err)
}

// The rest adds to samples of the same batch, and is counted with them.

func (a *appender) AppendExemplar(ref promstorage.SeriesRef, set labels.Labels, e exemplar.Exemplar) (promstorage.SeriesRef, error) {
	a.begin(a.open)
	if a.inner == nil {
		return ref, nil
	}
	found, err := a.appender.AppendExemplar(untagged(ref, a.generation), set, e)
	return tagged(found, a.generation), err
}

func (a *appender) AppendHistogramSTZeroSample(ref promstorage.SeriesRef, set labels.Labels, t, st int64, h *histogram.Histogram, fh *histogram.FloatHistogram) (promstorage.SeriesRef, error) {
	a.begin(a.open)
	if a.inner == nil {
		return ref, nil
	}
	found, err := a.appender.AppendHistogramSTZeroSample(untagged(ref, a.generation), set, t, st, h, fh)
	return tagged(found, a.generation), err
}

func (a *appender) UpdateMetadata(ref promstorage.SeriesRef, set labels.Labels, m metadata.Metadata) (promstorage.SeriesRef, error) {
	a.begin(a.open)
	if a.inner == nil {
		return ref, nil
	}
	found, err := a.appender.UpdateMetadata(untagged(ref, a.generation), set, m)
	return tagged(found, a.generation), err
}

func (a *appender) AppendSTZeroSample(ref promstorage.SeriesRef, set labels.Labels, t, st int64) (promstorage.SeriesRef, error) {
	a.begin(a.open)
	if a.inner == nil {
		return ref, nil
	}
	found, err := a.appender.AppendSTZeroSample(untagged(ref, a.generation), set, t, st)
	return tagged(found, a.generation), err
}

// refuse counts the batch and answers why it was not stored.
func (t *transaction) refuse() error {
	problem := t.store.problemNow()
	if !t.uncounted {
		t.store.refusals.Add(problem.Reason, t.job, t.samples, problem.Detail, time.Now())
	}
	return &NotStoredError{Problem: problem}
}
