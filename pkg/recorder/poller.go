package recorder

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// ModelState is what a server says of one model. Without a model it is about the whole server, without a version about any.
type ModelState struct {
	Model, Version string
	Ready          bool
}

// Look asks a server which models are ready. A model that is not among the answer is not ready.
type Look func(ctx context.Context) ([]ModelState, error)

// PollerOptions configure a polled source.
type PollerOptions struct {
	// Name is the value of the label start_source.
	Name string
	Look Look
	// Interval is how often the server is asked while a request waits for its first byte. Loads that take no longer may go
	// unnoticed. At other times it is asked ten times less often, and not more than once a second.
	Interval time.Duration
	// Timeout bounds one answer.
	Timeout time.Duration
	Logger  *slog.Logger
}

// maxUnsettled bounds the requests that have ended and wait for the next answer; more are judged unknown at once.
const maxUnsettled = 100_000

// Poller tells hot from cold by polling the server again and again what is in memory: a request is cold if a load of its
// model overlaps the time in which it waited. What falls between two results is unknown, not guessed.
type Poller struct {
	options PollerOptions
	wake    chan struct{}
	polls   *prometheus.CounterVec

	mu        sync.Mutex
	waiting   int // requests without a first byte
	residency *residency
	unsettled []unsettled
	stopped   bool
}

type unsettled struct {
	served  Served
	verdict func(Start)
}

// NewPoller makes a source; it knows nothing until it runs.
func NewPoller(options PollerOptions) *Poller {
	return &Poller{
		options:   options,
		wake:      make(chan struct{}, 1),
		residency: newResidency(),
		polls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name:        "modelserving_recorder_polls_total",
			Help:        "Total number of polls of the management API and readiness URL by outcome: success, timeout, error, or outdated if a later poll returned first.",
			ConstLabels: prometheus.Labels{"start_source": options.Name},
		}, []string{"outcome"}),
	}
}

// Name implements Source.
func (p *Poller) Name() string { return p.options.Name }

// Describe implements prometheus.Collector.
func (p *Poller) Describe(descriptions chan<- *prometheus.Desc) { p.polls.Describe(descriptions) }

// Collect implements prometheus.Collector.
func (p *Poller) Collect(metrics chan<- prometheus.Metric) { p.polls.Collect(metrics) }

// Arrived implements Source.
func (p *Poller) Arrived() {
	p.mu.Lock()
	p.waiting++
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// Answered implements Source.
func (p *Poller) Answered() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting--
}

// Judge implements Source.
func (p *Poller) Judge(served Served, verdict func(Start)) {
	p.mu.Lock()
	keep := !p.stopped && len(p.unsettled) < maxUnsettled
	if keep {
		p.unsettled = append(p.unsettled, unsettled{served, verdict})
	}
	p.mu.Unlock()
	if !keep {
		verdict(Unknown)
	}
}

// Run implements Source.
func (p *Poller) Run(ctx context.Context) {
	defer p.stop()
	var polling sync.WaitGroup
	defer polling.Wait()
	results := make(chan pollResult, maxConcurrentPolls)
	inFlight := 0
	timer := time.NewTimer(0)
	defer timer.Stop()
	wake := p.wake
	for {
		select {
		case <-ctx.Done():
			return
		case <-wake:
			wake = nil
			timer.Reset(0)
		case a := <-results:
			inFlight--
			if ctx.Err() == nil {
				p.take(a)
			}
		case <-timer.C:
			if inFlight < maxConcurrentPolls {
				inFlight++
				polling.Go(func() { results <- p.poll(ctx) })
			}
			if p.busy() {
				wake = nil
				timer.Reset(p.options.Interval)
			} else {
				wake = p.wake
				timer.Reset(p.idleInterval())
			}
		}
	}
}

// maxConcurrentPolls bounds the questions under way. There can be several, because a server may let one wait: each of Triton's
// threads serves some connections, and none of these as long as it loads a model.
const maxConcurrentPolls = 4

// idleInterval is the time between questions while no request waits. A server that has not answered for as long is not believed
// to be as it was.
func (p *Poller) idleInterval() time.Duration { return max(10*p.options.Interval, time.Second) }

// busy says whether somebody waits for the next answer.
func (p *Poller) busy() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.waiting > 0 || len(p.unsettled) > 0
}

// pollResult is what one poll returned.
type pollResult struct {
	began  time.Time
	states []ModelState
	err    error
}

// failure returns the outcome of a poll that returned an error: timeout or error.
func (a pollResult) failure() string {
	if errors.Is(a.err, context.DeadlineExceeded) {
		return "timeout"
	}
	return "error"
}

func (p *Poller) poll(ctx context.Context) pollResult {
	ctx, cancel := context.WithTimeout(ctx, p.options.Timeout)
	defer cancel()
	a := pollResult{began: time.Now()}
	a.states, a.err = p.options.Look(ctx)
	if a.err != nil && ctx.Err() != nil {
		a.err = fmt.Errorf("%w: %w", ctx.Err(), a.err)
	}
	return a
}

// take learns from an answer and settles what it can.
func (p *Poller) take(a pollResult) {
	p.mu.Lock()
	switch {
	case a.err != nil:
		p.polls.WithLabelValues(a.failure()).Inc()
		p.options.Logger.Debug("Poll failed", "source", p.options.Name, "error", a.err.Error())
		if a.began.Sub(p.residency.lastBegan) < p.idleInterval() {
			p.mu.Unlock()
			return
		}
		p.residency = newResidency()
	case a.began.Before(p.residency.lastBegan):
		p.polls.WithLabelValues("outdated").Inc()
		p.mu.Unlock()
		return
	default:
		p.polls.WithLabelValues("success").Inc()
		p.residency.update(a.states, a.began)
	}
	settled, rest := split(p.unsettled, a.began)
	p.unsettled = rest
	starts := make([]Start, len(settled))
	for i, request := range settled {
		starts[i] = p.residency.judge(request.served)
	}
	p.mu.Unlock()
	for i, request := range settled {
		request.verdict(starts[i])
	}
}

// split parts the requests that were answered before a poll began from the later ones.
func split(all []unsettled, began time.Time) (before, rest []unsettled) {
	for _, request := range all {
		if request.served.Answered.After(began) {
			rest = append(rest, request)
		} else {
			before = append(before, request)
		}
	}
	return before, rest
}

// stop settles what is left.
func (p *Poller) stop() {
	p.mu.Lock()
	rest := p.unsettled
	p.unsettled, p.stopped = nil, true
	p.mu.Unlock()
	for _, request := range rest {
		request.verdict(Unknown)
	}
}
