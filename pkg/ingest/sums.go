package ingest

import (
	"math"
	"slices"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"
)

const (
	// OtherModel is the model of sums, as it is in the recorder.
	OtherModel = "other"
	// The label of sums keeps them apart from a page's own model of that name.
	foldLabel, foldValue = "fold", "page_limit"
	// maxBuckets bounds a native histogram.
	maxBuckets = 160
)

// maxSums bounds the series of the sums of one page.
func maxSums(samples int) int { return max(samples/10, 100) }

type sumKind uint8

const (
	unsummable sumKind = iota
	counterSum
	gaugeSum
	histogramSum
)

// member is a series in a sum. Of a counter, last is its last value.
type member struct {
	set   labels.Labels
	sum   *sum
	last  float64
	lastH *histogram.FloatHistogram
	seen  int64
	// stored says that the series was stored by itself, last with the value from.
	stored bool
	from   float64
	fromH  *histogram.FloatHistogram
	// individual is set from the series' last sample of its own until that was marked as its end.
	individual bool
}

// sum is a series that stands for many. A counter's value counts increments only, so that it neither jumps nor resets when members change.
type sum struct {
	set       labels.Labels
	ref       storage.SeriesRef
	kind      sumKind
	value     float64
	histogram *histogram.FloatHistogram
	// touched is the time of the last page with a member; live says that the series has not ended.
	touched int64
	live    bool
	begun   bool
}

// sums are those of one target.
type sums struct {
	series  map[uint64]*sum
	members map[uint64]*member
	kinds   map[string]sumKind
	// Of the page in progress.
	at      int64
	most    int
	dropped int
	seen    int
}

func newSums() *sums {
	return &sums{series: map[uint64]*sum{}, members: map[uint64]*member{}, kinds: map[string]sumKind{}}
}

func (f *sums) member(set labels.Labels) *member {
	m := f.members[set.Hash()]
	if m == nil || !labels.Equal(m.set, set) {
		return nil
	}
	return m
}

// begin starts a page.
func (f *sums) begin(at int64, most int) {
	f.at, f.most, f.dropped, f.seen = at, most, 0, 0
	if len(f.kinds) > most {
		clear(f.kinds)
	}
}

// join adds a sample to its sum: of a counter its increment since the member's last sample, all of it if it began since the last page, and
// nothing if it is new and may have counted before. counted says that the sample is stored by itself as well. It is nil if the sample cannot be
// added up.
func (f *sums) join(a *appender, s sample, counted bool) *member {
	m := f.member(s.set)
	if m == nil {
		of := f.sumOf(a, s)
		if of == nil {
			f.dropped++
			return nil
		}
		m = &member{set: s.set, sum: of}
		f.members[s.set.Hash()] = m
		m.begin(s, !counted && s.st != 0 && a.target.lastPage != 0 && s.st >= a.target.lastPage)
	}
	if m.seen == f.at {
		return m // twice on the page
	}
	restarted := m.seen != 0 && s.st > m.seen
	m.seen = f.at
	f.seen++
	m.sum.touch(f.at)
	if !counted || m.sum.kind != gaugeSum {
		m.add(s, restarted)
	}
	return m
}

// begin sets a new member's last value: zero if all that it counts is new, otherwise its value now.
func (m *member) begin(s sample, isNew bool) {
	switch {
	case isNew:
	case m.sum.kind == histogramSum:
		m.lastH = s.float()
	default:
		m.last = s.v
	}
}

// keep notes the last value that the series was stored with by itself.
func (m *member) keep(t *target, s sample) {
	out, _ := t.adjust(s)
	delete(t.returned, s.set.Hash())
	m.stored, m.from = true, out.v
	if m.sum.kind == histogramSum {
		m.fromH = out.float()
	}
}

func (s sample) float() *histogram.FloatHistogram {
	if s.h != nil {
		return s.h.ToFloat(nil)
	}
	return s.fh.Copy()
}

// add adds a sample; restarted says that the counter began anew since the last one, whether its value shows that or not.
func (m *member) add(s sample, restarted bool) {
	switch m.sum.kind {
	case gaugeSum:
		if !math.IsNaN(s.v) {
			m.sum.value += s.v
		}
	case counterSum:
		if math.IsNaN(s.v) || math.IsInf(s.v, 0) {
			return
		}
		step := s.v - m.last
		if restarted || step < 0 {
			step = s.v
		}
		m.sum.value += max(step, 0)
		m.last = s.v
	case histogramSum:
		m.addHistogram(s.float(), restarted)
	}
}

func (m *member) addHistogram(now *histogram.FloatHistogram, restarted bool) {
	step := now.Copy()
	if m.lastH != nil && !restarted && !now.DetectReset(m.lastH) {
		if reduced, _, _, err := step.Sub(m.lastH); err == nil {
			step = reduced
		}
	}
	m.lastH = now
	step.CounterResetHint = histogram.UnknownCounterReset
	if m.sum.histogram == nil {
		m.sum.histogram = step
		return
	}
	total, _, _, err := m.sum.histogram.Add(step)
	if err != nil {
		return
	}
	total.CounterResetHint = histogram.UnknownCounterReset
	m.sum.histogram = total.Compact(0)
}

// touch notes that the sum has a member on the page.
func (s *sum) touch(at int64) {
	if s.touched != at && s.kind == gaugeSum {
		s.value = 0
	}
	s.touched = at
}

// sumOf is the sum of a new member; nil if there can be none.
func (f *sums) sumOf(a *appender, s sample) *sum {
	kind := f.kindOf(a, s)
	if kind == unsummable {
		return nil
	}
	label, _ := modelOf(s.set, a.server.Fold.ModelLabels)
	builder := labels.NewBuilder(s.set)
	builder.Del(a.server.Fold.DropLabels...).Del(a.server.Fold.ModelLabels...)
	builder.Set(label, OtherModel).Set(foldLabel, foldValue)
	set := builder.Labels()
	key := set.Hash()
	if kind == histogramSum {
		key++ // a metric may have classic and native series of one name
	}
	of := f.series[key]
	switch {
	case of != nil && of.kind == kind && labels.Equal(of.set, set):
		return of
	case of != nil || len(f.series) >= f.most:
		return nil
	}
	of = &sum{set: set, kind: kind}
	f.series[key] = of
	return of
}

// kindOf is how samples of a metric are added up.
func (f *sums) kindOf(a *appender, s sample) sumKind {
	switch {
	case s.h != nil:
		return nativeKind(s.h.CounterResetHint, s.h.UsesCustomBuckets())
	case s.fh != nil:
		return nativeKind(s.fh.CounterResetHint, s.fh.UsesCustomBuckets())
	}
	name := s.set.Get(model.MetricNameLabel)
	kind, known := f.kinds[name]
	if !known {
		kind = a.floatKind(name)
		f.kinds[strings.Clone(name)] = kind
	}
	return kind
}

func nativeKind(hint histogram.CounterResetHint, custom bool) sumKind {
	if hint == histogram.GaugeType || custom {
		return unsummable
	}
	return histogramSum
}

// cumulativeSuffixes are those of the series of counters, histograms and summaries that count up.
var cumulativeSuffixes = []string{"_total", "_bucket", "_count", "_sum"}

func (a *appender) floatKind(name string) sumKind {
	base, cumulative := name, false
	for _, suffix := range cumulativeSuffixes {
		if cut, has := strings.CutSuffix(name, suffix); has {
			base, cumulative = cut, true
		}
	}
	switch a.typeOf(name, base) {
	case model.MetricTypeCounter:
		return counterSum
	case model.MetricTypeHistogram, model.MetricTypeSummary, model.MetricTypeUnknown:
		if cumulative {
			return counterSum
		}
	case model.MetricTypeGauge:
		if slices.Contains(a.server.Fold.Gauges, name) {
			return gaugeSum
		}
	}
	return unsummable
}

// typeOf is the type that the page declares for a metric, under its name or that of its family.
func (a *appender) typeOf(name, family string) model.MetricType {
	if a.metadata == nil {
		return model.MetricTypeUnknown
	}
	for _, n := range []string{name, family} {
		if found, has := a.metadata.GetMetadata(n); has && found.Type != "" && found.Type != model.MetricTypeUnknown {
			return found.Type
		}
	}
	return model.MetricTypeUnknown
}

// write stores the sums of the page that is read, and ends those that have no member any more.
func (f *sums) write(a *appender, at int64) {
	for _, s := range f.series {
		if s.touched == at {
			s.store(a, at)
		} else {
			s.end(a, at)
		}
	}
	if len(f.members) > 2*f.seen+1000 {
		for key, m := range f.members {
			if m.seen != at && !m.stored {
				delete(f.members, key)
			}
		}
	}
}

func (s *sum) store(a *appender, at int64) {
	out := sample{set: s.set, ref: s.ref, t: at, v: s.value}
	if s.kind == histogramSum {
		for len(s.histogram.PositiveBuckets)+len(s.histogram.NegativeBuckets) > maxBuckets && s.histogram.Schema > histogram.ExponentialSchemaMin {
			if err := s.histogram.ReduceResolution(s.histogram.Schema - 1); err != nil {
				break
			}
		}
		out.fh, out.v = s.histogram.Copy(), 0
	}
	if !s.begun && s.kind == counterSum && s.value > 0 {
		// A counter's first sample is in no rate: without a zero before it, what its first members have counted would be lost.
		_, _ = a.next.Append(0, s.set, 0, at-1, 0, nil, nil, noOptions)
	}
	ref, err := a.next.Append(out.ref, out.set, 0, out.t, out.v, nil, out.fh, noOptions)
	if err != nil {
		a.countError(out, err)
		return
	}
	s.ref, s.live, s.begun = ref, true, true
}

// end marks the series as ended. Its value is kept for the case that it goes on.
func (s *sum) end(a *appender, at int64) {
	if !s.live {
		return
	}
	s.live = false
	_, _ = a.next.Append(s.ref, s.set, 0, at, math.Float64frombits(value.StaleNaN), nil, nil, storage.AOptions{RejectOutOfOrder: true})
}

func (f *sums) end(a *appender, at int64) {
	for _, s := range f.series {
		s.end(a, at)
	}
}
