package querycache

import (
	"sync"
	"time"
)

const (
	// moment is how long the panels of one refresh, whose first queries are much the same, share the result of a query about one time.
	// It is no older than if the first of them had taken that much longer.
	moment = time.Second
	// maxRecent bounds how many results are held, and maxRecentSize how many series or values each may have: some 10 MB in all.
	maxRecent     = 64
	maxRecentSize = 500
)

// shortTerm holds results for a moment.
type shortTerm struct {
	mu      sync.Mutex
	results map[string]recentResult
}

type recentResult struct {
	begun  time.Time
	result any
}

func (m *shortTerm) get(key string, now time.Time) (any, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.expire(now)
	found, ok := m.results[key]
	return found.result, ok
}

// put holds the result of a query that was begun at a time, unless it is large.
func (m *shortTerm) put(key string, result any, size int, begun, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.expire(now)
	if size > maxRecentSize || now.Sub(begun) >= moment || len(m.results) >= maxRecent {
		return
	}
	if m.results == nil {
		m.results = map[string]recentResult{}
	}
	m.results[key] = recentResult{begun, result}
}

func (m *shortTerm) expire(now time.Time) {
	for key, one := range m.results {
		if age := now.Sub(one.begun); age < 0 || age >= moment {
			delete(m.results, key)
		}
	}
}

func (m *shortTerm) clear() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.results = nil
}
