package query

import (
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/require"
)

// Where a query leaves its window open, window and steps become a multiple of a recorded one.
func TestStepsBecomeMultiplesOfWhatIsRecorded(t *testing.T) {
	t.Parallel()
	const second, minute = time.Second, time.Minute
	from := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	for name, c := range map[string]struct {
		step, window time.Duration
		instant      bool
		recorded     []time.Duration
		wantStep     time.Duration
		wantWindow   time.Duration
	}{
		"short steps":           {step: 15 * second, window: minute, recorded: []time.Duration{minute}, wantStep: 15 * second, wantWindow: minute},
		"a multiple already":    {step: 5 * minute, window: 5 * minute, recorded: []time.Duration{minute}, wantStep: 5 * minute, wantWindow: 5 * minute},
		"made a multiple":       {step: 173 * second, window: 173 * second, recorded: []time.Duration{minute}, wantStep: 3 * minute, wantWindow: 3 * minute},
		"the nearest multiple":  {step: 7 * minute, window: 7 * minute, recorded: []time.Duration{5 * minute, 2 * minute}, wantStep: 8 * minute, wantWindow: 8 * minute},
		"longer windows alone":  {step: 2 * minute, window: 2 * minute, recorded: []time.Duration{5 * minute}, wantStep: 2 * minute, wantWindow: 2 * minute},
		"an instant query":      {step: 173 * second, window: minute, instant: true, recorded: []time.Duration{minute}, wantStep: 173 * second, wantWindow: minute},
		"longer than the range": {step: 50 * minute, window: 50 * minute, recorded: []time.Duration{48 * minute}, wantStep: 50 * minute, wantWindow: 50 * minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asked := backend.TimeRange{From: from, To: from.Add(time.Hour)}
			g, err := NewGrid(asked, c.step, 1000, everySecond)
			require.NoError(t, err)
			r := &signalRun{Request: Request{Range: asked, Grid: g}}
			r.Instant, r.environ.Window = c.instant, c.window
			r.fitWindow(c.recorded)
			require.Equal(t, c.wantWindow, r.environ.Window)
			require.Equal(t, c.wantStep, r.Grid.Step)
			require.False(t, r.Grid.Start.Before(asked.From))
			require.False(t, r.Grid.End.After(asked.To))
		})
	}
}

// Longer windows are put together up to the very times that are asked for, and neither of few for one time nor of so many that a server
// refuses them.
func TestWhichWindowsArePutTogether(t *testing.T) {
	t.Parallel()
	const second, minute = time.Second, time.Minute
	at := time.Unix(1_772_600_760, 0) // a full minute, 6 m behind a multiple of 20 m
	for name, c := range map[string]struct {
		from, step    time.Duration // of a panel up to then; an instant query without
		later         time.Duration
		window, whole time.Duration
		wantPhase     time.Duration
		want          bool
	}{
		"an instant query":           {window: minute, whole: time.Hour, want: true},
		"between two":                {window: minute, whole: time.Hour, later: 17*second + 300*time.Millisecond, wantPhase: 17*second + 300*time.Millisecond, want: true},
		"of few":                     {window: minute, whole: 11 * minute},
		"of some":                    {window: minute, whole: 12 * minute, want: true},
		"of many":                    {window: minute, whole: 7 * time.Hour},
		"of as many that are longer": {window: 20 * minute, whole: 24 * time.Hour, wantPhase: 6 * minute, want: true},
		"a panel":                    {from: time.Hour, step: 5 * minute, window: minute, whole: 5 * minute, want: true},
		"a panel of other steps":     {from: time.Hour, step: 90 * second, window: minute, whole: 2 * minute},
		"a panel over a day":         {from: 24 * time.Hour, step: 5 * minute, window: minute, whole: 5 * minute, want: true},
		"a panel over a week":        {from: 7 * 24 * time.Hour, step: 5 * minute, window: minute, whole: 5 * minute},
		"a week of longer windows":   {from: 7 * 24 * time.Hour, step: 20 * minute, later: 14 * minute, window: 20 * minute, whole: time.Hour, want: true},
		"steps between":              {from: time.Hour, step: 5 * minute, later: 10 * second, window: minute, whole: 5 * minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			to := at.Add(c.later)
			r := &signalRun{Request: Request{Range: backend.TimeRange{From: to.Add(-time.Hour), To: to}}}
			r.Instant = c.step == 0
			r.Grid = Grid{Start: to.Add(-c.from), End: to, Step: c.step}
			phase, ok := r.phase(c.window, c.whole)
			require.Equal(t, c.want, ok)
			if ok {
				require.Equal(t, c.wantPhase, phase)
			}
		})
	}
}
