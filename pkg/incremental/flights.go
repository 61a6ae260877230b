package incremental

import (
	"context"
	"sync"
)

// flights lets calls for the same thing share one request. The zero value is ready to use.
type flights[T any] struct {
	mu     sync.Mutex
	flying map[string]*flight[T]
}

// flight is one request under way, with those who wait for it.
type flight[T any] struct {
	over    grid
	waiting int
	cancel  context.CancelFunc
	landed  chan struct{}
	answer  T
	err     error
}

// do answers what fetch does. A call for a key under way, over a range that covers this one's, is waited for; over another
// range, until it has ended, so that its answer can be used. The request is cancelled when nobody waits for it any more; its
// context has the values of the call that began it, and no deadline.
func (f *flights[T]) do(ctx context.Context, key string, over grid, fetch func(context.Context) (T, error)) (T, error) {
	var none T
	for {
		mine, joined := f.board(ctx, key, over, fetch)
		select {
		case <-mine.landed:
			if joined {
				return mine.answer, mine.err
			}
		case <-ctx.Done():
			if joined {
				f.leave(key, mine)
			}
			return none, context.Cause(ctx)
		}
	}
}

// board joins the flight of a key, begins one, or answers one that has to land first.
func (f *flights[T]) board(ctx context.Context, key string, over grid, fetch func(context.Context) (T, error)) (on *flight[T], joined bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if on, ok := f.flying[key]; ok {
		if !on.over.covers(over) {
			return on, false
		}
		on.waiting++
		return on, true
	}
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	on = &flight[T]{over: over, waiting: 1, cancel: cancel, landed: make(chan struct{})}
	if f.flying == nil {
		f.flying = map[string]*flight[T]{}
	}
	f.flying[key] = on
	go func() { // ends with fetch, which leave cancels
		defer cancel()
		answer, err := fetch(own)
		f.mu.Lock()
		defer f.mu.Unlock()
		on.answer, on.err = answer, err
		f.gone(key, on)
		close(on.landed)
	}()
	return on, true
}

// leave gives up waiting. A flight that nobody waits for is cancelled, and not joined any more.
func (f *flights[T]) leave(key string, on *flight[T]) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if on.waiting--; on.waiting == 0 {
		f.gone(key, on)
		on.cancel()
	}
}

// gone forgets a flight, unless another has taken its place.
func (f *flights[T]) gone(key string, on *flight[T]) {
	if f.flying[key] == on {
		delete(f.flying, key)
	}
}
