package engine

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/coldhit/modelserving-datasource/pkg/executor"
	"github.com/coldhit/modelserving-datasource/pkg/ingest"
	"github.com/coldhit/modelserving-datasource/pkg/plan"
	"github.com/coldhit/modelserving-datasource/pkg/promql"
	"github.com/coldhit/modelserving-datasource/pkg/remotewrite"
	"github.com/coldhit/modelserving-datasource/pkg/series"
	"github.com/coldhit/modelserving-datasource/pkg/storage"
)

// Handle is a reference to an engine. It stays usable after Release for calls that are in progress, until the engine is
// closed; then every call answers an error.
type Handle struct {
	registry *Registry
	slot     *slot
	engine   *engine
	warnings []string
	// revision is that of the settings that the handle was acquired with; 0 if newer ones were in use.
	revision int
	release  sync.Once
}

var (
	_ executor.Executor = (*Handle)(nil)
	_ executor.PromQL   = (*Handle)(nil)
)

// Release gives the reference back. The engine goes on scraping.
func (h *Handle) Release() {
	h.release.Do(func() { h.registry.release(h.slot) })
}

// Range evaluates a plan at every step of r: at least a millisecond a step, at most 11,000 steps. Infinities and NaN are returned as
// they are. An ended ctx returns its own error.
func (h *Handle) Range(ctx context.Context, n plan.Node, r executor.Range) (series.Result, error) {
	h.engine.record.use()
	return h.engine.rangeQuery(ctx, promql.Text(n, r.Span), r)
}

// Instant evaluates a plan at one time.
func (h *Handle) Instant(ctx context.Context, n plan.Node, at executor.Instant) (series.Result, error) {
	h.engine.record.use()
	return h.engine.instantQuery(ctx, promql.Text(n, at.Span), at.At)
}

// RangePromQL evaluates what a user typed, within the bounds of Range.
func (h *Handle) RangePromQL(ctx context.Context, expr string, r executor.Range) (series.Result, error) {
	h.engine.record.use()
	return h.engine.rangeQuery(ctx, expr, r)
}

// InstantPromQL evaluates what a user typed at one time.
func (h *Handle) InstantPromQL(ctx context.Context, expr string, at time.Time) (series.Result, error) {
	h.engine.record.use()
	return h.engine.instantQuery(ctx, expr, at)
}

// LabelValues lists at most limit values of a label, sorted; limit 0 means all. The time range is coarse: values of series that
// ended up to a few hours outside it may be among them.
func (h *Handle) LabelValues(ctx context.Context, label string, of []plan.Select, start, end time.Time, limit int) ([]string, error) {
	h.engine.record.use()
	return h.engine.labelValues(ctx, label, of, start, end, limit)
}

// Grid is that of the engine's targets: the longest interval of any.
func (h *Handle) Grid() executor.Grid { return executor.Scraped(h.engine.scrapeInterval()) }

// UseProfiles has the engine recognise servers by these profiles instead of the registry's: a user's own are among them.
func (h *Handle) UseProfiles(p Profiles) { h.engine.own.Store(&p) }

// SendTo has the engine copy what it stores to a server, from now on to this one alone; to none if to is nil. It takes the destination over
// and closes it. Nothing happens if the engine has newer settings than those that the handle was acquired with.
func (h *Handle) SendTo(to remotewrite.Destination) { h.engine.sendTo(h.revision, to) }

// RemoteWrite is how far copying to another server has come; false if nothing is copied.
func (h *Handle) RemoteWrite() (remotewrite.Status, bool) { return h.engine.writingStatus() }

// Targets lists the configured targets in their order, then the discovered ones.
func (h *Handle) Targets(ctx context.Context) ([]TargetStatus, error) {
	h.engine.record.use()
	return h.engine.targets(ctx)
}

// Since is the time of the oldest scrape that is stored; zero if there is none yet.
func (h *Handle) Since() time.Time { return h.engine.since() }

// Storage is what is known of the storage: what is not stored, and what is damaged.
func (h *Handle) Storage() storage.Status { return h.engine.db.Status() }

// NotStored are sentences about what is missing of a time, because it was not stored or is damaged.
func (h *Handle) NotStored(from, to time.Time) []string {
	return h.engine.db.Status().Missing(from, to)
}

// Warnings are sentences about how the engine is set up.
func (h *Handle) Warnings() []string { return slices.Clone(h.warnings) }

// Limits is how near the limits of series and samples are.
func (h *Handle) Limits() ingest.Status { return h.engine.ingest.Status() }
