package plugin

import (
	"errors"
	"fmt"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
)

const (
	// minStep and maxPoints bound what a range query costs, whatever the panel asks for. The number is that of Prometheus.
	minStep   = time.Second
	maxPoints = 11_000
	// maxSpan is far beyond any retention, and what durations can be computed with.
	maxSpan = 100 * 365 * 24 * time.Hour
)

// grid is the times at which a range query is evaluated: multiples of the step, so that a refresh asks for the same times.
// Where no multiple of the step is in the range, it is the range's end alone.
type grid struct {
	start, end time.Time
	step       time.Duration
}

// newGrid lays at most the given number of points over a range, or maxPoints; at least interval apart.
func newGrid(r backend.TimeRange, interval time.Duration, points int64) (grid, error) {
	if !r.To.After(r.From) {
		return grid{}, errors.New("the time range is empty: its end is not after its start")
	}
	span := r.To.Sub(r.From)
	if span > maxSpan {
		return grid{}, fmt.Errorf("the time range is longer than %d years: choose a shorter one", maxSpan/(365*24*time.Hour))
	}
	if points <= 0 || points > maxPoints {
		points = maxPoints
	}
	// Both ends may be points, so there is one gap fewer than points.
	step := max(min(interval, span), minStep, span/time.Duration(max(points-1, 1)))
	step = (step + time.Second - 1).Truncate(time.Second)
	g := grid{start: r.From.Truncate(step), end: r.To.Truncate(step), step: step}
	if g.start.Before(r.From) {
		g.start = g.start.Add(step)
	}
	if g.start.After(g.end) {
		g.start, g.end = r.To, r.To
	}
	return g, nil
}
