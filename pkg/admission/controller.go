// Package admission shares one process among the organisations of a Grafana: which queries are evaluated now, and how much memory
// evaluations and results may take. Slots and memory are taken before they are used and given back afterwards.
package admission

import (
	"fmt"
	"sync"
	"time"
)

// Tenant is a data source of an organisation.
type Tenant struct {
	OrgID      int64
	DataSource string
}

// Class is what a request is for.
type Class int

// The classes. Alert rules and what the plugin does by itself come before panels.
const (
	Panel Class = iota
	Alert
	Background
)

// Limits are the bounds of a process. The zero value of a field means its default.
type Limits struct {
	// Slots is how many queries of panels are evaluated at once. AlertSlots come in addition, for alert rules alone; None for none.
	Slots, AlertSlots int
	// Alone is set where there is one organisation only. Otherwise each leaves a slot free, so that another one always finds one.
	Alone bool
	// Of names what the slots are, in a sentence: the plugin's query slots, if empty.
	Of string
	// Memory is how many bytes evaluations and results may take together, AlertMemory the part of it that panels leave free.
	Memory, AlertMemory int64
	// OrganizationMemory and RequestMemory bound one organisation and the results of one request. An organisation's alert rules may take
	// AlertMemory beyond.
	OrganizationMemory, RequestMemory int64
	// Wait is how long a query waits for a slot and memory, MemoryWait how long a result waits for memory.
	Wait, MemoryWait time.Duration
	// Waiting is how many queries of one organisation may wait.
	Waiting int
}

// None is no slot.
const None = -1

const (
	mebibyte = 1 << 20
	// DefaultMemory leaves a process of a gigabyte room for the storage, for garbage and for the encoding of responses.
	DefaultMemory = 384 * mebibyte

	defaultSlots      = 4
	defaultAlertSlots = 1
	// Grafana ends an alert rule's evaluation after 30 s, so that waiting has to end before.
	defaultWait       = 20 * time.Second
	defaultMemoryWait = 5 * time.Second
	// A dashboard has a few dozens of panels with a few queries each.
	defaultWaiting = 500
)

func (l Limits) withDefaults() Limits {
	fill(&l.Slots, defaultSlots)
	if fill(&l.AlertSlots, defaultAlertSlots); l.AlertSlots == None {
		l.AlertSlots = 0
	}
	if l.Of == "" {
		l.Of = fmt.Sprintf("the plugin's %d query slots", l.Slots)
	}
	fill(&l.Memory, DefaultMemory)
	fill(&l.AlertMemory, l.Memory/8)
	fill(&l.OrganizationMemory, l.Memory*3/4)
	fill(&l.RequestMemory, l.Memory/2)
	fill(&l.Wait, defaultWait)
	fill(&l.MemoryWait, defaultMemoryWait)
	fill(&l.Waiting, defaultWaiting)
	return l
}

func fill[T int | int64 | time.Duration](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}

// Controller admits the requests of a process. It serves any number of goroutines.
type Controller struct {
	limits Limits
	// pressure is called with mu held when much of the memory is taken, and when it is free again.
	pressure func(high bool)

	mu      sync.Mutex
	memory  int64
	orgs    map[int64]*usage
	running int
	panels  int
	waiters []*waiter
	grants  uint64
	high    bool
	refused map[Bound]int64
	// waited is how long admitted queries have waited in all.
	waited time.Duration
}

// usage is what an organisation has at present.
type usage struct {
	memory  int64
	running map[string]int // by data source
	waiting int
	// granted is the number of the last grant, for turns among organisations that have the same number of slots.
	granted uint64
}

func (u *usage) slots() (n int) {
	for _, of := range u.running {
		n += of
	}
	return n
}

// own is how many slots one organisation may have of so many.
func (l Limits) own(slots int) int {
	if l.Alone {
		return slots
	}
	return max(1, slots-1)
}

func (u *usage) unused() bool { return u.memory == 0 && len(u.running) == 0 && u.waiting == 0 }

// New makes a controller.
func New(limits Limits) *Controller {
	return &Controller{limits: limits.withDefaults(), pressure: collectSooner, orgs: map[int64]*usage{}, refused: map[Bound]int64{}}
}

// Limits are the bounds in force.
func (c *Controller) Limits() Limits { return c.limits }

// Waiting is how many queries and results wait at present.
func (c *Controller) Waiting() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.waiters)
}

// Running is how many slots are taken at present.
func (c *Controller) Running() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.running
}

// usage finds or makes an organisation's. The caller holds mu.
func (c *Controller) usage(org int64) *usage {
	found := c.orgs[org]
	if found == nil {
		found = &usage{running: map[string]int{}}
		c.orgs[org] = found
	}
	return found
}

// forget drops an organisation that has nothing. The caller holds mu.
func (c *Controller) forget(org int64) {
	if found := c.orgs[org]; found != nil && found.unused() {
		delete(c.orgs, org)
	}
}

// fits reports whether a request's organisation and class may take so many bytes more. The caller holds mu.
func (c *Controller) fits(r *Request, bytes int64) (Bound, bool) {
	// Panels leave a part to alert rules, of the process and of their own organisation.
	process, organization := c.limits.Memory, c.limits.OrganizationMemory+c.limits.AlertMemory
	if r.class == Panel {
		process, organization = process-c.limits.AlertMemory, c.limits.OrganizationMemory
	}
	switch {
	case c.memory+bytes > process:
		return ProcessMemory, false
	case c.memoryOf(r.tenant.OrgID)+bytes > organization:
		return OrganizationMemory, false
	}
	return "", true
}

// memoryOf is what an organisation has taken. The caller holds mu.
func (c *Controller) memoryOf(org int64) int64 {
	if found := c.orgs[org]; found != nil {
		return found.memory
	}
	return 0
}

// take books bytes. The caller holds mu.
func (c *Controller) take(org, bytes int64) {
	c.memory += bytes
	c.usage(org).memory += bytes
	c.notePressure()
}

// give books bytes back and lets go who waits for them. The caller holds mu.
func (c *Controller) give(org, bytes int64) {
	if bytes == 0 {
		return
	}
	c.memory -= bytes
	c.usage(org).memory -= bytes
	c.notePressure()
	c.dispatch()
	c.forget(org)
}

// notePressure has a high mark and a low one, so that it does not swing. The caller holds mu.
func (c *Controller) notePressure() {
	switch {
	case !c.high && c.memory > c.limits.Memory/4:
		c.high = true
	case c.high && c.memory < c.limits.Memory/8:
		c.high = false
	default:
		return
	}
	c.pressure(c.high)
}
