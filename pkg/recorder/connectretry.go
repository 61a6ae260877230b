package recorder

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// connectRetry retries a request while no connection to the server can be made, as after a scale to zero.
// Nothing of such a request has been sent, so any method is safe to retry.
type connectRetry struct {
	next    http.RoundTripper
	timeout time.Duration
	logger  *slog.Logger
}

const (
	firstPause = 20 * time.Millisecond
	maxPause   = time.Second
)

// RoundTrip implements http.RoundTripper.
func (r connectRetry) RoundTrip(request *http.Request) (*http.Response, error) {
	x := exchangeOf(request.Context())
	deadline := time.Now().Add(r.timeout)
	pause := firstPause
	for {
		attempt := request
		if request.Body != nil {
			// The transport closes the body when it cannot connect.
			attempt = request.WithContext(request.Context())
			attempt.Body = io.NopCloser(request.Body)
		}
		response, err := r.next.RoundTrip(attempt)
		if !isConnectError(err) || time.Now().Add(pause).After(deadline) {
			return response, err
		}
		if !x.waited {
			x.waited = true
			r.logger.Debug("Cannot connect to the server; retrying the request", "error", err.Error())
		}
		timer := time.NewTimer(pause)
		select {
		case <-request.Context().Done():
			timer.Stop()
			return nil, request.Context().Err()
		case <-timer.C:
		}
		pause = min(2*pause, maxPause)
	}
}

func isConnectError(err error) bool {
	var operation *net.OpError
	return errors.As(err, &operation) && operation.Op == "dial"
}
