package query

import (
	"context"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/coldhit/modelserving-datasource/pkg/profile"
)

// Servers are those that had samples within a time before now, for whoever writes rules for them.
func (e *Evaluator) Servers(ctx context.Context, within time.Duration) (profile.Servers, error) {
	now := e.Now()
	run := &signalRun{Evaluator: e, Request: Request{Range: backend.TimeRange{From: now.Add(-within), To: now}, Instant: true}}
	if err := run.prepare(ctx); err != nil {
		return profile.Servers{}, err
	}
	return profile.Servers{
		Profiles: run.present, Exists: run.environ.Exists, Together: run.environ.Together, ScrapeInterval: e.Store.Grid().Interval,
	}, nil
}
