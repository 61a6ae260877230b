package query

import (
	"context"
	"fmt"
	"time"

	"github.com/coldhit/modelserving-datasource/pkg/executor"
	"github.com/coldhit/modelserving-datasource/pkg/frames"
	"github.com/coldhit/modelserving-datasource/pkg/storage"
)

// lossPause is how long a counter of refused samples rests before its next rise is another event.
const lossPause = 5 * time.Minute

// losses finds the times in which the collector scraped samples and did not store them.
func (e *eventsRun) losses(ctx context.Context) error {
	if e.Collector == nil {
		return nil
	}
	answer, err := e.Store.RangePromQL(ctx, storage.RefusedMetric, executor.Range{Start: e.fine.Start, End: e.fine.End, Step: e.fine.Step})
	if err != nil {
		return err
	}
	if len(answer.Series) > 0 {
		e.executed = append(e.executed, storage.RefusedMetric)
	}
	for _, s := range answer.Series {
		reason := storage.Reason(s.Labels[storage.ReasonLabel])
		for _, l := range lossesOf(s.Times, s.Values) {
			e.found = append(e.found, frames.Event{
				Time: l.from, Title: "Samples not stored: " + reason.Text(),
				Text: fmt.Sprintf("%.0f samples were not stored until %s (%s)", l.samples, l.to.UTC().Format("15:04:05 MST"), reason),
				Tags: []string{"not stored", string(reason)},
			})
		}
	}
	return nil
}

// loss is a time in which samples were refused.
type loss struct {
	from, to time.Time
	samples  float64
}

// lossesOf groups the rises of a counter. A counter begins at zero, and begins again when the plugin does.
func lossesOf(times []int64, values []float64) (out []loss) {
	for i := 1; i < len(times); i++ {
		rise := values[i] - values[i-1]
		if rise < 0 {
			rise = values[i]
		}
		if rise <= 0 {
			continue
		}
		from, to := time.UnixMilli(times[i-1]), time.UnixMilli(times[i])
		if n := len(out); n > 0 && from.Sub(out[n-1].to) < lossPause {
			out[n-1].to, out[n-1].samples = to, out[n-1].samples+rise
			continue
		}
		out = append(out, loss{from, to, rise})
	}
	return out
}
