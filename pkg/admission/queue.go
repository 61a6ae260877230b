package admission

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// waiter is a query, or a result, that waits.
type waiter struct {
	request *Request
	bytes   int64
	// slot says that it waits for a slot, too.
	slot  bool
	since time.Time
	// ready is closed by who grants; granted belongs to the controller's mu.
	ready   chan struct{}
	granted bool
}

// wait queues a waiter until it is granted, for at most as long as the limits say. An ended ctx returns its own cause at once.
func (c *Controller) wait(ctx context.Context, w *waiter, longest time.Duration) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	c.mu.Lock()
	of := c.usage(w.request.tenant.OrgID)
	if of.waiting >= c.limits.Waiting {
		defer c.mu.Unlock()
		return c.refuse(w.request, WaitingQueries, w.bytes)
	}
	w.ready, w.since = make(chan struct{}), time.Now()
	of.waiting++
	c.waiters = append(c.waiters, w)
	c.dispatch()
	c.mu.Unlock()

	timer := time.NewTimer(longest)
	defer timer.Stop()
	select {
	case <-w.ready:
		return nil
	case <-ctx.Done():
		return c.withdraw(w, func() error { return context.Cause(ctx) })
	case <-timer.C:
		return c.withdraw(w, func() error { return c.refuse(w.request, c.lacks(w), w.bytes) })
	}
}

// withdraw takes a waiter out of the queue and returns the reason, unless it was granted in the meantime.
func (c *Controller) withdraw(w *waiter, reason func() error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if w.granted {
		return nil
	}
	err := reason()
	c.waiters = slices.DeleteFunc(c.waiters, func(other *waiter) bool { return other == w })
	c.usage(w.request.tenant.OrgID).waiting--
	c.forget(w.request.tenant.OrgID)
	return err
}

// lacks is what a waiter waits for. The caller holds mu.
func (c *Controller) lacks(w *waiter) Bound {
	if bound, fits := c.fits(w.request, w.bytes); !fits {
		return bound
	}
	return Slots
}

// dispatch grants what there is to those whose turn it is. The caller holds mu.
func (c *Controller) dispatch() {
	for {
		next := c.next()
		if next == nil {
			return
		}
		c.grant(next)
	}
}

func (c *Controller) grant(w *waiter) {
	w.granted = true
	c.waiters = slices.DeleteFunc(c.waiters, func(other *waiter) bool { return other == w })
	tenant := w.request.tenant
	of := c.usage(tenant.OrgID)
	of.waiting--
	c.waited += time.Since(w.since)
	if w.slot {
		c.grants++
		of.granted = c.grants
		of.running[tenant.DataSource]++
		c.running++
		if w.request.class == Panel {
			c.panels++
		}
	}
	c.take(tenant.OrgID, w.bytes)
	close(w.ready)
}

// leave gives a slot back.
func (c *Controller) leave(r *Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	of := c.usage(r.tenant.OrgID)
	if of.running[r.tenant.DataSource]--; of.running[r.tenant.DataSource] == 0 {
		delete(of.running, r.tenant.DataSource)
	}
	c.running--
	if r.class == Panel {
		c.panels--
	}
	c.dispatch()
	c.forget(r.tenant.OrgID)
}

// next is who may go now and whose turn it is: alert rules before panels, then organisations with fewer slots, then the one
// whose last turn is longer ago, then data sources with fewer slots, then who came first. The caller holds mu.
func (c *Controller) next() *waiter {
	var best *waiter
	for _, w := range c.waiters {
		if c.allowed(w) && (best == nil || c.order(w, best) < 0) {
			best = w
		}
	}
	return best
}

func (c *Controller) order(a, b *waiter) int {
	of, than := c.usage(a.request.tenant.OrgID), c.usage(b.request.tenant.OrgID)
	return cmp.Or(
		cmp.Compare(rank(a), rank(b)),
		cmp.Compare(of.slots(), than.slots()),
		cmp.Compare(of.granted, than.granted),
		cmp.Compare(of.running[a.request.tenant.DataSource], than.running[b.request.tenant.DataSource]),
	)
}

// rank lets results go before evaluations, because they give memory back when they are sent.
func rank(w *waiter) int {
	switch {
	case !w.slot:
		return 0
	case w.request.class != Panel:
		return 1
	}
	return 2
}

// allowed reports whether there is a slot and memory for a waiter. The caller holds mu.
func (c *Controller) allowed(w *waiter) bool {
	if _, fits := c.fits(w.request, w.bytes); !fits {
		return false
	}
	if !w.slot {
		return true
	}
	all := c.limits.Slots + c.limits.AlertSlots
	own := c.usage(w.request.tenant.OrgID).slots()
	if w.request.class == Panel {
		return c.running < all && c.panels < c.limits.Slots && own < c.limits.own(c.limits.Slots)
	}
	return c.running < all && own < c.limits.own(all)
}
