//go:build linux && cgo

package nvml

import (
	"cmp"
	"log/slog"
	"slices"
	"sync"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

// ledger remembers how calls of NVML ended: what is not supported is not tried again, and each kind of failure is logged
// once and counted. Safe for concurrent use.
type ledger struct {
	logger *slog.Logger

	mu          sync.Mutex
	missing     map[string]bool // calls that the library does not have, of those that were looked up
	unsupported map[place]bool
	logged      map[failure]bool
	errors      map[callReason]uint64
}

// place is a call on one device.
type place struct {
	call, gpu, migInstance string
}

// initCall fails for as long as there is no driver.
const initCall = "nvmlInit"

type failure struct {
	place
	ret nvml.Return
}

type callReason struct {
	call, reason string
}

func newLedger(logger *slog.Logger) *ledger {
	return &ledger{
		logger: logger, missing: map[string]bool{}, unsupported: map[place]bool{}, logged: map[failure]bool{}, errors: map[callReason]uint64{},
	}
}

// check takes the outcome of a call and says whether it succeeded. Outcomes that are no failures must not come here.
func (l *ledger) check(at place, ret nvml.Return) bool {
	if ret == nvml.SUCCESS {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if isUnsupported(ret) {
		if !l.unsupported[at] {
			l.unsupported[at] = true
			l.logger.Info("NVML call not supported, skipped", "call", at.call, "gpu", at.gpu, "mig_instance", at.migInstance, "reason", reasonOf(ret))
		}
		return false
	}
	l.errors[callReason{at.call, reasonOf(ret)}]++
	if isGPULost(ret) || needsInit(ret) || at.call == initCall {
		return false // told by whoever deals with it
	}
	if f := (failure{at, ret}); !l.logged[f] {
		l.logged[f] = true
		l.logger.Warn("NVML call failed, retrying (further failures are only counted)", "call", at.call, "gpu", at.gpu, "mig_instance", at.migInstance, "problem", explain(at.call, ret))
	}
	return false
}

// skip says that the call is known to be of no use there.
func (l *ledger) skip(at place) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.unsupported[at]
}

// forget makes everything on a GPU be tried and logged anew, for when it has changed. All GPUs are meant by "".
func (l *ledger) forget(gpu string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for at := range l.unsupported {
		if gpu == "" || at.gpu == gpu {
			delete(l.unsupported, at)
		}
	}
	for f := range l.logged {
		if gpu == "" || f.gpu == gpu {
			delete(l.logged, f)
		}
	}
	if gpu == "" {
		clear(l.missing)
	}
}

// lacks says whether the library has no such function. A call of one that is missing would end the program, as the symbols
// are bound lazily. lookup is asked once for each call; names may carry a version.
func (l *ledger) lacks(call string, lookup func(symbol string) error) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	missing, known := l.missing[call]
	if known {
		return missing
	}
	missing = lookup(call) != nil && lookup(call+"_v2") != nil && lookup(call+"_v3") != nil
	l.missing[call] = missing
	return missing
}

func (l *ledger) unsupportedPlaces() []place {
	l.mu.Lock()
	defer l.mu.Unlock()
	places := make([]place, 0, len(l.unsupported))
	for at := range l.unsupported {
		places = append(places, at)
	}
	slices.SortFunc(places, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.gpu, b.gpu), cmp.Compare(a.migInstance, b.migInstance), cmp.Compare(a.call, b.call))
	})
	return places
}

func (l *ledger) eachError(visit func(callReason, uint64)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for f, count := range l.errors {
		visit(f, count)
	}
}
