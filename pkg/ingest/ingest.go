// Package ingest decides what of a scraped page is stored. It sits between Prometheus's scrape loops and the storage: it counts refused
// samples, limits the series of a data source, reduces a page that is too large by model, and keeps a target from writing the engine's own
// series.
package ingest

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend/log"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/scrape"
	"github.com/prometheus/prometheus/storage"

	stored "github.com/coldhit/modelserving-datasource/pkg/storage"
)

// Limits bound what is stored. Zero means no limit.
type Limits struct {
	// Samples is how many samples of one page are stored.
	Samples int
	// Series is how many series the storage holds in memory before new ones are refused.
	Series int
}

// Server is what is known of a target's server.
type Server struct {
	// Recognized says that a profile is configured or detected.
	Recognized bool
	// Polled says that the engine polls the server's management API and writes series of its own for the target.
	Polled bool
	// Fold is how models of the page can be added up; without ModelLabels they cannot.
	Fold Fold
}

// Fold is how models of a page are added up.
type Fold struct {
	// ModelLabels name a model: a series belongs to the model of the first of them that it has.
	ModelLabels []string
	// DropLabels are labels that exist once per model, such as its version. The sum does not have them.
	DropLabels []string
	// Traffic are the counters by which models are ranked.
	Traffic []string
	// Gauges are the gauges that can be added up.
	Gauges []string
}

// Head is the part of the storage that is in memory.
type Head interface {
	NumSeries() uint64
	// MaxTime is the time of the newest sample, in unix milliseconds.
	MaxTime() int64
}

// Options are what an Ingest needs. All fields are required except those that say otherwise.
type Options struct {
	// Next stores. Its appenders implement storage.GetRef, which distinguishes new series from stored ones.
	Next storage.AppendableV2
	// Stored reads what is stored.
	Stored   storage.Queryable
	Head     func() Head
	Refusals *stored.Refusals
	// Limits are read at every scrape, so that they change with the settings.
	Limits func() Limits
	// Server looks a target up. has is nil if the names of the page's metrics are not available.
	Server func(target *scrape.Target, set labels.Labels, has func(metric string) bool) Server
	// PolledMetrics are the names of what the engine writes for targets whose management API it polls, OwnMetrics those of its own state,
	// which no page may have.
	PolledMetrics, OwnMetrics []string
	// Biggest names the metric with most series and the label with most values in memory. It is called near the limit of series only.
	Biggest func() Biggest
	// OutOfBounds is how many samples the scrape loops have refused as too old or too new; nil if that is not counted.
	OutOfBounds func() float64
	Logger      log.Logger
	// Now is the clock; nil for time.Now.
	Now func() time.Time
}

// Ingest is a storage.AppendableV2 for scrape loops whose contexts carry their target.
type Ingest struct {
	Options

	mu      sync.Mutex
	targets map[string]*target
	// tooOld counts samples that the storage refused as out of bounds, tooNew those that did not get here.
	tooOld, tooNew float64
	usage          usage
	names          map[string]nameUse
}

// New makes an Ingest.
func New(o Options) *Ingest {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Ingest{Options: o, targets: map[string]*target{}, names: reservedNames(o.OwnMetrics, o.PolledMetrics)}
}

// forgetAfter is how long the state of a target is kept after its last scrape.
const forgetAfter = time.Hour

// target is the state of one target from scrape to scrape.
type target struct {
	mu  sync.Mutex
	set labels.Labels
	job string
	// used is the time of the last scrape.
	used time.Time
	// cut is how the page is reduced; nil while it is stored in full.
	cut *cut
	// returned are counters that are stored by themselves again, by the hash of their labels.
	returned map[uint64]*returned
	// resumed is when the storage was read for sums of an earlier process; hadSums says that there were some.
	resumed time.Time
	hadSums bool
	// lastPage is the time of the last page, in unix milliseconds; 0 before the first one.
	lastPage int64
	// size is how many samples the last page had.
	size int
	// refusal is why pages of this target are refused while they are read; empty if they are not. It holds until retry.
	refusal string
	retry   time.Time
}

// AppenderV2 is that of storage.AppendableV2.
func (g *Ingest) AppenderV2(ctx context.Context) storage.AppenderV2 {
	next := g.Next.AppenderV2(ctx)
	scraped, known := scrape.TargetFromContext(ctx)
	if !known {
		return next
	}
	metadata, _ := scrape.MetricMetadataStoreFromContext(ctx)
	t := g.target(scraped)
	a := &appender{ingest: g, ctx: ctx, next: next, target: t, limits: g.Limits(), scraped: scraped, metadata: metadata}
	a.server = g.Server(scraped, t.set, nil)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cut != nil {
		// Members are found by the labels by which they were added up.
		a.server.Recognized, a.server.Fold = true, t.cut.fold
	}
	if t.resumed.IsZero() {
		if err := t.resume(a); err != nil {
			g.Logger.Warn("Sums of models are not continued", "target", t.job, "error", err)
		}
	}
	a.page = make([]sample, 0, min(t.size, g.Limits().Samples))
	return a
}

// target finds the state of a scraped target, by its labels.
func (g *Ingest) target(scraped *scrape.Target) *target {
	set := scraped.Labels(labels.NewBuilder(labels.EmptyLabels()))
	key := set.String()
	now := g.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	found := g.targets[key]
	if found == nil {
		for k, t := range g.targets {
			if now.Sub(t.used) > forgetAfter {
				delete(g.targets, k)
			}
		}
		found = &target{set: set, job: set.Get(model.JobLabel), returned: map[uint64]*returned{}}
		g.targets[key] = found
	}
	found.used = now
	return found
}

// countTooOld counts a sample that the storage refused as out of bounds.
func (g *Ingest) countTooOld() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.tooOld++
}

// takeTooNew says how many of a target's samples that did not get here were too far in the future. The scrape loops count samples out of
// bounds of all targets together, so what they counted and the storage did not refuse is given to the targets that miss samples.
func (g *Ingest) takeTooNew(missing int) int {
	if g.OutOfBounds == nil || missing <= 0 {
		return 0
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	fresh := math.Max(0, g.OutOfBounds()-g.tooOld-g.tooNew)
	taken := math.Min(fresh, float64(missing))
	g.tooNew += taken
	return int(taken)
}
