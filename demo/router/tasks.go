package router

import (
	"context"
	"fmt"
	"slices"
	"time"
)

const (
	// watchEvery is how often the router looks for what others did to the models.
	watchEvery = 2 * time.Second
	// settleEvery is how often it looks while a model is on its way out.
	settleEvery = 50 * time.Millisecond
	// indexTimeout bounds one look.
	indexTimeout = 10 * time.Second
)

// load loads a model for the requests that wait for it.
func (m *memory) load(e *model) {
	begin := time.Now()
	ctx, cancel := context.WithTimeout(m.ctx, m.options.LoadTimeout)
	defer cancel()
	err := m.server.load(ctx, e.name)
	if err != nil && !isRefusal(err) {
		// Its outcome is unknown.
		if found, ok := m.settled(e.name); ok && found == resident {
			err = nil
		}
	}
	if m.ctx.Err() != nil {
		return // the waiting requests get the error
	}
	if err == nil {
		m.loaded(e, time.Since(begin))
		return
	}
	m.mu.Lock()
	e.counts.FailedLoads++
	e.failure = &loadError{model: e.name, cause: err, retryAt: time.Now().Add(m.options.RetryLoadAfter)}
	// Other versions of it may have been loaded, and now leave.
	m.set(e, unloading)
	m.finish(e, e.failure)
	m.mu.Unlock()
	m.options.Out.Printf("Router: %v", e.failure)
	m.leave(e)
}

func (m *memory) loaded(e *model, took time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e.counts.Loads++
	e.counts.LoadSeconds += took.Seconds()
	e.failure = nil
	m.set(e, resident)
	m.letIn(e)
	m.advance()
}

// letIn makes those that wait for a model requests in progress. The caller holds the lock.
func (m *memory) letIn(e *model) {
	e.active += e.placement.waiting
	m.use(e)
	m.finish(e, nil)
}

// finish ends the wait for a model. The caller holds the lock.
func (*memory) finish(e *model, err error) {
	e.placement.err = err
	close(e.placement.done)
	e.placement = nil
}

// evict unloads a model.
func (m *memory) evict(e *model) {
	ctx, cancel := context.WithTimeout(m.ctx, m.options.LoadTimeout)
	defer cancel()
	if err := m.server.unload(ctx, e.name); err != nil && m.ctx.Err() == nil {
		m.options.Out.Printf("Router: the model %s was not unloaded: %v", e.name, err)
	}
	if m.leave(e) {
		m.mu.Lock()
		e.counts.Evictions++
		m.mu.Unlock()
	}
}

// leave waits until a model that is on its way out no longer takes memory, and gives its slot away. It answers false if the
// model stays.
func (m *memory) leave(e *model) bool {
	found, ok := m.settled(e.name)
	if !ok {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.set(e, found)
	if found == resident && e.placement != nil {
		m.stays(e)
	}
	m.advance()
	return found == absent
}

// stays lets the requests go on that queue for a model which is there without the router's doing. The caller holds the
// lock.
func (m *memory) stays(e *model) {
	m.queue = slices.DeleteFunc(m.queue, func(queued *model) bool { return queued == e })
	m.letIn(e)
}

// settled returns whether a model is resident or absent, once it is either. While the state of the server is unknown, it reads it again. It
// answers false when the router is closed.
func (m *memory) settled(name string) (found state, ok bool) {
	ticker := time.NewTicker(settleEvery)
	defer ticker.Stop()
	for {
		states, err := m.look()
		if found := states[name]; err == nil && (found == resident || found == absent) {
			return found, true
		}
		select {
		case <-m.ctx.Done():
			return absent, false
		case <-ticker.C:
		}
	}
}

func (m *memory) look() (map[string]state, error) {
	ctx, cancel := context.WithTimeoutCause(m.ctx, indexTimeout, fmt.Errorf("Triton did not respond within %s", indexTimeout))
	defer cancel()
	return m.server.index(ctx)
}

// watch notices what others did to the models: Triton was restarted, someone loaded or unloaded one, a new one is in the
// repository.
func (m *memory) watch() {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for {
		select {
		case <-m.ctx.Done():
			return
		case <-ticker.C:
		}
		before := m.changes()
		states, err := m.look()
		if err != nil {
			continue // requests that need Triton say so
		}
		m.mu.Lock()
		m.reconcile(states, before)
		m.mu.Unlock()
	}
}

// changes answers how often the router has changed each model's state.
func (m *memory) changes() map[string]uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	changes := make(map[string]uint64, len(m.models))
	for name, e := range m.models {
		changes[name] = e.changes
	}
	return changes
}

// reconcile takes over the state of the server, except for models that the router has changed since the request. The caller holds the
// lock.
func (m *memory) reconcile(states map[string]state, before map[string]uint64) {
	for name := range states {
		if m.models[name] == nil {
			m.models[name] = &model{name: name}
		}
	}
	for name, e := range m.models {
		found, listed := states[name]
		switch {
		case e.changes != before[name]:
		case e.state == absent && found == resident:
			e.counts.LoadedByOthers++
			m.set(e, resident)
			if e.placement != nil {
				m.stays(e)
			}
		case e.state == resident && (found == absent || found == unloading):
			e.counts.UnloadedByOthers++
			m.set(e, unloading)
			m.tasks.Go(func() { m.leave(e) })
		case e.state == absent && !listed && e.placement == nil && e.active == 0:
			delete(m.models, name)
		}
	}
	m.advance()
}
