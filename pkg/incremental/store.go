package incremental

import (
	"container/list"
	"sync"
	"time"

	"github.com/coldhit/modelserving-datasource/pkg/promql"
	"github.com/coldhit/modelserving-datasource/pkg/remote/join"
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

// entry is a kept range of an expression: all of its series at all of its steps. Nobody changes it.
type entry struct {
	grid   grid
	answer promql.Answer
	// since is when the first of its steps were asked for.
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
	for _, s := range e.answer.Series {
		labels(s.Labels)
		n += int64(bytesOfPoint * len(s.Values))
	}
	for _, h := range e.answer.Histograms {
		labels(h.Labels)
		for _, buckets := range h.Histograms {
			n += int64(bytesOfSlice + bytesOfPoint + bytesOfBucket*len(buckets))
		}
	}
	return n
}

// store keeps entries within a number of bytes; the least recently used go first.
type store struct {
	mu      sync.Mutex
	limit   int64
	bytes   int64
	entries map[string]*list.Element
	// recent has the most recently used in front.
	recent       *list.List
	steps, asked int64
}

type kept struct {
	key   string
	entry entry
	bytes int64
}

func newStore(limit int64) *store {
	return &store{limit: limit, entries: map[string]*list.Element{}, recent: list.New()}
}

// get answers what is kept, unless it is too old.
func (s *store) get(key string, now time.Time) (entry, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	element, ok := s.entries[key]
	if !ok {
		return entry{}, false
	}
	found := element.Value.(*kept).entry
	if age := now.Sub(found.since); age < 0 || age >= keptFor {
		s.remove(key)
		return entry{}, false
	}
	s.recent.MoveToFront(element)
	return found, true
}

// put copies the entry, which may be a small part of a large answer, and lets go of others for it.
func (s *store) put(key string, e entry) {
	size := e.bytes(key)
	if size > s.limit {
		s.drop(key)
		return
	}
	e.answer = join.Copy(e.answer)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(key)
	s.entries[key] = s.recent.PushFront(&kept{key, e, size})
	s.bytes += size
	for s.bytes > s.limit {
		s.remove(s.recent.Back().Value.(*kept).key)
	}
}

func (s *store) drop(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(key)
}

func (s *store) remove(key string) {
	if element, ok := s.entries[key]; ok {
		s.bytes -= element.Value.(*kept).bytes
		s.recent.Remove(element)
		delete(s.entries, key)
	}
}

func (s *store) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bytes, s.entries, s.recent = 0, map[string]*list.Element{}, list.New()
}

func (s *store) count(asked grid, missing []grid) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.steps += asked.steps()
	for _, m := range missing {
		s.steps -= m.steps()
		s.asked += m.steps()
	}
}

func (s *store) statistics() Statistics {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Statistics{Answers: len(s.entries), Bytes: s.bytes, Steps: s.steps, Asked: s.asked}
}
