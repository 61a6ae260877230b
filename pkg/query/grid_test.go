package query

import (
	"math"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/executor"
)

var noon = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

func between(from, to time.Time) backend.TimeRange { return backend.TimeRange{From: from, To: to} }

func points(g Grid) int64 { return int64(g.End.Sub(g.Start)/g.Step) + 1 }

// everySecond is an executor whose samples may come at any time.
var everySecond = executor.Grid{Period: time.Second}

// Steps suit the executor's data: with a step of 173 s over data of a minute, points would be left out.
func TestStepsSuitTheExecutor(t *testing.T) {
	t.Parallel()
	hour := between(noon, noon.Add(time.Hour))
	for name, c := range map[string]struct {
		interval time.Duration
		points   int64
		suits    executor.Grid
		want     time.Duration
	}{
		"no points between two scrapes":     {15 * time.Second, 500, executor.Scraped(time.Minute), time.Minute},
		"no multiple of the scrapes needed": {17 * time.Second, 500, executor.Scraped(15 * time.Second), 17 * time.Second},
		"multiples of the period":           {17 * time.Second, 500, executor.Grid{Interval: time.Minute, Period: time.Minute}, time.Minute},
		"rounded up to a period":            {173 * time.Second, 500, executor.Grid{Interval: time.Minute, Period: time.Minute}, 3 * time.Minute},
		"rounded up for few points":         {time.Second, 21, executor.Grid{Interval: time.Minute, Period: time.Minute}, 3 * time.Minute},
	} {
		g, err := NewGrid(hour, c.interval, c.points, c.suits)
		require.NoError(t, err, name)
		require.Equal(t, c.want, g.Step, name)
		require.Zero(t, g.Start.Sub(time.Unix(0, 0))%c.suits.Period, name)
	}
}

func TestGrid(t *testing.T) {
	t.Parallel()
	const year = 365 * 24 * time.Hour
	for name, c := range map[string]struct {
		asked    backend.TimeRange
		interval time.Duration
		points   int64
		start    time.Time
		end      time.Time
		step     time.Duration
	}{
		"as asked":              {between(noon, noon.Add(time.Hour)), 15 * time.Second, 500, noon, noon.Add(time.Hour), 15 * time.Second},
		"inside the range":      {between(noon.Add(7*time.Second), noon.Add(time.Minute+3*time.Second)), 10 * time.Second, 500, noon.Add(10 * time.Second), noon.Add(time.Minute), 10 * time.Second},
		"the panel's points":    {between(noon, noon.Add(time.Hour)), time.Second, 61, noon, noon.Add(time.Hour), time.Minute},
		"whole seconds":         {between(noon, noon.Add(time.Minute)), 1500 * time.Millisecond, 500, noon, noon.Add(time.Minute), 2 * time.Second},
		"a microsecond":         {between(noon, noon.Add(time.Minute)), time.Microsecond, 0, noon, noon.Add(time.Minute), time.Second},
		"no interval":           {between(noon, noon.Add(time.Minute)), 0, 0, noon, noon.Add(time.Minute), time.Second},
		"a negative interval":   {between(noon, noon.Add(time.Minute)), -time.Hour, -5, noon, noon.Add(time.Minute), time.Second},
		"the most points":       {between(noon, noon.Add(10_999*time.Second)), time.Second, math.MaxInt64, noon, noon.Add(10_999 * time.Second), time.Second},
		"one more than that":    {between(noon, noon.Add(11_000*time.Second)), time.Second, 11_000, noon, noon.Add(11_000 * time.Second), 2 * time.Second},
		"shorter than a step":   {between(noon.Add(time.Second), noon.Add(3*time.Second)), time.Hour, 500, noon.Add(2 * time.Second), noon.Add(2 * time.Second), 2 * time.Second},
		"no multiple in it":     {between(noon.Add(100*time.Millisecond), noon.Add(200*time.Millisecond)), time.Second, 500, noon.Add(200 * time.Millisecond), noon.Add(200 * time.Millisecond), time.Second},
		"an endless interval":   {between(noon, noon.Add(time.Minute)), math.MaxInt64, 500, noon, noon.Add(time.Minute), time.Minute},
		"from before the epoch": {between(time.Unix(-3600, 0).UTC(), time.Unix(0, 0).UTC()), time.Minute, 500, time.Unix(-3600, 0).UTC(), time.Unix(0, 0).UTC(), time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, err := NewGrid(c.asked, c.interval, c.points, everySecond)
			require.NoError(t, err)
			require.Equal(t, Grid{c.start, c.end, c.step}, g)
		})
	}
	tenYears, err := NewGrid(between(noon.Add(-10*year), noon), time.Second, 0, everySecond)
	require.NoError(t, err)
	require.LessOrEqual(t, points(tenYears), int64(maxPoints))
	require.Greater(t, points(tenYears), int64(maxPoints*9/10), "as fine as is allowed")
}

func TestRangesWithoutAGrid(t *testing.T) {
	t.Parallel()
	const empty, long = "the time range is empty: its end is not after its start", "the time range is longer than 100 years: choose a shorter one"
	for _, c := range []struct {
		asked   backend.TimeRange
		message string
	}{
		{between(noon, noon), empty},
		{between(noon, noon.Add(-time.Nanosecond)), empty},
		{backend.TimeRange{}, empty},
		{between(noon.AddDate(-101, 0, 0), noon), long},
		{between(time.Time{}, noon), long},
		{between(time.UnixMilli(math.MinInt64), time.UnixMilli(math.MaxInt64)), long},
		{between(time.Unix(0, 0), time.UnixMilli(math.MaxInt64)), long},
	} {
		_, err := NewGrid(c.asked, time.Second, 500, everySecond)
		require.EqualError(t, err, c.message)
	}
}

func FuzzGrid(f *testing.F) {
	f.Add(int64(0), int64(3_600_000), int64(time.Second), int64(500))
	f.Add(int64(1), int64(11_000_001), int64(time.Second), int64(11_000))
	f.Add(int64(math.MinInt64), int64(math.MaxInt64), int64(math.MaxInt64), int64(1))
	f.Add(int64(1_700_000_000_123), int64(2_015_360_000_000), int64(1), int64(0))
	f.Add(int64(-62_135_596_800_001), int64(-62_135_596_700_000), int64(7), int64(3))
	f.Fuzz(func(t *testing.T, from, to, interval, asked int64) {
		r := between(time.UnixMilli(from), time.UnixMilli(to))
		g, err := NewGrid(r, time.Duration(interval), asked, everySecond)
		if err != nil {
			require.True(t, !r.To.After(r.From) || r.To.Sub(r.From) > maxSpan, err)
			return
		}
		require.False(t, g.Start.Before(r.From) || g.End.After(r.To) || g.End.Before(g.Start), "inside the range")
		require.GreaterOrEqual(t, g.Step, minStep)
		require.Zero(t, g.Step%time.Second)
		require.Zero(t, g.End.Sub(g.Start)%g.Step, "whole steps")
		require.LessOrEqual(t, points(g), int64(maxPoints))
		if asked > 1 {
			require.LessOrEqual(t, points(g), asked)
		}
		if !g.Start.Equal(g.End) {
			require.True(t, g.Start.Equal(g.Start.Truncate(g.Step)), "aligned")
			require.Less(t, g.Start.Sub(r.From), g.Step, "no point is left out")
			require.Less(t, r.To.Sub(g.End), g.Step)
		}
		again, err := NewGrid(between(r.From.Add(time.Millisecond), r.To.Add(time.Millisecond)), time.Duration(interval), asked, everySecond)
		if err == nil && points(again) > 1 && points(g) > 1 {
			require.Equal(t, g.Step, again.Step, "a refresh asks for the same times")
		}
	})
}
