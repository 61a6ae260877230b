package ingest

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync/atomic"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"

	stored "github.com/coldhit/modelserving-datasource/pkg/storage"
)

// nearShare is the share of the limit of series from which on it is near.
const nearShare = 0.8

// usage counts series that were refused.
type usage struct{ refused atomic.Int64 }

// overSeriesLimit says whether a series is new and the limit of series is reached, and counts the sample as refused if so.
func (a *appender) overSeriesLimit(set labels.Labels) bool {
	limit := a.limits.Series
	if limit <= 0 || a.ingest.Head().NumSeries() < uint64(limit) {
		return false
	}
	if finder, can := a.next.(storage.GetRef); can {
		if ref, _ := finder.GetRef(set, set.Hash()); ref != 0 {
			return false
		}
	}
	a.ingest.usage.refused.Add(1)
	a.refuse(stored.SeriesLimit, 1, func() string {
		return fmt.Sprintf("The limit of %d series in memory is reached: new series are not stored until old ones end.", limit)
	})
	return true
}

// nearLimit reports whether so many series are near a limit.
func nearLimit(series, limit int) bool {
	return limit > 0 && float64(series) >= nearShare*float64(limit)
}

// Biggest is what takes most of the storage's memory.
type Biggest struct {
	// Metric has most series.
	Metric string
	Series int
	// Label has most values.
	Label  string
	Values int
}

// FoldedPage is a target whose page is reduced.
type FoldedPage struct {
	Job string
	// Folded of Models are stored together.
	Folded, Models int
	// Samples are those of the last page, Limit is how many are stored.
	Samples, Limit int
	// Dropped samples cannot be added up.
	Dropped int
}

// Status is how near the limits are.
type Status struct {
	// Series are those in memory. Limit is 0 if there is none.
	Series, Limit int
	// Near is set from 80 % of the limit on; then Biggest is filled in.
	Near    bool
	Biggest Biggest
	// RefusedSeries counts samples of new series that the limit has refused.
	RefusedSeries int64
	// Folded are the targets whose pages are reduced, by job.
	Folded []FoldedPage
}

// Status is how near the limits are now.
func (g *Ingest) Status() Status {
	out := Status{Series: int(min(g.Head().NumSeries(), math.MaxInt32)), RefusedSeries: g.usage.refused.Load()}
	out.Limit, out.Folded = g.Usage()
	if out.Near = nearLimit(out.Series, out.Limit); out.Near && g.Biggest != nil {
		out.Biggest = g.Biggest()
	}
	return out
}

// Usage is the limit of series and the targets whose pages are reduced, by job; of several targets of one job, the one with most folded models.
func (g *Ingest) Usage() (seriesLimit int, folded []FoldedPage) {
	limits := g.Limits()
	g.mu.Lock()
	targets := slices.Collect(maps.Values(g.targets))
	g.mu.Unlock()
	for _, t := range targets {
		if page, is := t.foldedPage(limits.Samples); is {
			folded = append(folded, page)
		}
	}
	slices.SortFunc(folded, func(a, b FoldedPage) int { return cmp.Or(cmp.Compare(a.Job, b.Job), cmp.Compare(b.Folded, a.Folded)) })
	return limits.Series, slices.CompactFunc(folded, func(a, b FoldedPage) bool { return a.Job == b.Job })
}

func (t *target) foldedPage(limit int) (FoldedPage, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cut == nil || t.cut.folded == 0 {
		return FoldedPage{}, false
	}
	return FoldedPage{Job: t.job, Folded: t.cut.folded, Models: t.cut.models, Samples: t.size, Limit: limit, Dropped: t.cut.dropped}, true
}
