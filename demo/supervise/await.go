package supervise

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// pollEvery is how often a program is checked for readiness.
const pollEvery = 100 * time.Millisecond

// Await returns when ready says true. Otherwise its error is an *ExitError, or the cause of the context's end.
func (p *Process) Await(ctx context.Context, ready func(context.Context) bool) error {
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for {
		select {
		case <-p.done:
			return p.Err()
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
			if ready(ctx) {
				return nil
			}
		}
	}
}

// AwaitOK returns when a URL of the program answers 200, for which it has as long as the timeout. Its errors are those of Await.
func (p *Process) AwaitOK(ctx context.Context, url string, timeout time.Duration) error {
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err := p.Await(limited, func(ctx context.Context) bool { return respondsOK(ctx, url) })
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return fmt.Errorf("%s did not respond with 200 at %s within %s\n%s", p.spec.Name, url, timeout, p.outputEnd())
	}
	return err
}

// respondsOK is false too where nothing listens yet.
func respondsOK(ctx context.Context, url string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode == http.StatusOK
}
