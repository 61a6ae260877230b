package ingest

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"

	stored "github.com/coldhit/modelserving-datasource/pkg/storage"
)

var noOptions storage.AOptions

// Shares of the limit. They lie apart, so that the models that are stored by themselves seldom change: a page is reduced when it exceeds the
// limit, to filledShare. Models return when less than refillShare is left in use, and all of them when the whole page is below endShare.
const (
	filledShare = 0.9
	refillShare = 0.7
	endShare    = 0.8
)

// cut is how the page of one target is reduced: some models are stored by themselves, the others are added up.
type cut struct {
	kept map[string]bool
	sums *sums
	fold Fold
	// ending is set after a page that is stored in full again; the sums end with the next one.
	ending bool
	// folded and models count models, dropped the samples that could not be added up.
	folded, models, dropped int
}

// has says whether a series is in a sum and not stored by itself.
func (c *cut) has(set labels.Labels) bool {
	if c == nil {
		return false
	}
	m := c.sums.member(set)
	return m != nil && !m.individual
}

// keeps says whether a model was stored by itself before this page. All were before the first reduced page.
func (c *cut) keeps(name string, first bool) bool { return first || name == "" || c.kept[name] }

// modelOf is the model of a series and the label that names it; empty if it belongs to none.
func modelOf(set labels.Labels, names []string) (label, name string) {
	for _, label := range names {
		if name := set.Get(label); name != "" {
			return label, name
		}
	}
	return "", ""
}

// modelCount is a model on a page.
type modelCount struct {
	name    string
	series  int
	traffic float64
	kept    bool
}

// pageCount is a page by model.
type pageCount struct {
	models map[string]*modelCount
	// unmodelled are the samples without a model.
	unmodelled int
}

// count counts the page by model and notes each sample's model.
func (a *appender) count(first bool) pageCount {
	out := pageCount{models: map[string]*modelCount{}}
	traffic := map[string]bool{}
	for _, name := range a.server.Fold.Traffic {
		traffic[name] = true
	}
	for i := range a.page {
		s := &a.page[i]
		if s.state == refused {
			continue
		}
		if _, s.model = modelOf(s.set, a.server.Fold.ModelLabels); s.model == "" {
			out.unmodelled++
			continue
		}
		m := out.models[s.model]
		if m == nil {
			m = &modelCount{name: s.model, kept: !first && a.target.cut.kept[s.model]}
			out.models[s.model] = m
		}
		m.series++
		if s.h == nil && s.fh == nil && s.v > 0 && traffic[s.set.Get(model.MetricNameLabel)] {
			m.traffic += s.v
		}
	}
	return out
}

// byImportance lists the models that are kept already, then the others, each by traffic.
func (p pageCount) byImportance() []*modelCount {
	out := make([]*modelCount, 0, len(p.models))
	for _, m := range p.models {
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b *modelCount) int {
		if a.kept != b.kept {
			if a.kept {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(b.traffic, a.traffic), cmp.Compare(a.name, b.name))
	})
	return out
}

// keptModels returns which models are stored by themselves: as many as fit, once kept always kept while they do. It is false if none of the page can
// be stored.
func (a *appender) keptModels(page pageCount, first bool) (map[string]bool, bool) {
	limit, c := a.limits.Samples, a.target.cut
	if limit <= 0 || float64(len(a.page)) <= endShare*float64(limit) {
		return nil, true // all of them
	}
	inUse := page.unmodelled + len(c.sums.series)
	for _, m := range page.models {
		if m.kept {
			inUse += m.series
		}
	}
	if !first && inUse <= limit && float64(inUse) >= refillShare*float64(limit) {
		return c.kept, true
	}
	room := int(filledShare*float64(limit)) - page.unmodelled - a.sumsOf()
	if room < 0 {
		return nil, false
	}
	kept := map[string]bool{}
	for _, m := range page.byImportance() {
		if m.series > room {
			if m.kept {
				continue
			}
			break
		}
		room -= m.series
		kept[m.name] = true
	}
	return kept, true
}

// sumsOf is how many series the sums over all models of the page would have.
func (a *appender) sumsOf() int {
	type sum struct {
		metric string
		hash   uint64
	}
	without := slices.Sorted(slices.Values(append(slices.Clone(a.server.Fold.ModelLabels), a.server.Fold.DropLabels...)))
	sums := map[sum]struct{}{}
	var buffer []byte
	for _, s := range a.page {
		if s.model == "" || s.state == refused {
			continue
		}
		var hash uint64
		hash, buffer = s.set.HashWithoutLabels(buffer, without...)
		sums[sum{s.set.Get(model.MetricNameLabel), hash}] = struct{}{}
	}
	return min(len(sums), maxSums(a.limits.Samples))
}

// reduce stores the page by the models that are kept and the sums of the others.
func (a *appender) reduce(at int64) error {
	t := a.target
	if t.cut == nil {
		t.cut = &cut{ending: true, sums: newSums(), fold: a.server.Fold}
	}
	c := t.cut
	first := c.ending
	if first && !a.over {
		a.endFolds(at)
		t.cut = nil
		return nil
	}
	page := a.count(first)
	kept, can := a.keptModels(page, first)
	if !can {
		a.restart()
		return a.refuseForGood()
	}
	if a.over {
		a.restart()
	}
	all := kept == nil
	c.sums.begin(at, maxSums(a.limits.Samples))
	folded := 0
	for i := range a.page {
		s := &a.page[i]
		if s.state == refused {
			continue
		}
		before, now := c.keeps(s.model, first), all || s.model == "" || kept[s.model]
		switch {
		case before && now:
			a.replay(*s)
		case before:
			a.demote(*s)
			folded++
		case now:
			a.promote(*s)
		default:
			a.fold(*s)
			folded++
		}
	}
	if !first {
		a.leaveAbsent(kept)
	}
	c.sums.write(a, at)
	c.kept, c.ending = kept, all
	c.models, c.folded, c.dropped = len(page.models), 0, c.sums.dropped
	if !all {
		c.folded = len(page.models) - countKept(page, kept)
		a.refuse(stored.PageLimit, folded, func() string { return c.describe(len(a.page), a.limits.Samples) })
	}
	return nil
}

func countKept(page pageCount, kept map[string]bool) int {
	n := 0
	for name := range page.models {
		if kept[name] {
			n++
		}
	}
	return n
}

// describe is a sentence about a reduced page.
func (c *cut) describe(samples, limit int) string {
	text := fmt.Sprintf("The page has %d samples and the limit is %d: %d of %d models, those with the least traffic, are stored together as model=%q.",
		samples, limit, c.folded, c.models, OtherModel)
	if c.dropped > 0 {
		text += fmt.Sprintf(" %d of their samples cannot be added up and are not stored.", c.dropped)
	}
	return text
}

// replay stores a sample again if the storage's appender was started anew, or for the first time if it waited.
func (a *appender) replay(s sample) {
	if s.state == waiting || (a.over && s.state == passed) {
		_, _ = a.store(s, noOptions)
	}
}

// demote moves a series into a sum. If it is stored already it gets its last sample here, so that the sum goes on exactly where it ends.
func (a *appender) demote(s sample) {
	before := a.target.ended(s.set)
	known := before == nil && s.state != limited && (s.ref != 0 || a.isStored(s.set))
	m := a.target.cut.sums.join(a, s, known || before != nil)
	if m != nil && before != nil {
		m.stored, m.from, m.fromH = true, before.last, before.offsetH
		delete(a.target.returned, s.set.Hash())
	}
	if m == nil || !known {
		return
	}
	a.replay(s)
	m.individual = true
	m.keep(a.target, s)
}

func (a *appender) isStored(set labels.Labels) bool {
	finder, can := a.next.(storage.GetRef)
	if !can {
		return false
	}
	ref, _ := finder.GetRef(set, set.Hash())
	return ref != 0
}

// fold adds what a series has increased by to its sum. One that is stored by itself, but was not on the page when its model was folded, is
// moved into the sum now.
func (a *appender) fold(s sample) {
	m := a.target.cut.sums.member(s.set)
	if m == nil {
		a.demote(s)
		return
	}
	a.target.cut.sums.join(a, s, false)
	if m.individual {
		m.individual = false
		_, _ = a.next.Append(s.ref, s.set, 0, s.t, math.Float64frombits(value.StaleNaN), nil, nil, noOptions)
	}
}

// promote stores a series by itself again. Its sum still gets what it has increased by, and its start is not stored: what happened between its
// start and now is in the sum.
func (a *appender) promote(s sample) {
	if m := a.target.cut.sums.member(s.set); m != nil {
		a.target.cut.sums.join(a, s, true)
		a.target.leave(m)
		s.st = 0
	}
	_, _ = a.store(s, noOptions)
}

// leaveAbsent takes the series of promoted models out of the sums that are not on the page.
func (a *appender) leaveAbsent(kept map[string]bool) {
	for _, m := range a.target.cut.sums.members {
		if _, name := modelOf(m.set, a.server.Fold.ModelLabels); kept == nil || kept[name] {
			a.target.leave(m)
		}
	}
}

// endFolds ends all sums.
func (a *appender) endFolds(at int64) {
	if a.target.cut != nil {
		a.target.cut.sums.end(a, at)
	}
}
