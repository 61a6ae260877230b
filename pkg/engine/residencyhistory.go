package engine

import (
	"time"

	"github.com/coldhit/modelserving-datasource/pkg/management"
)

// modelHistory is what is known of a model from one listing to the next, and what happened to it in between.
type modelHistory struct {
	loads, evictions float64
	// ageAtEviction is that of the last eviction of which it is known; hasAge is false if there was none.
	ageAtEviction time.Duration
	hasAge        bool

	resident bool
	// held is set from when the model is in memory until it was evicted. While it is loaded anew, it is held but not resident.
	held   bool
	loaded map[string]bool
	// usage is the last that is known since the model was loaded.
	usage *management.Usage
}

// begin takes a model's state over without counting.
func (h *modelHistory) begin(m management.Model) {
	h.newCopies(m.Copies)
	h.remember(m)
}

// observe takes a model's state over and counts what changed since the listing before.
func (h *modelHistory) observe(m management.Model, at time.Time) {
	isResident := m.Residency == management.Resident
	reloaded := isResident && h.resident && h.fewerRequests(m.Usage)
	if reloaded || (m.Residency == management.Absent && h.held) {
		h.evict(at)
	}
	switch fresh := h.newCopies(m.Copies); {
	case len(m.Copies) > 0:
		h.loads += float64(fresh)
	case reloaded || (isResident && !h.resident):
		h.loads++
	}
	h.remember(m)
}

func (h *modelHistory) remember(m management.Model) {
	h.resident = m.Residency == management.Resident
	h.held = h.resident || (h.held && m.Residency == management.Loading)
	if m.Usage != nil || !h.held {
		h.usage = m.Usage
	}
}

func (h *modelHistory) fewerRequests(now *management.Usage) bool {
	return now != nil && h.usage != nil && now.Requests < h.usage.Requests
}

func (h *modelHistory) evict(at time.Time) {
	h.evictions++
	if h.usage != nil && !h.usage.Last.IsZero() {
		// The server's clock may be ahead of this one.
		h.ageAtEviction, h.hasAge = max(0, at.Sub(h.usage.Last)), true
	}
}

// newCopies counts the copies that have been loaded since the listing before. One that is loaded and then busy otherwise,
// such as a replica whose controller was replaced, is not loaded anew when it is back.
func (h *modelHistory) newCopies(copies []management.Copy) int {
	fresh := 0
	loaded := make(map[string]bool, len(copies))
	for _, c := range copies {
		if c.Loaded && !h.loaded[c.ID] {
			fresh++
		}
		if c.Loaded || h.loaded[c.ID] {
			loaded[c.ID] = true
		}
	}
	h.loaded = loaded
	return fresh
}
