package incremental

import (
	"sync"
	"time"
)

const (
	// moment is how long the panels of one refresh, which ask much the same beforehand, share the answer to a question about one time. It
	// is no older than if the first of them had taken that much longer.
	moment = time.Second
	// maxMomentary bounds how many answers are held, and maxMomentarySize how many series or values each may have: some 10 MB in all.
	maxMomentary     = 64
	maxMomentarySize = 500
)

// momentary holds answers for a moment.
type momentary struct {
	mu      sync.Mutex
	answers map[string]momentaryAnswer
}

type momentaryAnswer struct {
	begun  time.Time
	answer any
}

func (m *momentary) get(key string, now time.Time) (any, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.expire(now)
	found, ok := m.answers[key]
	return found.answer, ok
}

// put holds the answer to a question that was begun at a time, unless it is large.
func (m *momentary) put(key string, answer any, size int, begun, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.expire(now)
	if size > maxMomentarySize || now.Sub(begun) >= moment || len(m.answers) >= maxMomentary {
		return
	}
	if m.answers == nil {
		m.answers = map[string]momentaryAnswer{}
	}
	m.answers[key] = momentaryAnswer{begun, answer}
}

func (m *momentary) expire(now time.Time) {
	for key, one := range m.answers {
		if age := now.Sub(one.begun); age < 0 || age >= moment {
			delete(m.answers, key)
		}
	}
}

func (m *momentary) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.answers = nil
}
