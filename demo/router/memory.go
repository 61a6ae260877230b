package router

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Start says whether a request found its model in memory.
type Start string

// A hot request finds its model in memory. A cold one waits for a load.
const (
	Hot  Start = "hot"
	Cold Start = "cold"
)

var (
	errUnknownModel = errors.New("Triton's repository has no such model")
	errClosed       = errors.New("the router is being stopped")
)

// busyError says that a request waited for as long as it may.
type busyError struct{ reason string }

func (e *busyError) Error() string { return e.reason }

// loadError says that a model could not be loaded, and when it will be tried again.
type loadError struct {
	model   string
	cause   error
	retryAt time.Time
}

func (e *loadError) Error() string {
	return fmt.Sprintf("the model %s could not be loaded: %v", e.model, e.cause)
}

// modelServer is what the memory is managed of.
type modelServer interface {
	index(ctx context.Context) (map[string]state, error)
	load(ctx context.Context, model string) error
	unload(ctx context.Context, model string) error
}

// memory decides which models are in the server's memory: at most so many as there are slots. It loads those that are asked
// for and unloads for them those that were not used for the longest time; never one with requests in progress.
type memory struct {
	options Options
	server  modelServer
	ctx     context.Context // ends with close
	cancel  context.CancelFunc
	tasks   sync.WaitGroup // loads, unloads, and the watch

	mu      sync.Mutex
	closed  bool
	models  map[string]*model
	queue   []*model // those that wait for a slot, the first comer first
	waiting int      // requests
	uses    uint64
}

// model is one model of the repository.
type model struct {
	name  string
	state state
	// active requests are in progress; lastUse grows with each beginning and end of one.
	active  int
	lastUse uint64
	// placement is there while requests wait for the model.
	placement *placement
	failure   *loadError // of the last load, until the next one
	// changes grows whenever the router sets the state.
	changes uint64
	counts  ModelCounts
}

// placement is one load, and the requests that wait for it.
type placement struct {
	waiting int
	done    chan struct{} // closed when the load has ended; err says how
	err     error
}

func newMemory(ctx context.Context, options Options, server modelServer) (*memory, error) {
	m := &memory{options: options, server: server, models: map[string]*model{}}
	m.ctx, m.cancel = context.WithCancel(ctx)
	states, err := m.look()
	if err != nil {
		m.cancel()
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reconcile(states, nil)
	m.tasks.Go(m.watch)
	return m, nil
}

// close ends everything under way and returns when it has ended.
func (m *memory) close() {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	m.cancel()
	m.tasks.Wait()
}

// acquire returns when the model is in memory, where it stays until release is called, and says whether it was there
// already. Where it fails there is nothing to release.
func (m *memory) acquire(ctx context.Context, name string) (start Start, release func(), err error) {
	m.mu.Lock()
	e, known := m.models[name]
	switch {
	case !known:
		m.mu.Unlock()
		return "", nil, errUnknownModel
	case m.closed:
		m.mu.Unlock()
		return "", nil, errClosed
	case e.state == resident:
		e.counts.Hot++
		e.active++
		m.use(e)
		m.mu.Unlock()
		return Hot, func() { m.release(e) }, nil
	}
	e.counts.Cold++
	p, err := m.await(e)
	m.mu.Unlock()
	if err != nil {
		return Cold, nil, err
	}
	if err := m.wait(ctx, e, p); err != nil {
		return Cold, nil, err
	}
	return Cold, func() { m.release(e) }, nil
}

// await adds a request to those that wait for a model, and sees to its load. The caller holds the lock.
func (m *memory) await(e *model) (*placement, error) {
	if e.failure != nil && time.Now().Before(e.failure.retryAt) {
		e.counts.Failed++
		return nil, e.failure
	}
	if m.waiting >= m.options.MaxWaiting {
		e.counts.Refused++
		return nil, &busyError{fmt.Sprintf("%d requests wait for a model already", m.waiting)}
	}
	if e.placement == nil {
		e.placement = &placement{done: make(chan struct{})}
		m.queue = append(m.queue, e)
	}
	e.placement.waiting++
	m.waiting++
	m.advance()
	return e.placement, nil
}

// wait returns when the load has ended, the request's time is up, its client has gone or the router is closed. Without an
// error the request is one of those in progress.
func (m *memory) wait(ctx context.Context, e *model, p *placement) error {
	timer := time.NewTimer(m.options.Wait)
	defer timer.Stop()
	var failure error
	select {
	case <-p.done:
	case <-ctx.Done():
		failure = context.Cause(ctx)
	case <-m.ctx.Done():
		failure = errClosed
	case <-timer.C:
		failure = &busyError{fmt.Sprintf("the model %s was not in memory within %s", e.name, m.options.Wait)}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.waiting--
	select {
	case <-p.done: // perhaps at the same moment
		if p.err != nil {
			e.counts.Failed++
		}
		return p.err
	default:
	}
	p.waiting--
	if queued := slices.Index(m.queue, e); p.waiting == 0 && queued >= 0 {
		m.queue = slices.Delete(m.queue, queued, queued+1)
		e.placement = nil
	}
	if ctx.Err() != nil {
		e.counts.Abandoned++
	} else {
		e.counts.Refused++
	}
	return failure
}

func (m *memory) release(e *model) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e.active--
	m.use(e)
	m.advance()
}

func (m *memory) use(e *model) {
	m.uses++
	e.lastUse = m.uses
}

func (*memory) set(e *model, s state) {
	e.state = s
	e.changes++
}

// advance begins the loads and unloads that can begin now. The caller holds the lock.
func (m *memory) advance() {
	if m.closed {
		return
	}
	free, leaving := m.options.Slots, 0
	for _, e := range m.models {
		if e.state != absent {
			free--
		}
		if e.state == unloading {
			leaving++
		}
	}
	for free+leaving < 0 && m.evictOne() { // someone else has loaded models
		leaving++
	}
	var rest []*model
	for _, e := range m.queue {
		switch {
		case e.state == absent && free > 0:
			free--
			m.set(e, loading)
			m.tasks.Go(func() { m.load(e) })
			continue
		case free+leaving > 0: // it takes the slot of one that is on its way out
			leaving--
		case m.evictOne(): // likewise, of this one
		}
		rest = append(rest, e)
	}
	m.queue = rest
}

// evictOne unloads the model without requests that was not used for the longest time. It answers false if there is none.
func (m *memory) evictOne() bool {
	var oldest *model
	for _, e := range m.models {
		if e.state == resident && e.active == 0 && (oldest == nil || e.lastUse < oldest.lastUse) {
			oldest = e
		}
	}
	if oldest == nil {
		return false
	}
	m.set(oldest, unloading)
	m.tasks.Go(func() { m.evict(oldest) })
	return true
}
