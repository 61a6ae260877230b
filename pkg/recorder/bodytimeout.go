package recorder

import (
	"errors"
	"net/http"
	"sync/atomic"
	"time"
)

// errClientSilent is what reading a request's body ends with if the client sends nothing for BodyTimeout.
var errClientSilent = errors.New("the client sent nothing of the request body for too long")

// bodyTimeout ends a read of a request's body that lasts too long. It costs a request one timer: the deadline of a connection would
// have to be set for each read, and would hold for what is read after the body as well.
type bodyTimeout struct {
	limit time.Duration
	timer *time.Timer
	// since is when the read under way began, in Unix nanoseconds; 0 if there is none.
	since   atomic.Int64
	expired atomic.Bool
}

// watch begins to watch the reads of a body until stop.
func (t *bodyTimeout) watch(limit time.Duration, w http.ResponseWriter) {
	t.limit = limit
	controller := http.NewResponseController(w)
	t.timer = time.AfterFunc(limit, func() {
		now := time.Now()
		since := t.since.Load()
		if since == 0 {
			t.timer.Reset(limit)
			return
		}
		if left := limit - now.Sub(time.Unix(0, since)); left > 0 {
			t.timer.Reset(left)
			return
		}
		t.expired.Store(true)
		_ = controller.SetReadDeadline(now)
	})
}

func (t *bodyTimeout) begin() {
	if t.limit > 0 {
		t.since.Store(time.Now().UnixNano())
	}
}

func (t *bodyTimeout) end() {
	if t.limit > 0 {
		t.since.Store(0)
	}
}

func (t *bodyTimeout) stop() {
	if t.timer != nil {
		t.timer.Stop()
	}
}
