package storage

import (
	"math"
	"slices"
	"time"

	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/index"
)

// Status is what is known of a storage.
type Status struct {
	// Problem is why nothing is stored now; nil if samples are stored.
	Problem *Problem
	// Compaction is why blocks are not written now; nil if they are.
	Compaction         *Problem
	CompactionFailures int64
	// Gaps are the times in which nothing was stored, since the storage was opened, in order.
	Gaps []Gap
	// SetAside are the damaged parts that are not served.
	SetAside []Part
	Refusals []Refusal
	// Series counts those in memory, Blocks the folders of some hours each, and SizeBytes what is on disk, without what is set aside.
	Series    uint64
	Blocks    int
	SizeBytes int64
}

// Status may be read at any time.
func (s *Store) Status() Status {
	out := Status{Refusals: s.refusals.All()}
	s.mu.Lock()
	if s.problem != nil {
		problem := *s.problem
		out.Problem = &problem
	}
	if s.compaction != nil {
		problem := *s.compaction
		out.Compaction = &problem
	}
	out.CompactionFailures = s.compactionFailures
	out.Gaps, out.SetAside = slices.Clone(s.gaps), slices.Clone(s.setAside)
	current := s.current
	s.mu.Unlock()
	if current != nil {
		out.Series, out.Blocks, out.SizeBytes = current.db.Head().NumSeries(), len(current.db.Blocks()), sizeOnDisk(current.db)
	}
	return out
}

func sizeOnDisk(db *tsdb.DB) int64 {
	size := db.Head().Size()
	for _, block := range db.Blocks() {
		size += block.Size()
	}
	return size
}

// NumSeries counts the series in memory.
func (s *Store) NumSeries() uint64 {
	if head := s.head(); head != nil {
		return head.NumSeries()
	}
	return 0
}

// MaxTime is the time of the newest sample in memory, in unix milliseconds; math.MinInt64 if there is none.
func (s *Store) MaxTime() int64 {
	if head := s.head(); head != nil {
		return head.MaxTime()
	}
	return math.MinInt64
}

// Cardinality has the n most frequent values of a label, and the labels with most values, of the series in memory. It is as old as 30 s.
func (s *Store) Cardinality(label string, n int) index.PostingsStats {
	if head := s.head(); head != nil {
		return *head.PostingsCardinalityStats(label, n)
	}
	return index.PostingsStats{}
}

func (s *Store) head() *tsdb.Head {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current == nil {
		return nil
	}
	return s.current.db.Head()
}

// SeriesBound is at least how many series there are: those in memory, and those of each block.
func (s *Store) SeriesBound() int64 {
	s.mu.Lock()
	current := s.current
	s.mu.Unlock()
	if current == nil {
		return 0
	}
	bound := int64(current.db.Head().NumSeries())
	for _, block := range current.db.Blocks() {
		bound += int64(block.Meta().Stats.NumSeries)
	}
	return bound
}

// Expired counts the blocks that the retention no longer covers, by time and by size. They are deleted within some minutes.
func (s *Store) Expired() (byTime, bySize int) {
	s.mu.Lock()
	current := s.current
	s.mu.Unlock()
	if current == nil {
		return 0, 0
	}
	blocks := newestFirst(current.db)
	return len(tsdb.BeyondTimeRetention(current.db, blocks)), len(tsdb.BeyondSizeRetention(current.db, blocks))
}

// Within lists the gaps that overlap a range of time.
func Within(gaps []Gap, from, to time.Time) []Gap {
	var out []Gap
	for _, gap := range gaps {
		if gap.From.After(to) || (!gap.To.IsZero() && gap.To.Before(from)) {
			continue
		}
		out = append(out, gap)
	}
	return out
}
