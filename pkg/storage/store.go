package storage

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/config"
	promstorage "github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
)

// Problem is why nothing can be stored.
type Problem struct {
	// Reason is DiskFull or WriteFailed.
	Reason Reason
	Since  time.Time
	// Detail is the error.
	Detail string
}

// NotStoredError is the answer of a commit whose samples were not stored. They are counted in the Refusals.
type NotStoredError struct{ Problem Problem }

func (e *NotStoredError) Error() string { return "samples were not stored: " + e.Problem.Detail }

// Store is the storage of one engine. It owns the TSDB and replaces it when it cannot be written any more: after a failed write to the
// write-ahead log, what is written behind the damage would be deleted by the next start. Readers and appenders wait for the replacement.
type Store struct {
	options  Options
	refusals Refusals
	history  history
	gate     gate
	// commits serializes commits, so that none follows one that failed.
	commits sync.Mutex
	stop    context.CancelFunc
	wake    chan struct{}
	ended   chan struct{}

	mu sync.Mutex
	// current is nil while the TSDB is not open.
	current *generation
	number  uint64
	config  *config.Config
	problem *Problem
	gaps    []Gap
	// setAside are the parts that were found damaged, and suspects the blocks that are to be set aside at the next opening.
	setAside []Part
	suspects map[string]error
	reopen   bool
	// compaction is why the last compaction failed; nil if it did not.
	compaction *Problem
	// compactionFailures counts them.
	compactionFailures int64
}

// generation is one opening of the TSDB.
type generation struct {
	db     *tsdb.DB
	number uint64
}

// Gap is a time in which nothing was stored.
type Gap struct {
	Reason Reason
	From   time.Time
	// To is zero while it goes on.
	To time.Time
}

// maxGaps bounds how many are remembered.
const maxGaps = 100

// Open opens the storage in a folder. Damaged parts are set aside, and the rest is served. A file system without room is no error: the
// storage opens when there is.
func Open(o Options) (*Store, error) {
	s := &Store{options: o.withDefaults(), wake: make(chan struct{}, 1), ended: make(chan struct{}), suspects: map[string]error{}}
	switch err := s.openGeneration(); {
	case err == nil:
	case isDiskFull(err):
		s.fail(err)
	default:
		return nil, explainOpening(s.options.Dir, err)
	}
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	go s.run(ctx)
	return s, nil
}

// Dir is the storage's folder.
func (s *Store) Dir() string { return s.options.Dir }

// Refusals are the samples that were not stored.
func (s *Store) Refusals() *Refusals { return &s.refusals }

// Close writes what is in memory and gives the folder free. It waits for appenders and readers.
func (s *Store) Close() error {
	s.stop()
	<-s.ended
	s.gate.shut(0)
	s.mu.Lock()
	current := s.current
	s.current = nil
	s.mu.Unlock()
	s.gate.open()
	if current == nil {
		return nil
	}
	return closeDB(current.db)
}

// errNotOpen is the answer while the TSDB is not open.
var errNotOpen = errors.New("the storage is not open: the plugin is stopping, or its file system has no room. Try again")

// enter uses the current TSDB until the gate is left. Writers are not let in while nothing can be stored.
func (s *Store) enter(write bool) (*generation, error) {
	s.gate.enter()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current == nil || (write && s.problem != nil) {
		s.gate.leave()
		return nil, errNotOpen
	}
	return s.current, nil
}

// commit stores a batch. After a failure nothing more is written.
func (s *Store) commit(batch promstorage.AppenderTransaction) error {
	s.commits.Lock()
	defer s.commits.Unlock()
	if s.failing() {
		return errors.Join(errNotOpen, batch.Rollback())
	}
	err := batch.Commit()
	if err != nil {
		s.fail(err)
	}
	return err
}

// rollback gives a batch up. It writes the series that were made for it, and can fail as a commit does.
func (s *Store) rollback(batch promstorage.AppenderTransaction) error {
	s.commits.Lock()
	defer s.commits.Unlock()
	err := batch.Rollback()
	if err != nil && !errors.Is(err, tsdb.ErrAppenderClosed) {
		s.fail(err)
	}
	return err
}

// fail marks the storage as not storing, unless it is.
func (s *Store) fail(err error) {
	problem := &Problem{Reason: WriteFailed, Since: time.Now(), Detail: err.Error()}
	if isDiskFull(err) {
		problem.Reason = DiskFull
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.problem != nil {
		return
	}
	s.problem = problem
	s.gaps = append(s.gaps, Gap{Reason: problem.Reason, From: problem.Since})
	s.gaps = s.gaps[max(0, len(s.gaps)-maxGaps):]
	s.options.Logger.Error("Samples are not stored", "err", err)
	s.wakeUp()
}

func (s *Store) failing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.problem != nil
}

// problemNow is why nothing is stored now, or was not a moment ago.
func (s *Store) problemNow() Problem {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.problem == nil {
		return Problem{Reason: WriteFailed, Since: time.Now(), Detail: errNotOpen.Error()}
	}
	return *s.problem
}

// Querier is that of promstorage.Queryable. Without an open TSDB, it reads what the storage says of itself alone.
func (s *Store) Querier(mint, maxt int64) (promstorage.Querier, error) {
	out := &querier{Querier: closedQuerier{}, history: &s.history, mint: mint, maxt: maxt, leave: func() {}}
	current, err := s.enter(false)
	if err != nil {
		return out, nil
	}
	found, err := current.db.Querier(mint, maxt)
	if err != nil {
		s.gate.leave()
		return nil, err
	}
	out.Querier, out.leave = found, sync.OnceFunc(s.gate.leave)
	return out, nil
}

// StartTime is that of the oldest sample, in unix milliseconds; math.MaxInt64 if there is none.
func (s *Store) StartTime() (int64, error) {
	current, err := s.enter(false)
	if err != nil {
		return math.MaxInt64, err
	}
	defer s.gate.leave()
	return current.db.StartTime()
}

// ApplyConfig changes the retention.
func (s *Store) ApplyConfig(c *config.Config) error {
	s.mu.Lock()
	s.config = c
	if t := c.StorageConfig.TSDBConfig; t != nil && t.Retention != nil {
		s.options.Retention, s.options.RetentionBytes = time.Duration(t.Retention.Time), int64(t.Retention.Size)
	}
	s.mu.Unlock()
	current, err := s.enter(false)
	if err != nil {
		return nil // It is applied when the TSDB opens.
	}
	defer s.gate.leave()
	return current.db.ApplyConfig(c)
}

// openGeneration mends the folder and opens the TSDB in it. The caller lets nobody in meanwhile.
func (s *Store) openGeneration() error {
	s.mu.Lock()
	o, applied := s.options, s.config
	s.reopen = false
	s.mu.Unlock()
	if err := s.prepare(); err != nil {
		return err
	}
	db, err := s.openTSDB(o)
	if err != nil {
		return err
	}
	if applied != nil {
		if err := db.ApplyConfig(applied); err != nil {
			return errors.Join(err, closeDB(db))
		}
	}
	// The store runs its maintenance itself.
	db.DisableCompactions()
	s.mu.Lock()
	s.number++
	s.current = &generation{db: db, number: s.number}
	s.mu.Unlock()
	return nil
}

// openTSDB opens the TSDB. Should it still find damage, everything of that kind is set aside.
func (s *Store) openTSDB(o Options) (*tsdb.DB, error) {
	open := func() (*tsdb.DB, error) {
		// Each opening has a registry of its own: the metrics of the one before are still registered.
		return tsdb.Open(o.Dir, o.Logger, prometheus.NewRegistry(), o.tsdbOptions(), nil)
	}
	db, err := open()
	for _, part := range []string{headChunksFolder, logFolder} {
		if err == nil || !isDamage(err) {
			break
		}
		o.Logger.Error("The storage does not open; a part is set aside", "part", part, "err", err)
		if moved := s.setAsideWhole(filepath.Join(o.Dir, part), part, err); moved != nil {
			return nil, errors.Join(err, moved)
		}
		db, err = open()
	}
	return db, err
}

// closeDB closes a TSDB. It writes chunks, and ends the calling goroutine with a panic if that fails.
func closeDB(db *tsdb.DB) (err error) {
	defer func() {
		if failure := recover(); failure != nil {
			err = fmt.Errorf("close the storage: %v", failure)
		}
	}()
	return db.Close()
}
