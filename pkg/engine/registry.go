// Package engine is the embedded engine: it scrapes metrics endpoints with Prometheus's scrape package, stores what it
// reads in Prometheus's TSDB and answers PromQL from there, one engine for each Grafana organisation and data source.
package engine

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"runtime"
	"sync"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend/log"

	"github.com/coldhit/modelserving-datasource/pkg/admission"
	"github.com/coldhit/modelserving-datasource/pkg/settings"
	"github.com/coldhit/modelserving-datasource/pkg/storage"
)

// DefaultIdlePeriod is how long an engine that nobody refers to goes on scraping.
const DefaultIdlePeriod = 7 * 24 * time.Hour

// Key names an engine: a data source of an organisation.
type Key struct {
	OrgID int64
	UID   string
}

// Options are the same for all engines of a registry.
type Options struct {
	// DataPath is the folder under which every engine has one of its own; empty for one below the system's temporary
	// folder, with a warning.
	DataPath string
	// DiscoveryPath is the folder with files that name targets, at <org id>/<uid>/*.{json,yml,yaml}; empty for none.
	DiscoveryPath string
	Logger        log.Logger
	// Storage is how storages maintain themselves. Their folders, loggers and retention are the engines' own.
	Storage storage.Options
	// IdlePeriod is how long an engine without references goes on; 0 for DefaultIdlePeriod.
	IdlePeriod time.Duration
	// Profiles tells which servers list their models; nil if none do.
	Profiles Profiles
	// Admission shares the process among organisations; nil for a controller with default limits.
	Admission *admission.Controller
}

// Registry holds the engines of a process. Engines outlive the handles to them.
type Registry struct {
	options  Options
	warnings []string
	promql   *queryRunner

	mu     sync.Mutex
	closed bool
	slots  map[Key]*slot
	// open are the engines that are open, for the metrics: they never wait for one that opens.
	open map[Key]*engine

	// index lists the data sources that Restore starts; restoreContext ends it.
	index          *index
	restoring      sync.WaitGroup
	restoreContext context.Context
	endRestoring   context.CancelFunc
}

// slot is the place of one key's engine. Whoever holds busy may open, change or close the engine, so that the folder is
// never opened twice.
type slot struct {
	key  Key
	busy chan struct{}
	// The rest belongs to the holder of busy.
	engine *engine
	// updated is when the settings in use were saved.
	updated    time.Time
	references int
	idle       *time.Timer
}

// NewRegistry makes a registry without engines.
func NewRegistry(o Options) *Registry {
	if o.Logger == nil {
		o.Logger = log.DefaultLogger
	}
	if o.IdlePeriod == 0 {
		o.IdlePeriod = DefaultIdlePeriod
	}
	if o.Admission == nil {
		o.Admission = admission.New(admission.Limits{})
	}
	r := &Registry{promql: newQueryRunner(o.Admission), slots: map[Key]*slot{}, open: map[Key]*engine{}}
	if o.DataPath == "" {
		o.DataPath = filepath.Join(temporaryFolder(runtime.GOOS), "coldhit-modelserving-datasource")
		r.warnings = append(r.warnings, fmt.Sprintf("Data is stored in the temporary folder %s and is lost when the system "+
			"cleans it up. Set `data_path` under `[plugin.coldhit-modelserving-datasource]` in grafana.ini.", o.DataPath))
	}
	r.options = o
	r.index = newIndex(o.DataPath)
	r.restoreContext, r.endRestoring = context.WithCancel(context.Background())
	return r
}

// Admission is what shares the process among organisations.
func (r *Registry) Admission() *admission.Controller { return r.options.Admission }

// temporaryFolder is where programs may write without being told where. It is not asked of the os package, because plugins
// of Grafana's catalogue may not look around in the file system themselves.
func temporaryFolder(system string) string {
	if system == "windows" {
		return `C:\Windows\Temp`
	}
	return "/tmp"
}

// A uid becomes a folder's name. Grafana allows these characters; a dot is not among them.
var validUID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

func (k Key) valid() bool { return k.OrgID > 0 && validUID.MatchString(k.UID) }

// Acquire answers a handle to the key's engine, which it opens if need be, and applies the settings to it. updated is
// when the settings were saved, zero if unknown: settings older than those in use are not applied, because an instance with old settings
// may be made after one with new settings. The handle must be released.
func (r *Registry) Acquire(ctx context.Context, key Key, s settings.Embedded, updated time.Time) (*Handle, error) {
	if !key.valid() {
		return nil, fmt.Errorf("the data source uid %q of organisation %d cannot name a folder: a uid has letters, digits, - and _ only",
			key.UID, key.OrgID)
	}
	place, err := r.slot(key)
	if err != nil {
		return nil, err
	}
	if err := place.lock(ctx); err != nil {
		return nil, err
	}
	defer place.unlock()
	if r.isClosed() {
		return nil, errClosed
	}
	revision, warnings, err := r.bringUp(place, s, updated)
	if err != nil {
		return nil, err
	}
	if revision > 0 {
		r.remember(place, s)
	}
	place.references++
	place.stopIdling()
	return &Handle{registry: r, slot: place, engine: place.engine, revision: revision, warnings: append(warnings, r.warnings...)}, nil
}

// bringUp opens the engine or changes its settings, and answers the number of their revision, 0 if newer ones are in use; an error means
// that nothing changed. The caller holds the slot.
func (r *Registry) bringUp(place *slot, s settings.Embedded, updated time.Time) (revision int, warnings []string, err error) {
	if place.engine != nil && !updated.IsZero() && updated.Before(place.updated) {
		return 0, []string{"Newer settings are in use than those of this request."}, nil
	}
	config, err := configFor(place.key, r.options, s)
	if err != nil {
		return 0, nil, err
	}
	if place.engine == nil {
		if place.engine, err = openEngine(place.key, r.options, r.promql, s); err != nil {
			return 0, nil, err
		}
		r.setOpen(place.key, place.engine)
	}
	revision = place.engine.apply(s, config)
	place.updated = updated
	if s.FileDiscovery && r.options.DiscoveryPath == "" {
		warnings = append(warnings, "File discovery is switched on, but no folder for it is set. Set `discovery_path` under "+
			"`[plugin.coldhit-modelserving-datasource]` in grafana.ini.")
	}
	return revision, warnings, nil
}

func (r *Registry) slot(key Key) (*slot, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, errClosed
	}
	place, known := r.slots[key]
	if !known {
		place = &slot{key: key, busy: make(chan struct{}, 1)}
		r.slots[key] = place
	}
	return place, nil
}

func (r *Registry) isClosed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed
}

func (s *slot) lock(ctx context.Context) error {
	select {
	case s.busy <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *slot) unlock() { <-s.busy }

func (s *slot) stopIdling() {
	if s.idle != nil {
		s.idle.Stop()
		s.idle = nil
	}
}

// release gives back one reference; the last one starts the idle period. Scraping goes on meanwhile.
func (r *Registry) release(place *slot) {
	place.busy <- struct{}{}
	defer place.unlock()
	place.references--
	if place.references == 0 && place.engine != nil {
		place.stopIdling()
		place.idle = time.AfterFunc(r.options.IdlePeriod, func() { r.closeIdle(place) })
	}
}

func (r *Registry) closeIdle(place *slot) {
	place.busy <- struct{}{}
	defer place.unlock()
	if place.references > 0 || place.engine == nil {
		return
	}
	r.options.Logger.Debug("An unused engine is closed", "org", place.key.OrgID, "datasource", place.key.UID)
	if err := r.closeEngine(place); err != nil {
		r.options.Logger.Error("An unused engine was not closed cleanly", "error", err)
	}
	r.Forget(place.key)
}

// closeEngine closes the engine of a slot, if there is one. The caller holds the slot.
func (r *Registry) closeEngine(place *slot) error {
	place.stopIdling()
	if place.engine == nil {
		return nil
	}
	r.setOpen(place.key, nil)
	err := place.engine.close()
	place.engine = nil
	return err
}

// setOpen shows an engine in the metrics, or none any more.
func (r *Registry) setOpen(key Key, e *engine) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e == nil {
		delete(r.open, key)
		return
	}
	r.open[key] = e
}

// Close ends all engines and writes what they hold in memory. A scrape in progress is waited for, at most its timeout.
func (r *Registry) Close() error {
	r.mu.Lock()
	r.closed = true
	places := make([]*slot, 0, len(r.slots))
	for _, place := range r.slots {
		places = append(places, place)
	}
	r.mu.Unlock()
	r.endRestoring()
	r.restoring.Wait()
	errs := make([]error, len(places))
	var closing sync.WaitGroup
	for i, place := range places {
		closing.Go(func() {
			place.busy <- struct{}{}
			defer place.unlock()
			errs[i] = r.closeEngine(place)
		})
	}
	closing.Wait()
	return errors.Join(append(errs, r.index.close(), r.promql.engine.Close())...)
}
