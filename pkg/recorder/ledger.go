package recorder

import (
	"cmp"
	"container/list"
	"slices"
	"sync"
	"time"
)

// ledger holds the series of all models: at most a given number, and one more for all others together.
//
// Clients choose the names. A model counts as served from its first request with success on, and only a served model takes the place of
// another served one. Invented names share what is left: a flood of them pushes no model out that the server has, and gives way to
// one that it turns out to have.
type ledger struct {
	limit int
	// idle is how long a model must not have been asked before it makes room for another of its kind. Without it, more models in use
	// than there is room for would push each other out, and every series would be too short to be scraped twice.
	idle   time.Duration
	window windowOptions
	other  *modelSeries

	mu     sync.Mutex
	models map[modelKey]*list.Element
	// served and unserved are of *modelSeries, the one used last first.
	served, unserved *list.List
	aggregated       uint64
}

func newLedger(limit int, idle time.Duration, window windowOptions) *ledger {
	return &ledger{
		limit: limit, idle: idle, window: window,
		other:    newModelSeries(modelKey{model: otherModel}, window),
		models:   map[modelKey]*list.Element{},
		served:   list.New(),
		unserved: list.New(),
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
		if len(l.models) >= l.limit && !l.aggregateIdle(l.unserved, now) {
			l.other.lastUse = now
			return l.other
		}
		element = l.add(key, l.unserved)
	}
	series := seriesOf(element)
	series.references++
	l.touch(element, now)
	return series
}

// release ends what acquire began for the model. success says that the server has the model: from now on, it counts as served.
func (l *ledger) release(series *modelSeries, key modelKey, success bool, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if series == l.other {
		series.lastUse = now
		if success && key != l.other.key && l.models[key] == nil && l.makeRoomForServed(now) {
			// Its next request has series of its own.
			element := l.add(key, l.served)
			seriesOf(element).served = true
			l.touch(element, now)
		}
		return
	}
	series.references--
	element := l.models[series.key]
	if element == nil {
		return
	}
	if success && !series.served {
		series.served = true
		l.unserved.Remove(element)
		element = l.served.PushFront(series)
		l.models[series.key] = element
	}
	l.touch(element, now)
}

func (l *ledger) add(key modelKey, to *list.List) *list.Element {
	element := to.PushFront(newModelSeries(key, l.window))
	l.models[key] = element
	return element
}

func (l *ledger) listOf(series *modelSeries) *list.List {
	if series.served {
		return l.served
	}
	return l.unserved
}

func (l *ledger) touch(element *list.Element, now time.Time) {
	series := seriesOf(element)
	series.lastUse = now
	l.listOf(series).MoveToFront(element)
}

func seriesOf(element *list.Element) *modelSeries {
	return element.Value.(*modelSeries) //nolint:forcetypeassert // the lists hold nothing else
}

// makeRoomForServed answers false when all places are taken by models in use that the server has.
func (l *ledger) makeRoomForServed(now time.Time) bool {
	if len(l.models) < l.limit {
		return true
	}
	for element := l.unserved.Back(); element != nil; element = element.Prev() {
		if seriesOf(element).references == 0 {
			l.aggregate(element)
			return true
		}
	}
	return l.aggregateIdle(l.served, now)
}

// aggregateIdle aggregates the model of the list that was not used for the longest time into other. It answers false when all are in
// use.
func (l *ledger) aggregateIdle(of *list.List, now time.Time) bool {
	for element := of.Back(); element != nil; element = element.Prev() {
		series := seriesOf(element)
		if now.Sub(series.lastUse) < l.idle {
			return false
		}
		if series.references == 0 {
			l.aggregate(element)
			return true
		}
	}
	return false
}

func (l *ledger) aggregate(element *list.Element) {
	series := seriesOf(element)
	series.aggregateInto(l.other)
	l.listOf(series).Remove(element)
	delete(l.models, series.key)
	l.aggregated++
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
	for _, element := range l.models {
		series := seriesOf(element)
		entries = append(entries, ledgerEntry{series, series.lastUse})
	}
	slices.SortFunc(entries, func(a, b ledgerEntry) int {
		return cmp.Or(b.lastUse.Compare(a.lastUse), cmp.Compare(a.key.model, b.key.model), cmp.Compare(a.key.version, b.key.version))
	})
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
