package storage

import (
	"sync"
	"time"
)

// gate lets users in until it is shut. The zero value is open.
type gate struct {
	mu      sync.Mutex
	changed chan struct{}
	users   int
	isShut  bool
}

// signal wakes whoever waits. The caller holds mu.
func (g *gate) signal() {
	if g.changed != nil {
		close(g.changed)
		g.changed = nil
	}
}

// change is closed at the next change. The caller holds mu.
func (g *gate) change() <-chan struct{} {
	if g.changed == nil {
		g.changed = make(chan struct{})
	}
	return g.changed
}

// enter waits until the gate is open.
func (g *gate) enter() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.isShut {
		changed := g.change()
		g.mu.Unlock()
		<-changed
		g.mu.Lock()
	}
	g.users++
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.users--
	g.signal()
}

// shut lets nobody in and waits until everybody has left. After the time, 0 for none, it opens again and answers false: a user may wait for
// another that stands before the gate.
func (g *gate) shut(within time.Duration) bool {
	var late <-chan time.Time
	if within > 0 {
		timer := time.NewTimer(within)
		defer timer.Stop()
		late = timer.C
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.isShut = true
	for g.users > 0 {
		changed := g.change()
		g.mu.Unlock()
		select {
		case <-changed:
			g.mu.Lock()
		case <-late:
			g.mu.Lock()
			if g.users > 0 {
				g.isShut = false
				g.signal()
				return false
			}
		}
	}
	return true
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.isShut = false
	g.signal()
}
