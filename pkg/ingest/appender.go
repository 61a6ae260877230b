package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/scrape"
	"github.com/prometheus/prometheus/storage"

	stored "github.com/coldhit/modelserving-datasource/pkg/storage"
)

// MaxPageFactor is how many times the limit of samples a page may have to be reduced. A larger one is refused while it is read.
const MaxPageFactor = 4

// PageError is why a page was refused as a whole. It is a sentence.
type PageError struct{ Text string }

func (e *PageError) Error() string { return e.Text }

// sample is one sample of a page. An appender records all of them: only at the end of the page it is known whether it is too large.
type sample struct {
	set   labels.Labels
	ref   storage.SeriesRef
	st, t int64
	v     float64
	h     *histogram.Histogram
	fh    *histogram.FloatHistogram
	// model is the model that the sample belongs to; empty if it belongs to none or the page is not reduced.
	model string
	state sampleState
}

type sampleState uint8

const (
	// passed samples are in the storage's appender, refused ones were not taken.
	passed sampleState = iota
	refused
	// limited samples were not taken because their series is new and the limit of series is reached.
	limited
	// waiting samples are decided at the end of the page, unsure ones are, when the server is recognized.
	waiting
	unsure
)

// appender takes one scrape: samples of the page, then stale markers, then the samples of the scrape's report.
type appender struct {
	ingest   *Ingest
	ctx      context.Context
	next     storage.AppenderV2
	target   *target
	scraped  *scrape.Target
	metadata scrape.MetricMetadataStore
	server   Server
	limits   Limits

	page []sample
	// passing counts samples in next; once there are more than the limit, the rest waits.
	passing int
	over    bool
	ended   bool
	failed  bool
	// refusals are counted by reason and reported with the page.
	refusals map[stored.Reason]*refusedSamples
}

type refusedSamples struct {
	count  int
	detail string
}

// Append is that of storage.AppenderV2.
func (a *appender) Append(ref storage.SeriesRef, set labels.Labels, st, t int64, v float64, h *histogram.Histogram, fh *histogram.FloatHistogram,
	o storage.AOptions,
) (storage.SeriesRef, error) {
	a.target.mu.Lock()
	defer a.target.mu.Unlock()
	switch {
	case o.MetricFamilyName != "":
		return a.report(ref, set, t, v, o)
	case isStale(v, h, fh):
		if err := a.end(t); err != nil {
			return 0, err
		}
		if a.target.cut.has(set) {
			return ref, nil // it ended when its model was folded
		}
		return a.next.Append(ref, set, st, t, v, h, fh, o)
	}
	return a.take(sample{set: set, ref: ref, st: st, t: t, v: v, h: h, fh: fh}, o)
}

func isStale(v float64, h *histogram.Histogram, fh *histogram.FloatHistogram) bool {
	switch {
	case h != nil:
		return value.IsStaleNaN(h.Sum)
	case fh != nil:
		return value.IsStaleNaN(fh.Sum)
	}
	return value.IsStaleNaN(v)
}

// take takes a sample of the page.
func (a *appender) take(s sample, o storage.AOptions) (storage.SeriesRef, error) {
	if limit := a.limits.Samples; limit > 0 && len(a.page) >= limit {
		if err := a.checkSize(); err != nil {
			return 0, err
		}
	}
	if s.state = a.reserved(s); s.state != passed {
		a.page = append(a.page, s)
		return 0, nil
	}
	s.model = a.foldedModel(s.set)
	if s.model != "" || a.over || (a.limits.Samples > 0 && a.passing >= a.limits.Samples) {
		a.over = a.over || s.model == ""
		s.state = waiting
		a.page = append(a.page, s)
		return 0, nil
	}
	ref, err := a.store(s, o)
	s.state = passed
	switch {
	case err != nil:
		s.state = refused
	case ref == 0:
		s.state = limited
	}
	a.page = append(a.page, s)
	a.passing++
	return ref, err
}

// foldedModel is the model of a series whose model is folded, else empty.
func (a *appender) foldedModel(set labels.Labels) string {
	if a.target.cut == nil || a.target.cut.ending {
		return ""
	}
	_, name := modelOf(set, a.server.Fold.ModelLabels)
	if a.target.cut.kept[name] {
		return ""
	}
	return name
}

// store passes a sample on if the limit of series allows it, and counts why it was refused. A reference of 0 without an error means that the
// sample was not taken and that the scrape goes on as if it had been.
func (a *appender) store(s sample, o storage.AOptions) (storage.SeriesRef, error) {
	if s.ref == 0 && a.overSeriesLimit(s.set) {
		return 0, nil
	}
	out, reset := a.target.adjust(s)
	if a.target.hadSums && out.st <= a.target.resumed.UnixMilli() {
		out.st = 0 // what the counter counted between its start and now is in the sum
	}
	if reset && out.v > 0 {
		// The stored value may not be seen to fall.
		_, _ = a.next.Append(s.ref, s.set, 0, s.t-1, 0, nil, nil, noOptions)
	}
	ref, err := a.next.Append(s.ref, s.set, out.st, out.t, out.v, out.h, out.fh, o)
	if err != nil {
		a.countError(s, err)
	}
	return ref, err
}

func (a *appender) countError(s sample, err error) {
	switch {
	case errors.Is(err, storage.ErrOutOfOrderSample):
		a.refuse(stored.OutOfOrder, 1, func() string { return a.whyOld("older than a stored one of its series", s.t) })
	case errors.Is(err, storage.ErrDuplicateSampleForTimestamp):
		a.refuse(stored.Duplicate, 1, func() string {
			return fmt.Sprintf("%.100s has another value than is stored for %s.", s.set.Get(model.MetricNameLabel), clock(s.t))
		})
	case errors.Is(err, storage.ErrOutOfBounds), errors.Is(err, storage.ErrTooOldSample):
		if errors.Is(err, storage.ErrOutOfBounds) {
			a.ingest.countTooOld()
		}
		a.refuse(stored.TooOld, 1, func() string { return a.whyOld("too old", s.t) })
	}
}

// whyOld compares a refused sample with the newest stored one, and that with the clock.
func (a *appender) whyOld(what string, at int64) string {
	newest, now := time.UnixMilli(a.ingest.Head().MaxTime()), a.ingest.Now()
	text := fmt.Sprintf("A sample of %s is %s: the newest stored sample is at %s", clock(at), what, clock(newest.UnixMilli()))
	if ahead := newest.Sub(now); ahead > time.Minute {
		text += fmt.Sprintf(", %s ahead of the clock. Check the clock of this host: samples are stored again when it has caught up",
			ahead.Round(time.Second))
	}
	return text + "."
}

func clock(milliseconds int64) string {
	return time.UnixMilli(milliseconds).UTC().Format("2006-01-02 15:04:05Z")
}

// refuse counts samples that are not stored. The detail is made once a page.
func (a *appender) refuse(reason stored.Reason, samples int, detail func() string) {
	if a.refusals == nil {
		a.refusals = map[stored.Reason]*refusedSamples{}
	}
	found := a.refusals[reason]
	if found == nil {
		found = &refusedSamples{detail: detail()}
		a.refusals[reason] = found
	}
	found.count += samples
}

// flush hands the counts over.
func (a *appender) flush() {
	for reason, found := range a.refusals {
		a.ingest.Refusals.Add(reason, a.target.job, found.count, found.detail, a.ingest.Now())
	}
	a.refusals = nil
}

// The report's samples that are looked at, with the suffix by which scrape loops tell them from a page's.
const (
	reportUp      = "up\xff"
	reportSamples = "scrape_samples_post_metric_relabeling\xff"
)

// report passes on a sample of the scrape's report. It comes after the page.
func (a *appender) report(ref storage.SeriesRef, set labels.Labels, t int64, v float64, o storage.AOptions) (storage.SeriesRef, error) {
	name := o.MetricFamilyName
	if err := a.end(t); err != nil {
		a.failed = true
	}
	switch {
	case name == reportUp && a.failed && !value.IsStaleNaN(v):
		v = 0
	case name == reportSamples && len(a.page) > 0:
		a.countMissing(int(v)-len(a.page), t)
	}
	return a.next.Append(ref, set, 0, t, v, nil, nil, storage.AOptions{RejectOutOfOrder: o.RejectOutOfOrder})
}

// countMissing counts samples of the page that the scrape loop itself refused: too far in the future, or twice on the page.
func (a *appender) countMissing(missing int, at int64) {
	tooNew := a.ingest.takeTooNew(missing)
	if tooNew > 0 {
		a.refuse(stored.TooNew, tooNew, func() string {
			return fmt.Sprintf("The page has timestamps more than 10 minutes after %s. Check the clocks of this host and of the target.", clock(at))
		})
	}
	if twice := missing - tooNew; twice > 0 {
		a.refuse(stored.Duplicate, twice, func() string { return "The page has the same series more than once." })
	}
}

// Commit is that of storage.AppenderTransaction.
func (a *appender) Commit() error {
	a.flush()
	return a.next.Commit()
}

// Rollback is that of storage.AppenderTransaction.
func (a *appender) Rollback() error {
	a.flush()
	return a.next.Rollback()
}
