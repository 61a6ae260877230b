package querycache

import (
	"context"
	"sync"
)

// inFlight lets simultaneous calls for the same thing share one request. The zero value is ready to use.
type inFlight[T any] struct {
	mu    sync.Mutex
	calls map[string]*call[T]
}

// call is one request under way, and how many wait for it.
type call[T any] struct {
	over    grid
	waiting int
	cancel  context.CancelFunc
	done    chan struct{}
	result  T
	err     error
}

// do returns what fetch does. A call for a key under way, over a range that covers this one's, is waited for; over another
// range, until it has ended, so that its result can be used. The request is cancelled when nobody waits for it any more; its
// context has the values of the call that began it, and no deadline.
func (f *inFlight[T]) do(ctx context.Context, key string, over grid, fetch func(context.Context) (T, error)) (T, error) {
	var none T
	for {
		mine, joined := f.join(ctx, key, over, fetch)
		select {
		case <-mine.done:
			if joined {
				return mine.result, mine.err
			}
		case <-ctx.Done():
			if joined {
				f.leave(key, mine)
			}
			return none, context.Cause(ctx)
		}
	}
}

// join joins the call of a key, begins one, or returns one that has to end first.
func (f *inFlight[T]) join(ctx context.Context, key string, over grid, fetch func(context.Context) (T, error)) (current *call[T], joined bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if current, ok := f.calls[key]; ok {
		if !current.over.covers(over) {
			return current, false
		}
		current.waiting++
		return current, true
	}
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	current = &call[T]{over: over, waiting: 1, cancel: cancel, done: make(chan struct{})}
	if f.calls == nil {
		f.calls = map[string]*call[T]{}
	}
	f.calls[key] = current
	go func() { // ends with fetch, which leave cancels
		defer cancel()
		result, err := fetch(own)
		f.mu.Lock()
		defer f.mu.Unlock()
		current.result, current.err = result, err
		f.remove(key, current)
		close(current.done)
	}()
	return current, true
}

// leave gives up waiting. A call that nobody waits for is cancelled, and not joined any more.
func (f *inFlight[T]) leave(key string, current *call[T]) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if current.waiting--; current.waiting == 0 {
		f.remove(key, current)
		current.cancel()
	}
}

// remove drops a call, unless another has taken its place.
func (f *inFlight[T]) remove(key string, current *call[T]) {
	if f.calls[key] == current {
		delete(f.calls, key)
	}
}
