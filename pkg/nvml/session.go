//go:build linux && cgo

package nvml

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

// session is a time during which NVML is initialised: its workers, and the GPUs that do not answer.
type session struct {
	library           nvml.Interface
	lookup            func(symbol string) error
	ledger            *ledger
	logger            *slog.Logger
	xids              *xidCounts
	sampleInterval    time.Duration
	discoveryInterval time.Duration
	stopWithin        time.Duration

	discoverer *discoverer
	poked      chan struct{}
	failed     chan string

	mu      sync.Mutex
	workers []*worker
	absent  []missingGPU
	// problem is why GPUs could not be listed.
	problem string

	// listenerDone is closed when the listener has ended; nil where there is none. Only run uses it, stopListener and unheard, which
	// says that there are GPUs whose events nobody waits for.
	listenerDone    chan struct{}
	stopListener    context.CancelFunc
	withoutListener bool
	// loggedLosses are the GPUs whose loss was logged and that have not answered for long since. Only run uses it.
	loggedLosses map[string]bool
	// retired are the workers of GPUs that are gone, until they have ended. Only run uses it.
	retired []*worker
}

// run keeps the workers in step with the GPUs until the context ends or NVML has to be initialised again, for the reason that
// is returned. It says whether all goroutines have ended, so that NVML can be shut down.
func (s *session) run(ctx context.Context) (why string, clean bool) {
	defer func() { clean = s.close() }()
	for {
		if ret := s.discover(ctx); needsInit(ret) {
			return explain("nvmlDeviceGetCount", ret), false
		}
		timer := time.NewTimer(s.discoveryInterval)
		select {
		case <-ctx.Done():
			timer.Stop()
			return "", false
		case why := <-s.failed:
			timer.Stop()
			return why, false
		case <-s.poked:
			timer.Stop()
			// A GPU that fails is looked at at once, one that keeps failing not without end.
			pause(ctx, pokePause)
		case <-timer.C:
		}
	}
}

const pokePause = 200 * time.Millisecond

func (s *session) poke() {
	select {
	case s.poked <- struct{}{}:
	default:
	}
}

func (s *session) fail(call string, ret nvml.Return) {
	select {
	case s.failed <- explain(call, ret):
	default:
	}
}

// discover starts a worker for each GPU that is new or has changed, and ends those of GPUs that are gone.
func (s *session) discover(ctx context.Context) nvml.Return {
	present, missing, ret := s.discoverer.discover()
	if ret != nvml.SUCCESS {
		s.mu.Lock()
		s.problem = explain("nvmlDeviceGetCount", ret)
		s.mu.Unlock()
		return ret
	}
	s.mu.Lock()
	before := s.workers
	s.mu.Unlock()
	var workers []*worker
	changed := false
	retired := slices.DeleteFunc(s.retired, (*worker).hasEnded)
	for i := range present {
		w, isNew := s.workerFor(ctx, &present[i], before)
		changed = changed || isNew
		workers = append(workers, w)
	}
	for _, w := range before {
		if !slices.Contains(workers, w) {
			changed = true
			w.stop()
			retired = append(retired, w)
		}
	}
	s.retired = retired
	s.logLosses(workers, missing)
	s.mu.Lock()
	s.workers, s.absent, s.problem = workers, missing, ""
	s.mu.Unlock()
	if changed || s.withoutListener {
		s.listen(ctx, present)
	}
	return nvml.SUCCESS
}

// workerFor keeps the worker that the GPU has, unless it has changed. A worker that hangs in a call keeps its GPU.
func (s *session) workerFor(ctx context.Context, g *gpu, before []*worker) (*worker, bool) {
	for _, w := range before {
		if w.gpu.device.UUID != g.device.UUID {
			continue
		}
		l := w.lost.Load()
		if l == nil && w.gpu.same(g) {
			return w, false
		}
		// A GPU that is listed and yet lost is tried again, but not without end.
		if l != nil && time.Since(l.since) < s.discoveryInterval {
			return w, false
		}
		w.stop()
		if !w.endsWithin(s.stopWithin) {
			return w, false
		}
		s.ledger.forget(g.device.GPU)
		if l != nil {
			break
		}
		s.logger.Info("GPU changed", "gpu", g.device.GPU, "uuid", g.device.UUID, "mig", g.mig, "mig_devices", len(g.divided))
	}
	w := newWorker(*g, s)
	var running context.Context
	running, w.stop = context.WithCancel(ctx)
	go w.run(running)
	return w, true
}

func (w *worker) hasEnded() bool { return w.endsWithin(0) }

func (w *worker) endsWithin(d time.Duration) bool { return closedWithin(w.stopped, d) }

func closedWithin(c <-chan struct{}, d time.Duration) bool {
	select {
	case <-c:
		return true
	default:
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-c:
		return true
	case <-timer.C:
		return false
	}
}

// logLosses logs once for each GPU that was lost, until it has been there again for a while.
func (s *session) logLosses(workers []*worker, missing []missingGPU) {
	tell := func(device *Device, problem string) {
		key := device.UUID + " " + device.GPU
		if !s.loggedLosses[key] {
			s.loggedLosses[key] = true
			s.logger.Error("GPU does not respond, retrying", "gpu", device.GPU, "uuid", device.UUID, "problem", problem)
		}
	}
	for _, w := range workers {
		switch l := w.lost.Load(); {
		case l != nil:
			tell(&w.gpu.device, l.why)
		case time.Since(w.started) > s.discoveryInterval:
			delete(s.loggedLosses, w.gpu.device.UUID+" "+w.gpu.device.GPU)
		}
	}
	for i := range missing {
		tell(&missing[i].device, missing[i].explain())
	}
}

func (a missingGPU) explain() string { return explain("nvmlDeviceGetHandleByIndex", a.ret) }

// listen waits for events of these GPUs, and no longer for those of before. A listener that hangs in a call is not waited for: it
// is tried again the next time.
func (s *session) listen(ctx context.Context, gpus []gpu) {
	if s.withoutListener = !s.stopListening(listenerEndsWithin); s.withoutListener {
		return
	}
	listening, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	s.stopListener, s.listenerDone = stop, ended
	l := &listener{library: s.library, lookup: s.lookup, ledger: s.ledger, logger: s.logger, xids: s.xids, changed: s.poke, gpus: gpus}
	go func() {
		defer close(ended)
		l.run(listening)
	}()
}

// listenerEndsWithin is longer than a listener waits for an event.
const listenerEndsWithin = 2 * waitForEvents

// stopListening says whether the listener has ended in time.
func (s *session) stopListening(within time.Duration) bool {
	if s.listenerDone == nil {
		return true
	}
	s.stopListener()
	if !closedWithin(s.listenerDone, within) {
		return false
	}
	s.listenerDone = nil
	return true
}

// close ends all goroutines, and says whether all have ended in time.
func (s *session) close() bool {
	s.mu.Lock()
	workers := slices.Concat(s.workers, s.retired)
	s.workers, s.absent = nil, nil
	s.mu.Unlock()
	for _, w := range workers {
		w.stop()
	}
	clean := true
	for _, w := range workers {
		if !w.endsWithin(s.stopWithin) {
			clean = false
			s.logger.Error("NVML call does not return", "gpu", w.gpu.device.GPU, "problem", w.describeCall())
		}
	}
	if !s.stopListening(s.stopWithin) {
		clean = false
		s.logger.Error("NVML call does not return", "problem", "the driver hangs while waiting for events: check the kernel log for NVRM and Xid lines")
	}
	return clean
}

// describeCall says what the worker is waiting for.
func (w *worker) describeCall() string {
	if c := w.calling.Load(); c != nil {
		return fmt.Sprintf("%s has not returned for %s: the GPU or its driver hangs: check the kernel log for NVRM and Xid lines", c.call, time.Since(c.since).Round(time.Millisecond))
	}
	return "busy"
}

// workerResult is a GPU with its reading, or with the reason why there is none.
type workerResult struct {
	gpu     gpu
	reading reading
	problem string
	// replaced says that the GPU has just changed and has another worker now, or soon.
	replaced bool
}

const (
	// requeryDelay and mostAsks are for GPUs that change during a scrape.
	requeryDelay = 50 * time.Millisecond
	maxRequeries = 20
)

// read asks all workers at once and waits for their answers until the context ends. GPUs that do not answer come with the
// reason.
func (s *session) read(ctx context.Context, start time.Time) []workerResult {
	answers, missing := s.queryWorkers(ctx, start)
	for range maxRequeries {
		if ctx.Err() != nil || !slices.ContainsFunc(answers, func(a workerResult) bool { return a.replaced }) {
			break
		}
		pause(ctx, requeryDelay)
		answers, missing = s.queryWorkers(ctx, start)
	}
	for _, a := range missing {
		if !slices.ContainsFunc(answers, func(b workerResult) bool { return b.gpu.device == a.device }) {
			answers = append(answers, workerResult{gpu: gpu{device: a.device}, problem: a.explain()})
		}
	}
	slices.SortFunc(answers, func(a, b workerResult) int { return compareDevices(&a.gpu.device, &b.gpu.device) })
	return answers
}

func (s *session) queryWorkers(ctx context.Context, start time.Time) ([]workerResult, []missingGPU) {
	s.mu.Lock()
	workers, missing := s.workers, s.absent
	s.mu.Unlock()
	answers := make([]workerResult, len(workers))
	var waiting sync.WaitGroup
	for i, w := range workers {
		waiting.Go(func() { answers[i] = w.query(ctx, start) })
	}
	waiting.Wait()
	return answers, missing
}

// hungAfter is when a call that does not return is taken for one that never will.
const hungAfter = 5 * time.Second

// problem says why the GPU does not answer, where that is known already.
func (w *worker) problem() string {
	if l := w.lost.Load(); l != nil {
		return l.why
	}
	if c := w.calling.Load(); c != nil && time.Since(c.since) > hungAfter {
		return w.describeCall()
	}
	return ""
}

func (w *worker) query(ctx context.Context, start time.Time) workerResult {
	a := workerResult{gpu: w.gpu}
	// Whoever has hung for long is not waited for by each scrape anew.
	if a.problem = w.problem(); a.problem != "" {
		return a
	}
	answer := make(chan reading, 1)
	select {
	case w.questions <- query{start: start, answer: answer}:
	case <-w.stopped:
		a.problem, a.replaced = "its MIG devices or its index have just changed", true
		return a
	case <-ctx.Done():
		a.problem = w.describeCall()
		return a
	}
	select {
	case a.reading = <-answer:
	case <-ctx.Done():
		a.problem = w.describeCall()
		return a
	}
	if l := w.lost.Load(); l != nil {
		a.problem, a.reading = l.why, reading{}
	}
	return a
}
