package storage

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/fileutil"
)

const (
	// drainTime is how long a replacement of the TSDB waits for readers that go on, and new ones for the replacement.
	drainTime = 30 * time.Second
	// spareBytes is what must be free for the TSDB to open or go on, and seriesBytes what a chunk of a series may take.
	spareBytes  = 2 << 20
	seriesBytes = 1 << 10
)

// run maintains the TSDB, and replaces it when nothing can be stored, until ctx ends.
func (s *Store) run(ctx context.Context) {
	defer close(s.ended)
	var beside sync.WaitGroup
	defer beside.Wait()
	beside.Go(func() { s.verifyBlocks(ctx) })
	beside.Go(func() { s.keepHistory(ctx) })
	for {
		wait := s.options.MaintenanceInterval
		if s.failing() || s.wantsReopening() {
			wait = s.options.RetryInterval
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-s.wake:
			timer.Stop()
		case <-timer.C:
		}
		if s.failing() || s.wantsReopening() {
			if err := s.replace(); err != nil {
				s.options.Logger.Debug("The storage cannot be opened anew yet", "err", err)
			}
			continue
		}
		s.maintain(ctx)
	}
}

// wakeUp has run look at once.
func (s *Store) wakeUp() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (*Store) sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

func (s *Store) wantsReopening() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reopen
}

// maintain writes full chunks and blocks. The TSDB's own maintenance would end the process if a chunk cannot be written.
func (s *Store) maintain(ctx context.Context) {
	s.mu.Lock()
	current := s.current
	s.mu.Unlock()
	if current == nil {
		return
	}
	needed := spareBytes + seriesBytes*current.db.Head().NumSeries()
	if free, known := freeBytes(s.options.Dir); known && free < needed {
		s.compacted(fmt.Errorf("the file system has %d bytes left, and maintenance needs %d", free, needed))
		return
	}
	if err := writeChunks(current.db); err != nil {
		s.fail(err)
		return
	}
	if err := current.db.Compact(ctx); !errors.Is(err, context.Canceled) {
		s.compacted(err)
	}
	s.enforceRetention()
}

// writeChunks writes the full chunks of all series. A failure leaves the TSDB unable to write more of them.
func writeChunks(db *tsdb.DB) (err error) {
	defer func() {
		if failure := recover(); failure != nil {
			cause, isError := failure.(error)
			if !isError {
				cause = fmt.Errorf("%v", failure)
			}
			err = fmt.Errorf("write chunks: %w", cause)
		}
	}()
	db.ForceHeadMMap()
	return nil
}

// compacted takes note of how a compaction went.
func (s *Store) compacted(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.compaction = nil
		return
	}
	s.compactionFailures++
	if s.compaction == nil {
		s.compaction = &Problem{Reason: WriteFailed, Since: time.Now()}
	}
	if s.compaction.Detail = err.Error(); isDiskFull(err) {
		s.compaction.Reason = DiskFull
	}
	s.options.Logger.Warn("The storage was not compacted", "err", err)
}

// enforceRetention has the TSDB opened anew if blocks are beyond the retention: only openings and compactions delete them.
func (s *Store) enforceRetention() {
	if byTime, bySize := s.Expired(); byTime+bySize == 0 {
		return
	}
	s.mu.Lock()
	s.reopen = true
	s.mu.Unlock()
	s.wakeUp()
}

// newestFirst is the order in which the TSDB looks for blocks to delete.
func newestFirst(db *tsdb.DB) []*tsdb.Block {
	all := db.Blocks()
	out := make([]*tsdb.Block, 0, len(all))
	for i := len(all) - 1; i >= 0; i-- {
		out = append(out, all[i])
	}
	return out
}

// replace closes the TSDB and opens it anew, as soon as there is room and nobody uses it.
func (s *Store) replace() error {
	if err := s.checkRoom(); err != nil {
		return err
	}
	if !s.gate.shut(drainTime) {
		return errors.New("the storage is in use")
	}
	defer s.gate.open()
	s.mu.Lock()
	current := s.current
	s.current = nil
	s.mu.Unlock()
	if current != nil {
		if err := closeDB(current.db); err != nil {
			s.options.Logger.Warn("The storage was not closed cleanly", "err", err)
		}
	}
	if err := s.openGeneration(); err != nil {
		s.fail(err)
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.problem != nil {
		s.gaps[len(s.gaps)-1].To = time.Now()
		s.options.Logger.Info("Samples are stored again", "after", time.Since(s.problem.Since).Round(time.Second).String())
	}
	s.problem, s.compaction = nil, nil
	return nil
}

// checkRoom is an error that is one of a full disk if the file system has no room for the TSDB to open.
func (s *Store) checkRoom() error {
	folder := s.options.Dir
	needed := uint64(spareBytes)
	if size, err := fileutil.DirSize(filepath.Join(folder, logFolder)); err == nil {
		// The log's last file may have to be written anew, and the chunks of what it holds.
		needed += uint64(min(size, 2*segmentBytes))
	}
	if free, known := freeBytes(folder); known && free < needed {
		return fmt.Errorf("%w: %d bytes are free, and %d are needed", errNoRoom, free, needed)
	}
	return s.probe()
}
