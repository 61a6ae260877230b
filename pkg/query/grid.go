package query

import (
	"errors"
	"fmt"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/coldhit/modelserving-datasource/pkg/executor"
)

const (
	// minStep and maxPoints bound what a range query costs, whatever the panel asks for. The number is that of Prometheus.
	minStep   = time.Second
	maxPoints = 11_000
	// maxSpan is far beyond any retention, and what durations can be computed with.
	maxSpan = 100 * 365 * 24 * time.Hour
)

// Grid is the times at which a range query is evaluated: multiples of the step, so that a refresh evaluates the same times. If no
// multiple of the step is in the range, it is the range's end alone.
type Grid struct {
	Start, End time.Time
	Step       time.Duration
}

// NewGrid lays at most the given number of points over a range, or maxPoints. They are at least interval apart, and at least as far as
// suits the executor's data.
func NewGrid(r backend.TimeRange, interval time.Duration, points int64, suits executor.Grid) (Grid, error) {
	if !r.To.After(r.From) {
		return Grid{}, errors.New("the time range is empty: its end is not after its start")
	}
	span := r.To.Sub(r.From)
	if span > maxSpan {
		return Grid{}, fmt.Errorf("the time range is longer than %d years: choose a shorter one", maxSpan/(365*24*time.Hour))
	}
	if points <= 0 || points > maxPoints {
		points = maxPoints
	}
	// Both ends may be points, so there is one gap fewer than points.
	step := max(min(max(interval, suits.Interval), span), minStep, span/time.Duration(max(points-1, 1)))
	step = roundUp(step, max(suits.Period, minStep))
	if g, ok := alignedGrid(r, step); ok {
		return g, nil
	}
	return Grid{Start: r.To, End: r.To, Step: step}, nil
}

// alignedGrid has the multiples of a step within a range; false if there are none.
func alignedGrid(r backend.TimeRange, step time.Duration) (Grid, bool) {
	g := Grid{Start: r.From.Truncate(step), End: r.To.Truncate(step), Step: step}
	if g.Start.Before(r.From) {
		g.Start = g.Start.Add(step)
	}
	return g, !g.Start.After(g.End)
}

func roundUp(d, unit time.Duration) time.Duration { return (d + unit - 1) / unit * unit }
