package router

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fakeTriton is a fake of Triton's repository API, in process. It behaves as the real one was seen to: a load answers when
// the model is ready, an unload at once while the model still leaves, and it notes what a router must never do.
type fakeTriton struct {
	slots int
	// loadTime and unloadTime are how long a model is on its way.
	loadTime, unloadTime func(model string) time.Duration
	// refuse, where it answers an error, says that a load fails; silent loses the answer of a load that goes through.
	refuse func(model string) error
	silent func(model string) bool
	// lookTime is how long an answer of the index is on its way.
	lookTime time.Duration

	mu         sync.Mutex
	states     map[string]state
	busy       map[string]int
	loads      map[string]int
	unloads    map[string]int
	violations []string
	down       bool
}

func newFakeTriton(slots int, models ...string) *fakeTriton {
	fake := &fakeTriton{
		slots: slots, states: map[string]state{}, busy: map[string]int{}, loads: map[string]int{}, unloads: map[string]int{},
		loadTime:   func(string) time.Duration { return time.Second },
		unloadTime: func(string) time.Duration { return 100 * time.Millisecond },
		refuse:     func(string) error { return nil },
		silent:     func(string) bool { return false },
	}
	for _, model := range models {
		fake.states[model] = absent
	}
	return fake
}

var errDown = errors.New("connection refused")

func (f *fakeTriton) violation(format string, args ...any) {
	f.violations = append(f.violations, fmt.Sprintf(format, args...))
}

func (f *fakeTriton) index(context.Context) (map[string]state, error) {
	states, err := f.now()
	time.Sleep(f.lookTime)
	return states, err
}

func (f *fakeTriton) now() (map[string]state, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down {
		return nil, errDown
	}
	return maps.Clone(f.states), nil
}

func (f *fakeTriton) load(ctx context.Context, model string) error {
	f.mu.Lock()
	if f.down {
		f.mu.Unlock()
		return errDown
	}
	if f.states[model] != absent {
		f.violation("%s is loaded while it is in state %d", model, f.states[model])
	}
	f.states[model] = loading
	f.loads[model]++
	if taken := f.taken(); taken > f.slots {
		f.violation("%d models take memory, %d fit", taken, f.slots)
	}
	f.mu.Unlock()
	time.Sleep(f.loadTime(model))
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.refuse(model); err != nil {
		// What there was of it leaves.
		f.states[model] = unloading
		time.AfterFunc(f.unloadTime(model), func() { f.put(model, absent) })
		return &refusal{status: "400 Bad Request", reason: err.Error()}
	}
	f.states[model] = resident
	if f.silent(model) {
		return errors.New("EOF")
	}
	return ctx.Err()
}

func (f *fakeTriton) taken() int {
	taken := 0
	for _, s := range f.states {
		if s != absent {
			taken++
		}
	}
	return taken
}

func (f *fakeTriton) unload(_ context.Context, model string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down {
		return errDown
	}
	if f.busy[model] > 0 {
		f.violation("%s is unloaded with %d requests in progress", model, f.busy[model])
	}
	if f.states[model] != resident {
		f.violation("%s is unloaded while it is in state %d", model, f.states[model])
	}
	f.states[model] = unloading
	f.unloads[model]++
	leaves := f.unloadTime(model)
	time.AfterFunc(leaves, func() { f.put(model, absent) })
	return nil
}

// put changes a model's state as somebody else would.
func (f *fakeTriton) put(model string, s state) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.states[model] = s
}

func (f *fakeTriton) setDown(down bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down = down
}

// infer serves one request.
func (f *fakeTriton) infer(model string, takes time.Duration) {
	f.mu.Lock()
	if f.states[model] != resident {
		f.violation("%s is asked while it is in state %d", model, f.states[model])
	}
	f.busy[model]++
	f.mu.Unlock()
	time.Sleep(takes)
	f.mu.Lock()
	f.busy[model]--
	f.mu.Unlock()
}

func (f *fakeTriton) loadsOf(model string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.loads[model]
}

func (f *fakeTriton) requireNoViolations(t *testing.T) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	require.Empty(t, f.violations)
}
