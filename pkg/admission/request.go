package admission

import (
	"context"
	"sync"
)

// Request is one request of Grafana, or one thing that the plugin does by itself. Its results count together.
type Request struct {
	controller *Controller
	tenant     Tenant
	class      Class

	// mu guards the rest. It is never held while waiting.
	mu    sync.Mutex
	taken int64
	ended bool
}

// Begin starts a request. End has to be called.
func (c *Controller) Begin(tenant Tenant, class Class) *Request {
	return &Request{controller: c, tenant: tenant, class: class}
}

// On starts a request at another controller, for the same tenant and class; for the plugin itself, if r is nil.
func (r *Request) On(other *Controller) *Request {
	if r == nil {
		return other.Begin(Tenant{}, Background)
	}
	return other.Begin(r.tenant, r.class)
}

type requestKey struct{}

// WithRequest carries a request to whoever evaluates its queries.
func WithRequest(ctx context.Context, r *Request) context.Context {
	return context.WithValue(ctx, requestKey{}, r)
}

// FromContext is the request that ctx carries; nil if there is none. A nil request takes any memory: nothing is known of who asks.
func FromContext(ctx context.Context) *Request {
	r, _ := ctx.Value(requestKey{}).(*Request)
	return r
}

// Enter waits for a slot and for the memory of an evaluation, in bytes. leave gives both back. The error is a *LimitError, or the
// cause of an ended ctx.
func (r *Request) Enter(ctx context.Context, bytes int64) (leave func(), err error) {
	w := &waiter{request: r, bytes: bytes, slot: true}
	if most := r.most(); bytes > most {
		r.controller.mu.Lock()
		defer r.controller.mu.Unlock()
		return nil, r.controller.refuse(r, EvaluationMemory, bytes)
	}
	if err := r.controller.wait(ctx, w, r.controller.limits.Wait); err != nil {
		return nil, err
	}
	var once sync.Once
	return func() {
		once.Do(func() {
			r.give(bytes)
			r.controller.leave(r)
		})
	}, nil
}

// TryGrow takes more memory for the evaluation of whoever has a slot, if there is any at present. shrink gives it back.
func (r *Request) TryGrow(bytes int64) (shrink func(), ok bool) {
	r.controller.mu.Lock()
	defer r.controller.mu.Unlock()
	if _, fits := r.controller.fits(r, bytes); !fits {
		return nil, false
	}
	r.controller.take(r.tenant.OrgID, bytes)
	var once sync.Once
	return func() { once.Do(func() { r.give(bytes) }) }, true
}

// most is what an evaluation can ever take.
func (r *Request) most() int64 {
	l := r.controller.limits
	return min(l.OrganizationMemory, l.Memory-l.AlertMemory)
}

func (r *Request) give(bytes int64) {
	r.controller.mu.Lock()
	defer r.controller.mu.Unlock()
	r.controller.give(r.tenant.OrgID, bytes)
}

// Take books memory of results until the request ends, and waits for it a little while. The error is a *LimitError, or the cause of an
// ended ctx.
func (r *Request) Take(ctx context.Context, bytes int64) error {
	if r == nil || bytes <= 0 {
		return nil
	}
	r.mu.Lock()
	over := r.taken+bytes > r.controller.limits.RequestMemory
	if !over {
		r.taken += bytes
	}
	r.mu.Unlock()
	if over {
		r.controller.mu.Lock()
		defer r.controller.mu.Unlock()
		return r.controller.refuse(r, RequestMemory, bytes)
	}
	err := r.book(ctx, bytes)
	if err != nil {
		r.mu.Lock()
		r.taken -= bytes
		r.mu.Unlock()
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended { // a straggler of a request that was cancelled
		r.taken -= bytes
		r.give(bytes)
	}
	return nil
}

func (r *Request) book(ctx context.Context, bytes int64) error {
	c := r.controller
	c.mu.Lock()
	if _, fits := c.fits(r, bytes); fits {
		c.take(r.tenant.OrgID, bytes)
		c.mu.Unlock()
		return nil
	}
	c.mu.Unlock()
	return c.wait(ctx, &waiter{request: r, bytes: bytes}, c.limits.MemoryWait)
}

// End gives back what the request's results took.
func (r *Request) End() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.ended {
		r.ended = true
		r.give(r.taken)
	}
}
