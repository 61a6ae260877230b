package recorder

import (
	"container/list"
	"sync"
	"time"
)

// ledger holds the series of all models: at most a given number, and one more for all others together.
type ledger struct {
	limit int
	// idle is how long a model must not have been asked before it makes room for another. Without it, more models in use
	// than there is room for would push each other out, and every series would be too short to be scraped twice.
	idle   time.Duration
	window windowOptions
	other  *modelSeries

	mu         sync.Mutex
	models     map[modelKey]*list.Element
	recent     *list.List // of *modelSeries, the one used last first
	aggregated uint64
}

func newLedger(limit int, idle time.Duration, window windowOptions) *ledger {
	return &ledger{
		limit: limit, idle: idle, window: window,
		other:  newModelSeries(modelKey{model: otherModel}, window),
		models: map[modelKey]*list.Element{},
		recent: list.New(),
	}
}

// acquire answers the series that a request for the model belongs to, and keeps them until release.
func (l *ledger) acquire(key modelKey, now time.Time) *modelSeries {
	l.mu.Lock()
	defer l.mu.Unlock()
	if key == l.other.key {
		return l.other
	}
	element := l.models[key]
	if element == nil {
		if len(l.models) >= l.limit && !l.makeRoom(now) {
			l.other.lastUse = now
			return l.other
		}
		element = l.recent.PushFront(newModelSeries(key, l.window))
		l.models[key] = element
	}
	series := element.Value.(*modelSeries) //nolint:forcetypeassert // the list holds nothing else
	series.references++
	l.touch(element, series, now)
	return series
}

// release ends what acquire began.
func (l *ledger) release(series *modelSeries, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if series == l.other {
		series.lastUse = now
		return
	}
	series.references--
	if element := l.models[series.key]; element != nil {
		l.touch(element, series, now)
	}
}

func (l *ledger) touch(element *list.Element, series *modelSeries, now time.Time) {
	series.lastUse = now
	l.recent.MoveToFront(element)
}

// makeRoom aggregates the model that was not used for the longest time into other. It answers false when all are in use.
func (l *ledger) makeRoom(now time.Time) bool {
	for element := l.recent.Back(); element != nil; element = element.Prev() {
		series := element.Value.(*modelSeries) //nolint:forcetypeassert // the list holds nothing else
		if now.Sub(series.lastUse) < l.idle {
			return false
		}
		if series.references > 0 {
			continue
		}
		series.aggregateInto(l.other)
		l.recent.Remove(element)
		delete(l.models, series.key)
		l.aggregated++
		return true
	}
	return false
}

// ledgerEntry is a model's series and when they were last used.
type ledgerEntry struct {
	*modelSeries
	lastUse time.Time
}

// list answers the models with series of their own, then other if it was ever used, and how many were aggregated.
func (l *ledger) list() (entries []ledgerEntry, ownSeries int, aggregated uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	entries = make([]ledgerEntry, 0, len(l.models)+1)
	for element := l.recent.Front(); element != nil; element = element.Next() {
		series := element.Value.(*modelSeries) //nolint:forcetypeassert // the list holds nothing else
		entries = append(entries, ledgerEntry{series, series.lastUse})
	}
	if !l.other.lastUse.IsZero() || l.aggregated > 0 {
		entries = append(entries, ledgerEntry{l.other, l.other.lastUse})
	}
	return entries, len(l.models), l.aggregated
}

// advance begins a new slice of all live distributions.
func (l *ledger) advance() {
	entries, _, _ := l.list()
	for _, entry := range entries {
		for _, window := range entry.rollingHistograms() {
			window.advance()
		}
	}
}
