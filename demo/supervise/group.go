package supervise

import (
	"sync"
	"time"
)

// Group is a set of programs that live and end together. The zero value is ready to use.
type Group struct {
	mu        sync.Mutex
	processes []*Process
	death     chan *Process
}

// Start starts a program as part of the group.
func (g *Group) Start(spec Spec) (*Process, error) {
	p, err := Start(spec)
	if err != nil {
		return nil, err
	}
	g.mu.Lock()
	g.processes = append(g.processes, p)
	deaths := g.channel()
	g.mu.Unlock()
	go func() {
		<-p.Done()
		if p.stopped.Load() {
			return
		}
		select {
		case deaths <- p:
		default: // the first death is enough
		}
	}()
	return p, nil
}

// Deaths delivers the first program that ended without Stop.
func (g *Group) Deaths() <-chan *Process {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.channel()
}

func (g *Group) channel() chan *Process {
	if g.death == nil {
		g.death = make(chan *Process, 1)
	}
	return g.death
}

// Stop ends all programs at the same time and returns when all are gone, after the grace period at the latest.
func (g *Group) Stop(grace time.Duration) {
	g.mu.Lock()
	processes := g.processes
	g.processes = nil
	g.mu.Unlock()
	var wait sync.WaitGroup
	for _, p := range processes {
		wait.Go(func() { p.Stop(grace) })
	}
	wait.Wait()
}
