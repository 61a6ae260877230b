package ingest

import (
	"fmt"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
)

// returned is a counter that is stored by itself again after it was in a sum. What it counted in between is in the sum, so its stored value goes
// on from where it ended: it is less than the page's by an offset, until the counter is reset.
type returned struct {
	set    labels.Labels
	offset float64
	last   float64
	// The same of a native histogram.
	offsetH, lastH *histogram.FloatHistogram
	// seen is the time of its last sample, in unix milliseconds.
	seen int64
	// pending is set on what was found in the storage: its offset follows from the next page.
	pending bool
	// live says that a pending series has not ended.
	live bool
	// resetAt is the time of the page in which the counter was reset.
	resetAt int64
}

// leave takes a series out of its sum. It goes on by itself.
func (t *target) leave(m *member) {
	delete(t.cut.sums.members, m.set.Hash())
	if m.sum.kind == gaugeSum {
		return
	}
	r := &returned{set: m.set, last: m.last, lastH: m.lastH, seen: m.seen}
	switch {
	case !m.stored && m.sum.kind == histogramSum:
		r.offsetH = &histogram.FloatHistogram{Schema: m.lastH.Schema}
	case !m.stored: // it begins with its value on the page
	case m.sum.kind == counterSum:
		r.offset = m.last - m.from
	default:
		offset, _, _, err := m.lastH.Copy().Sub(m.fromH)
		if err != nil {
			return
		}
		r.offsetH = offset
	}
	t.returned[m.set.Hash()] = r
}

// adjust is a sample as it is stored.
func (t *target) adjust(s sample) (out sample, reset bool) {
	if len(t.returned) == 0 {
		return s, false
	}
	r := t.returned[s.set.Hash()]
	if r == nil || !labels.Equal(r.set, s.set) {
		return s, false
	}
	if (s.h != nil || s.fh != nil) != (r.offsetH != nil) {
		return s, false
	}
	began := s.st
	if s.st <= r.seen {
		s.st = 0 // what it counted between its start and then is in the sum
	}
	if r.offsetH != nil {
		return r.adjustHistogram(s, began), false
	}
	switch {
	case r.pending:
		r.pending, r.offset = false, s.v-r.last
	case s.v < r.last, began > r.seen && r.seen < s.t:
		r.offset, r.resetAt = 0, s.t
	}
	r.last, r.seen = s.v, s.t
	s.v -= r.offset
	return s, r.resetAt == s.t
}

func (r *returned) adjustHistogram(s sample, began int64) sample {
	now := s.float()
	switch {
	case r.pending:
		r.pending = false
		if offset, _, _, err := now.Copy().Sub(r.offsetH); err == nil {
			r.offsetH = offset
		}
	case now.DetectReset(r.lastH), began > r.seen && r.seen < s.t:
		r.offsetH = &histogram.FloatHistogram{Schema: now.Schema}
	}
	r.lastH, r.seen = now, s.t
	reduced, _, _, err := now.Copy().Sub(r.offsetH)
	if err != nil {
		return s
	}
	reduced.CounterResetHint = histogram.UnknownCounterReset
	s.h, s.fh = nil, reduced.Compact(0)
	return s
}

// resumeWindow is how far back the storage is read for what a restart of the plugin has forgotten: what it holds in memory.
const resumeWindow = 3 * time.Hour

// resume looks for sums that an earlier process has stored for the target, and for its other series. Those go on from their last stored
// value: what they counted since may be in the sums, and how far their stored values are behind the page's is not known any more. So what a
// target with sums counts while the plugin restarts is lost, and nothing is counted twice.
func (t *target) resume(a *appender) error {
	now := a.ingest.Now()
	querier, err := a.ingest.Stored.Querier(now.Add(-resumeWindow).UnixMilli(), now.UnixMilli())
	if err != nil {
		return fmt.Errorf("read the series of %s: %w", t.job, err)
	}
	defer func() { _ = querier.Close() }()
	of := []*labels.Matcher{
		labels.MustNewMatcher(labels.MatchEqual, model.JobLabel, t.job),
		labels.MustNewMatcher(labels.MatchEqual, model.InstanceLabel, t.set.Get(model.InstanceLabel)),
	}
	sums := querier.Select(a.ctx, false, nil, append(of, labels.MustNewMatcher(labels.MatchEqual, foldLabel, foldValue))...)
	if t.resumed = now; !sums.Next() {
		return sums.Err()
	}
	t.hadSums = true
	found := querier.Select(a.ctx, false, nil, append(of, labels.MustNewMatcher(labels.MatchNotEqual, foldLabel, foldValue))...)
	var iterator chunkenc.Iterator
	for found.Next() {
		one := found.At()
		iterator = one.Iterator(iterator)
		if r := lastOf(iterator); r != nil {
			r.set = one.Labels()
			t.returned[r.set.Hash()] = r
		}
	}
	return found.Err()
}

// lastOf is the last sample of a series; nil if there is none.
func lastOf(iterator chunkenc.Iterator) *returned {
	r := &returned{pending: true}
	for kind := iterator.Next(); kind != chunkenc.ValNone; kind = iterator.Next() {
		if kind == chunkenc.ValFloat {
			at, v := iterator.At()
			if r.live = !value.IsStaleNaN(v); r.live {
				r.seen, r.last, r.offsetH = at, v, nil
			}
			continue
		}
		at, h := iterator.AtFloatHistogram(nil)
		if r.live = !value.IsStaleNaN(h.Sum); r.live {
			r.seen, r.offsetH = at, h
		}
	}
	if r.seen == 0 {
		return nil
	}
	return r
}

// ended is where a series ended in an earlier process; nil if it did not, or has gone on.
func (t *target) ended(set labels.Labels) *returned {
	r := t.returned[set.Hash()]
	if r == nil || !r.pending || r.live || !labels.Equal(r.set, set) {
		return nil
	}
	return r
}
