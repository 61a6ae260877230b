package querycache

import (
	"container/list"
	"sync"
	"time"

	"github.com/coldhit/modelserving-datasource/pkg/remote/join"
	"github.com/coldhit/modelserving-datasource/pkg/series"
)

// What Go's memory takes beside the contents, roughly and rather too much.
const (
	bytesOfEntry  = 512
	bytesOfSeries = 200
	bytesOfLabel  = 64
	bytesOfPoint  = 16
	bytesOfBucket = 24
	bytesOfSlice  = 24
)

// entry is a range of a query: all of its series at all of its steps. Nobody changes it.
type entry struct {
	grid   grid
	result series.Result
	// since is when the first of its steps were fetched.
	since time.Time
}

// bytes is what an entry takes. Shared times are counted for each series.
func (e entry) bytes(key string) int64 {
	n := int64(bytesOfEntry + len(key))
	labels := func(of map[string]string) {
		n += bytesOfSeries
		for name, value := range of {
			n += int64(bytesOfLabel + len(name) + len(value))
		}
	}
	for _, s := range e.result.Series {
		labels(s.Labels)
		n += int64(bytesOfPoint * len(s.Values))
	}
	for _, h := range e.result.Histograms {
		labels(h.Labels)
		for _, buckets := range h.Histograms {
			n += int64(bytesOfSlice + bytesOfPoint + bytesOfBucket*len(buckets))
		}
	}
	return n
}

// entries holds results within a number of bytes. The least recently used go first.
type entries struct {
	mu    sync.Mutex
	limit int64
	bytes int64
	byKey map[string]*list.Element
	// recent has the most recently used in front.
	recent       *list.List
	hits, misses int64
}

type keyed struct {
	key   string
	entry entry
	bytes int64
}

func newEntries(limit int64) *entries {
	return &entries{limit: limit, byKey: map[string]*list.Element{}, recent: list.New()}
}

// get returns what is kept, unless it is too old.
func (s *entries) get(key string, now time.Time) (entry, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	element, ok := s.byKey[key]
	if !ok {
		return entry{}, false
	}
	found := element.Value.(*keyed).entry
	if age := now.Sub(found.since); age < 0 || age >= maxAge {
		s.remove(key)
		return entry{}, false
	}
	s.recent.MoveToFront(element)
	return found, true
}

// put copies the entry, which may be a small part of a large result, and drops others for it.
func (s *entries) put(key string, e entry) {
	size := e.bytes(key)
	if size > s.limit {
		s.drop(key)
		return
	}
	e.result = join.Copy(e.result)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(key)
	s.byKey[key] = s.recent.PushFront(&keyed{key, e, size})
	s.bytes += size
	for s.bytes > s.limit {
		s.remove(s.recent.Back().Value.(*keyed).key)
	}
}

func (s *entries) drop(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(key)
}

func (s *entries) remove(key string) {
	if element, ok := s.byKey[key]; ok {
		s.bytes -= element.Value.(*keyed).bytes
		s.recent.Remove(element)
		delete(s.byKey, key)
	}
}

func (s *entries) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bytes, s.byKey, s.recent = 0, map[string]*list.Element{}, list.New()
}

// count counts the steps of a range of which some were missing, and returns how many came from here and how many did not.
func (s *entries) count(wanted grid, missing []grid) (hits, misses int64) {
	for _, m := range missing {
		misses += m.steps()
	}
	hits = wanted.steps() - misses
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hits += hits
	s.misses += misses
	return hits, misses
}

func (s *entries) statistics() Statistics {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Statistics{Entries: len(s.byKey), Bytes: s.bytes, Hits: s.hits, Misses: s.misses}
}
