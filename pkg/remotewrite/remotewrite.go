// Package remotewrite copies what a TSDB holds to another server, oldest first: its history, then what is new. It continues
// after interruptions at a position that is stored apart from the TSDB.
package remotewrite

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend/log"
	"github.com/prometheus/prometheus/prompb"
	"github.com/prometheus/prometheus/storage"
)

const (
	// firstSpan is how much time is copied at once to begin with; it is adapted to how many samples there are.
	firstSpan    = time.Minute
	shortestSpan = 5 * time.Second
	longestSpan  = time.Hour
	// fullWindow is how many samples a window should have: enough for some requests side by side.
	fullWindow = 50_000
	// firstPause is how long a failing server is left alone; the pause doubles up to longestPause.
	firstPause   = time.Second
	longestPause = time.Minute
)

// Destination is a server that takes samples.
type Destination interface {
	// Write sends series, each with its samples in order of time. An error that wraps ErrRefused says that the server will never
	// take at least one of them, and may have taken none; after any other error the same may be sent again.
	Write(ctx context.Context, series []prompb.TimeSeries) error
	// Name tells destinations apart. It holds no secret.
	Name() string
	Close()
}

// ErrRefused is wrapped by a destination's errors about samples that it will never take.
var ErrRefused = errors.New("the server refuses samples")

// ErrUnanswered is wrapped by a destination's errors after which it is not known whether the samples were taken.
var ErrUnanswered = errors.New("it is not known whether the server took the samples")

// RetryAfter is implemented by errors of servers that want to be left alone for a time.
type RetryAfter interface{ Pause() time.Duration }

// Options say what is copied.
type Options struct {
	// History is how far back copying begins where nothing has been copied yet.
	History time.Duration
	// NativeHistograms are copied, too.
	NativeHistograms bool
	// Settling is how old samples are when they are copied: younger ones may not be stored yet.
	Settling time.Duration
	// Tick is how often new samples are looked for.
	Tick   time.Duration
	Logger log.Logger
	// Now is the clock; nil for time.Now.
	Now func() time.Time
}

// Storage is the TSDB that is copied. Its methods may answer errors for a time, after which they are tried again.
type Storage interface {
	storage.Queryable
	storage.Appendable
	// StartTime is that of the oldest sample, in unix milliseconds; math.MaxInt64 if there is none.
	StartTime() (int64, error)
}

// Sender copies from one TSDB to one destination, from Run until its context ends.
type Sender struct {
	db        Storage
	positions Positions
	to        Destination
	options   Options

	mu     sync.Mutex
	status Status
}

// Status is how far copying has come.
type Status struct {
	// Destination is its name.
	Destination string
	// Begun is false until it is known where to begin.
	Begun bool
	// Until is the time up to which everything stored has been sent.
	Until time.Time
	// Sent and Refused count samples since the engine was opened or its settings changed; and Repeated those that were refused when they
	// were sent again, after the answer to them had got lost: the server most likely has them.
	Sent, Refused, Repeated int64
	// Refusal is the last sentence of a server that refused samples; Failure why sending does not go on, empty if it does.
	Refusal, Failure string
	// Note is a sentence about where sending continued and why, if that was not where it had stopped; else empty. PositionProblem is why the
	// position cannot be stored, empty if it can.
	Note, PositionProblem string
	// Settling is how far behind the present copying stays anyway.
	Settling time.Duration
}

// Ahead is how far the position lies ahead of now: nothing is sent for as long. It is 0 for a position that can be right.
func (s Status) Ahead(now time.Time) time.Duration {
	if !s.Begun {
		return 0
	}
	return max(0, s.Until.Sub(now))
}

// Behind is how much time there is to catch up with, seen from now.
func (s Status) Behind(now time.Time) time.Duration {
	if !s.Begun {
		return 0
	}
	return max(0, now.Sub(s.Until)-s.Settling)
}

// New makes a sender. The destination is closed when Run ends.
func New(db Storage, positions Positions, to Destination, o Options) *Sender {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Sender{db: db, positions: positions, to: to, options: o, status: Status{Destination: to.Name(), Settling: o.Settling}}
}

// Status may be asked at any time.
func (s *Sender) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status
}

func (s *Sender) update(change func(*Status)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.status)
}

// Run copies until ctx ends.
func (s *Sender) Run(ctx context.Context) {
	defer s.to.Close()
	at, err := s.begin()
	for ctx.Err() == nil && err != nil {
		s.failed(err)
		wait(ctx, longestPause)
		at, err = s.begin()
	}
	span := firstSpan
	for ctx.Err() == nil {
		s.followClock(&at)
		latest := s.options.Now().Add(-s.options.Settling).UnixMilli()
		if latest-at.cursor < s.options.Tick.Milliseconds() {
			wait(ctx, s.options.Tick)
			continue
		}
		w := nextWindow(at, span, latest)
		s.store(at, w.to)
		s.copyWindow(ctx, w)
		if ctx.Err() != nil {
			return
		}
		at.cursor = w.to
		s.store(at, 0)
		s.update(func(status *Status) { status.Until, status.Failure = time.UnixMilli(at.cursor), "" })
		span = adapted(span, w.samples)
	}
}

// copyWindow sends all of a window, however often that has to be tried.
func (s *Sender) copyWindow(ctx context.Context, w *window) {
	for pause := firstPause; ctx.Err() == nil; pause = min(2*pause, longestPause) {
		// Between the tries nothing is held: an open reader would keep the TSDB from compacting.
		err := s.attempt(ctx, w)
		if err == nil || ctx.Err() != nil {
			return
		}
		s.failed(err)
		asked := time.Duration(0)
		var patient RetryAfter
		if errors.As(err, &patient) {
			asked = min(patient.Pause(), time.Hour)
		}
		wait(ctx, max(pause, asked))
	}
}

func (s *Sender) failed(err error) {
	s.options.Logger.Debug("Samples are not sent for now", "destination", s.to.Name(), "error", err)
	s.update(func(status *Status) { status.Failure = err.Error() })
}

// adapted makes windows longer where there are few samples, and shorter where there are many.
func adapted(span time.Duration, samples int64) time.Duration {
	switch {
	case samples > 2*fullWindow:
		return max(span/2, shortestSpan)
	case samples < fullWindow/2:
		return min(2*span, longestSpan)
	}
	return span
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
