package plugin

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
)

// checkLifetime is how long the result of a check answers all who ask, so that a page that is reloaded does not probe each target again.
const checkLifetime = 5 * time.Second

// checkResult is what a check found, for editors and for everybody else.
type checkResult struct {
	status backend.HealthStatus
	// message and details are for editors: they name targets, URLs and errors. verdict is for all: it names none.
	message, verdict string
	details          []byte
}

// seenBy is the part of the result that a user may see.
func (r checkResult) seenBy(user *backend.User) *backend.CheckHealthResult {
	if mayEdit(user) {
		return &backend.CheckHealthResult{Status: r.status, Message: r.message, JSONDetails: r.details}
	}
	return &backend.CheckHealthResult{Status: r.status, Message: r.verdict}
}

// mayEdit reports whether a user sees URLs and errors: editors and administrators of the organisation do, and Grafana itself, which is no
// user.
func mayEdit(user *backend.User) bool {
	return user == nil || user.Role == "Editor" || user.Role == "Admin"
}

// seeReasons ends a verdict about a problem.
const seeReasons = "Editors of the data source see the reasons in Save & test."

func failedCheck(err error) checkResult {
	return checkResult{status: backend.HealthStatusError, message: "The check failed: " + err.Error(), verdict: "The check failed. " + seeReasons}
}

// sharedCheck lets one check at a time run, and hands its result to all who ask while it runs and shortly after. The zero value is ready.
type sharedCheck struct {
	mu      sync.Mutex
	current *checkRun
}

// checkRun is a check that runs, or ran.
type checkRun struct {
	done   chan struct{}
	result checkResult
	ended  time.Time
}

func (r *checkRun) serves(now time.Time) bool {
	select {
	case <-r.done:
		return now.Sub(r.ended) < checkLifetime
	default:
		return true
	}
}

// get answers with the result of the current run, or of a new one. A run goes on if who began it leaves.
func (s *sharedCheck) get(ctx context.Context, check func(context.Context) checkResult) (checkResult, error) {
	s.mu.Lock()
	run := s.current
	if run == nil || !run.serves(time.Now()) {
		run = &checkRun{done: make(chan struct{})}
		s.current = run
		go run.run(context.WithoutCancel(ctx), check)
	}
	s.mu.Unlock()
	select {
	case <-run.done:
		return run.result, nil
	case <-ctx.Done():
		return checkResult{}, context.Cause(ctx)
	}
}

func (r *checkRun) run(ctx context.Context, check func(context.Context) checkResult) {
	defer func() {
		// A panic here would end the process, because no handler of the SDK is above.
		if failure := recover(); failure != nil {
			r.result = failedCheck(fmt.Errorf("internal error: %v", failure))
		}
		r.ended = time.Now()
		close(r.done)
	}()
	r.result = check(ctx)
}
