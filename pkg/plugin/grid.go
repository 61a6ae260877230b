package plugin

import (
	"errors"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
)

const (
	// minStep and maxPoints bound what a range query costs, whatever the panel asks for. The number is that of Prometheus.
	minStep   = time.Second
	maxPoints = 11_000
)

// grid is the times at which a range query is evaluated: multiples of the step, so that a refresh asks for the same times.
type grid struct {
	start, end time.Time
	step       time.Duration
}

func newGrid(r backend.TimeRange, interval time.Duration, points int64) (grid, error) {
	if !r.To.After(r.From) {
		return grid{}, errors.New("the time range is empty: its end is not after its start")
	}
	if points <= 0 || points > maxPoints {
		points = maxPoints
	}
	span := r.To.Sub(r.From)
	step := max(interval, minStep, span/time.Duration(points))
	if rest := step % time.Second; rest != 0 {
		step += time.Second - rest
	}
	g := grid{start: r.From.Truncate(step), end: r.To.Truncate(step), step: step}
	if g.start.Before(r.From) {
		g.start = g.start.Add(step)
	}
	if g.start.After(g.end) {
		g.start, g.end = r.To, r.To
	}
	return g, nil
}
