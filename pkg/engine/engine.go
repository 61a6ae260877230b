package engine

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend/log"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/scrape"
	"github.com/prometheus/prometheus/tsdb/chunkenc"

	"github.com/coldhit/modelserving-datasource/pkg/ingest"
	"github.com/coldhit/modelserving-datasource/pkg/redact"
	"github.com/coldhit/modelserving-datasource/pkg/settings"
	"github.com/coldhit/modelserving-datasource/pkg/state"
	"github.com/coldhit/modelserving-datasource/pkg/storage"
)

// errClosed is the answer of an engine that the registry has closed.
var errClosed = errors.New("the embedded engine is closed: the plugin is stopping; try again")

// engine scrapes and stores for one key. It runs from open to close and takes new settings while it runs.
type engine struct {
	key      Key
	options  Options
	promql   *queryRunner
	logger   log.Logger
	db       *storage.Store
	scraping *scrape.Manager
	ingest   *ingest.Ingest
	finding  *discovery.Manager

	ctx    context.Context
	cancel context.CancelFunc
	// loops are the goroutines that end with ctx; uses are calls by handles in progress.
	loops sync.WaitGroup
	uses  sync.WaitGroup

	mu sync.Mutex
	// closed forbids new uses.
	closed bool
	// newest is what was last asked for; changed wakes the goroutine that applies it.
	newest  revision
	changed chan struct{}

	// active are the targets that are scraped, by job, as of about a second ago.
	active    atomic.Pointer[map[string][]*scrape.Target]
	residency *residency
	scrapes   scrapeCounts
	// secrets are redacted in logs and labels.
	secrets atomic.Pointer[redact.Redactor]
	// own are the data source's profiles, its user's among them; those of the registry until they are known.
	own atomic.Pointer[Profiles]
	// writing belongs to mu.
	writing writing
	// state is what the engine remembers beside the scraped data, record a part of it. The storage's lock protects it, too.
	state  *state.Store
	record *recorder
}

// profiles are those that the engine goes by; nil if there are none.
func (e *engine) profiles() Profiles {
	if own := e.own.Load(); own != nil {
		return *own
	}
	return e.options.Profiles
}

// revision is settings in the form that Prometheus takes them, ready to be applied.
type revision struct {
	settings settings.Embedded
	config   *config.Config
	// number counts the revisions of an engine, so that one that was applied is told from one that waits.
	number int
}

// openEngine opens the storage at <data>/<org>/<uid> and starts scraping once settings are applied.
func openEngine(key Key, o Options, runner *queryRunner, s settings.Embedded) (*engine, error) {
	e := &engine{key: key, options: o, promql: runner}
	e.active.Store(&map[string][]*scrape.Target{})
	e.useSecrets(s)
	logger := redact.Logger(o.Logger.With("org", key.OrgID, "datasource", key.UID), e.redactor)
	folder := key.dataFolder(o.DataPath)
	registry := prometheus.NewRegistry()
	stored := o.Storage
	stored.Dir, stored.Logger, stored.Retention, stored.RetentionBytes = folder, bridge(logger, "tsdb"), s.RetentionTime, s.RetentionBytes
	db, err := storage.Open(stored)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	e.logger, e.db, e.ctx, e.cancel, e.state = logger, db, ctx, cancel, state.Open(key.stateFolder(o.DataPath))
	if err := e.startScraping(registry); err != nil {
		cancel()
		return nil, errors.Join(err, db.Close())
	}
	e.residency = newResidency(e)
	e.changed = make(chan struct{}, 1)
	e.record = newRecorder(key, e.state, o.IdlePeriod)
	e.loops.Go(func() { e.record.run(ctx, e.recordFailed) })
	e.loops.Go(e.applyRevisions)
	e.loops.Go(e.residency.run)
	return e, nil
}

func (e *engine) startScraping(registry *prometheus.Registry) error {
	metrics, err := discovery.CreateAndRegisterSDMetrics(registry)
	if err != nil {
		return fmt.Errorf("start discovery: %w", err)
	}
	e.finding = discovery.NewManager(e.ctx, bridge(e.logger, "discovery"), registry, metrics, discovery.Updatert(time.Second))
	if e.finding == nil {
		return errors.New("start discovery: its metrics cannot be registered")
	}
	e.ingest = e.newIngest(registry)
	e.scraping, err = scrape.NewManager(scrapeOptions(), bridge(e.logger, "scrape"), nil, nil, redactingStorage{e.ingest, e.redactor}, registry)
	if err != nil {
		return fmt.Errorf("start scraping: %w", err)
	}
	e.loops.Go(func() { _ = e.finding.Run() })
	e.loops.Go(func() { _ = e.scraping.Run(e.finding.SyncCh()) })
	return nil
}

// apply takes settings over; they come into force in the background, because a target that is being read when it
// changes is waited for. The answer is the revision's number.
func (e *engine) apply(s settings.Embedded, c *config.Config) int {
	e.useSecrets(s)
	e.mu.Lock()
	e.newest = revision{settings: s, config: c, number: e.newest.number + 1}
	number := e.newest.number
	e.mu.Unlock()
	select {
	case e.changed <- struct{}{}:
	default:
	}
	return number
}

// current is the newest revision, applied or about to be.
func (e *engine) current() revision {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.newest
}

func (e *engine) applyRevisions() {
	done := revision{}
	for {
		select {
		case <-e.ctx.Done():
			return
		case <-e.changed:
		}
		next := e.current()
		if next.number == done.number {
			continue
		}
		if err := e.applyRevision(done, next); err != nil {
			e.logger.Error("Settings were not applied in full", "error", err)
		}
		done = next
	}
}

func (e *engine) applyRevision(previous, next revision) error {
	discoveries := make(map[string]discovery.Configs, len(next.config.ScrapeConfigs))
	for _, job := range next.config.ScrapeConfigs {
		discoveries[job.JobName] = job.ServiceDiscoveryConfigs
	}
	err := errors.Join(
		e.db.ApplyConfig(next.config),
		e.scraping.ApplyConfig(next.config),
		e.finding.ApplyConfig(discoveries),
	)
	if previous.config == nil {
		return err
	}
	for _, job := range previous.config.ScrapeConfigs {
		if _, kept := discoveries[job.JobName]; !kept {
			err = errors.Join(err, e.endJob(job.JobName))
		}
	}
	return err
}

// use keeps the engine open until done is called and ties ctx to its life.
func (e *engine) use(ctx context.Context) (tied context.Context, done func(), err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, nil, errClosed
	}
	e.uses.Add(1)
	tied, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(e.ctx, func() { cancel(errClosed) })
	return tied, func() {
		stop()
		cancel(nil)
		e.uses.Done()
	}, nil
}

// close ends all goroutines, writes what is in memory and gives the folder free.
func (e *engine) close() error {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	e.cancel()
	e.loops.Wait()
	// Without jobs a reload that is under way finds nothing to start; Stop alone would race with it.
	empty, err := emptyConfig()
	if err == nil {
		err = e.scraping.ApplyConfig(empty)
	}
	e.scraping.Stop()
	e.uses.Wait()
	if err := errors.Join(err, e.db.Close()); err != nil {
		return fmt.Errorf("close the storage in %s: %w", e.db.Dir(), err)
	}
	return nil
}

// activeTargets are the targets that are scraped, by job. It never waits for a scrape.
func (e *engine) activeTargets() map[string][]*scrape.Target { return *e.active.Load() }

// earlierStart bounds how long before the first scrape a sample may lie: a counter is stored as zero at the time when it began,
// if the storage still takes samples of that time.
const earlierStart = 2 * time.Hour

// since is the time of the oldest scrape; zero if there is none.
func (e *engine) since() time.Time {
	oldest, err := e.db.StartTime()
	if err != nil || oldest == math.MaxInt64 {
		return time.Time{}
	}
	if time.Since(time.UnixMilli(oldest)) < earlierStart {
		oldest = e.oldestScrape(oldest)
	}
	if oldest == math.MaxInt64 {
		return time.Time{}
	}
	return time.UnixMilli(oldest)
}

// oldestScrape is the time of the first sample of all targets' up, in unix milliseconds; math.MaxInt64 if there is none.
func (e *engine) oldestScrape(from int64) int64 {
	oldest := int64(math.MaxInt64)
	ctx, done, err := e.use(e.ctx)
	if err != nil {
		return oldest
	}
	defer done()
	querier, err := e.db.Querier(from, math.MaxInt64)
	if err != nil {
		return oldest
	}
	defer querier.Close()
	up := querier.Select(ctx, false, nil, labels.MustNewMatcher(labels.MatchEqual, model.MetricNameLabel, "up"))
	for up.Next() {
		samples := up.At().Iterator(nil)
		if samples.Next() != chunkenc.ValNone {
			oldest = min(oldest, samples.AtT())
		}
	}
	return oldest
}

// dataFolder is where the key's data lies under path. Uids that differ only in case have different folders also where the
// file system does not tell them apart; a uid has no dot of its own.
func (k Key) dataFolder(path string) string {
	name := strings.ToLower(k.UID)
	if name != k.UID {
		name += fmt.Sprintf(".%08x", crc32.ChecksumIEEE([]byte(k.UID)))
	}
	return filepath.Join(path, strconv.FormatInt(k.OrgID, 10), name)
}

// discoveryFolder is where the administrator puts the key's files under path.
func (k Key) discoveryFolder(path string) string {
	return filepath.Join(path, strconv.FormatInt(k.OrgID, 10), k.UID)
}
