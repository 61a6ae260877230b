package recorder

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// holding keeps a request while the server cannot be connected to, as one does that has scaled to zero and is on its way up.
// Nothing of such a request has been sent, so that it can be tried again whatever its method.
type holding struct {
	next    http.RoundTripper
	longest time.Duration
	logger  *slog.Logger
}

const (
	firstPause   = 20 * time.Millisecond
	longestPause = time.Second
)

// RoundTrip implements http.RoundTripper.
func (h holding) RoundTrip(request *http.Request) (*http.Response, error) {
	x := exchangeOf(request.Context())
	deadline := time.Now().Add(h.longest)
	pause := firstPause
	for {
		attempt := request
		if request.Body != nil {
			// The transport closes the body when it cannot connect.
			attempt = request.WithContext(request.Context())
			attempt.Body = io.NopCloser(request.Body)
		}
		response, err := h.next.RoundTrip(attempt)
		if !couldNotConnect(err) || time.Now().Add(pause).After(deadline) {
			return response, err
		}
		if !x.waited {
			x.waited = true
			h.logger.Debug("The server cannot be connected to: a request is held until it can", "error", err.Error())
		}
		timer := time.NewTimer(pause)
		select {
		case <-request.Context().Done():
			timer.Stop()
			return nil, request.Context().Err()
		case <-timer.C:
		}
		pause = min(2*pause, longestPause)
	}
}

func couldNotConnect(err error) bool {
	var operation *net.OpError
	return errors.As(err, &operation) && operation.Op == "dial"
}
