// Package storage is the embedded engine's storage on disk: Prometheus's TSDB, and what it did not store and why.
package storage

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// Reason is why scraped samples were not stored. The values are those of the label `reason` of the plugin's metrics.
type Reason string

// The reasons.
const (
	// DiskFull and WriteFailed are failures of the file system, with room left or without.
	DiskFull    Reason = "disk_full"
	WriteFailed Reason = "write_failed"
	// OutOfOrder are samples older than a stored one of their series, Duplicate other values at the same time.
	OutOfOrder Reason = "out_of_order"
	Duplicate  Reason = "duplicate"
	// TooOld are samples before everything that is kept in memory, as after a clock that was ahead. TooNew are ahead of the clock.
	TooOld Reason = "too_old"
	TooNew Reason = "too_new"
	// SeriesLimit are samples of new series above the data source's limit, PageLimit those of models left out of a page that is too large.
	SeriesLimit Reason = "series_limit"
	PageLimit   Reason = "page_limit"
	// ReservedName are samples whose metric only the plugin itself may write.
	ReservedName Reason = "reserved_name"
)

// Refusal is what is known of the samples that were not stored for one reason.
type Refusal struct {
	Reason Reason
	// Samples counts them since the storage was opened.
	Samples int64
	// First and Last are when the first and the last of them were refused.
	First, Last time.Time
	// Targets names jobs whose samples were refused, sorted; at most MaxTargets of them.
	Targets []string
	// Detail is a sentence about the last of them: the error, or the limit and what reached it; empty if there is nothing to add.
	Detail string
}

// MaxTargets bounds how many jobs a Refusal names.
const MaxTargets = 20

// Refusals counts samples that were not stored. It serves any number of goroutines; the zero value is ready.
type Refusals struct {
	mu  sync.Mutex
	all map[Reason]*Refusal
}

// Add counts samples of a job. The detail replaces an earlier one unless it is empty.
func (r *Refusals) Add(reason Reason, job string, samples int, detail string, at time.Time) {
	if samples <= 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all == nil {
		r.all = map[Reason]*Refusal{}
	}
	found := r.all[reason]
	if found == nil {
		found = &Refusal{Reason: reason, First: at}
		r.all[reason] = found
	}
	found.Samples += int64(samples)
	found.Last = at
	if detail != "" {
		found.Detail = detail
	}
	if i, known := slices.BinarySearch(found.Targets, job); !known && job != "" && len(found.Targets) < MaxTargets {
		found.Targets = slices.Insert(found.Targets, i, job)
	}
}

// All lists what was refused, by reason.
func (r *Refusals) All() []Refusal {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]Refusal, 0, len(r.all))
	for _, found := range r.all {
		one := *found
		one.Targets = slices.Clone(found.Targets)
		out = append(out, one)
	}
	slices.SortFunc(out, func(a, b Refusal) int { return cmp.Compare(a.Reason, b.Reason) })
	return out
}

// Since lists what was refused at a time or later, by reason.
func (r *Refusals) Since(at time.Time) []Refusal {
	return slices.DeleteFunc(r.All(), func(one Refusal) bool { return one.Last.Before(at) })
}
