package ingest_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/ingest"
	stored "github.com/coldhit/modelserving-datasource/pkg/storage"
)

func timed(name string, at time.Time, v float64) point {
	p := series(v, "__name__", name)
	p.at = at
	return p
}

func TestSamplesThatTheStorageRefusesAreCounted(t *testing.T) {
	s := newStand(t, ingest.Limits{Samples: 100})
	l := s.loop("server")
	require.NoError(t, l.scrape([]point{timed("a", start, 1), timed("b", start, 1), timed("c", start, 1)}))
	require.NoError(t, l.scrape([]point{timed("a", start.Add(-time.Minute), 2), timed("b", start, 2), timed("c", start.Add(-5*time.Hour), 1), timed("d", start, 1)}))
	require.NoError(t, l.scrape([]point{timed("e", l.now.Add(time.Hour), 2), timed("f", l.now, 1)}))
	require.NoError(t, l.scrape(nil))
	for reason, detail := range map[stored.Reason]string{
		stored.OutOfOrder: "A sample of 2025-12-31 23:59:00Z is older than a stored one of its series: the newest stored sample is at 2026-01-01 00:00:15Z.",
		stored.Duplicate:  "b has another value than is stored for 2026-01-01 00:00:00Z.",
		stored.TooOld:     "A sample of 2025-12-31 19:00:00Z is too old: the newest stored sample is at 2026-01-01 00:00:15Z.",
		stored.TooNew:     "The page has timestamps more than 10 minutes after 2026-01-01 00:00:30Z. Check the clocks of this host and of the target.",
	} {
		found := s.refused(reason)
		require.EqualValues(t, 1, found.Samples, reason)
		require.Equal(t, []string{"server"}, found.Targets, reason)
		require.NotEmpty(t, found.Detail)
		if reason != stored.OutOfOrder && reason != stored.TooOld {
			require.Equal(t, detail, found.Detail)
		}
	}
	require.Len(t, s.refusals.All(), 4, "stale markers and reports are not counted")
	require.Len(t, s.read("d"), 1, "the rest of the page is stored")
}

// The clock was ahead for a while. Then everything is refused until it has caught up, and it is said by how much.
func TestClockThatWasAheadIsNamed(t *testing.T) {
	s := newStand(t, ingest.Limits{Samples: 100})
	l := s.loop("server")
	s.now = start.Add(3 * time.Hour)
	require.NoError(t, l.scrape([]point{series(1, "__name__", "a")}))
	s.now = start
	require.NoError(t, l.scrape([]point{series(1, "__name__", "a"), series(1, "__name__", "new")}))
	found := s.refused(stored.TooOld)
	require.EqualValues(t, 2, found.Samples)
	require.Contains(t, found.Detail, "the newest stored sample is at 2026-01-01 03:00:00Z, 3h0m0s ahead of the clock")
}

func TestNewSeriesAboveTheLimitAreRefused(t *testing.T) {
	s := newStand(t, ingest.Limits{Series: 1000})
	l := s.loop("server")
	churn := func(i, n int) []point {
		page := []point{series(float64(i), "__name__", "steady")}
		for j := range n {
			page = append(page, series(1, "__name__", "churning", "id", fmt.Sprintf("%d-%d", i, j)))
		}
		return page
	}
	for i := range 20 {
		require.NoError(t, l.scrape(churn(i, 200)))
	}
	require.LessOrEqual(t, s.db.Head().NumSeries(), uint64(1000))
	require.EqualValues(t, 20*200-(1000-3), s.refused(stored.SeriesLimit).Samples)
	require.Equal(t, "The limit of 1000 series in memory is reached: new series are not stored until old ones end.", s.refused(stored.SeriesLimit).Detail)
	require.Len(t, s.read("steady")[0].times, 20, "what exists goes on")
	status := s.ingest.Status()
	require.True(t, status.Near)
	require.Equal(t, ingest.Biggest{Metric: "m", Series: 1, Label: "l", Values: 2}, status.Biggest)
	require.Equal(t, 1000, status.Limit)
	require.Equal(t, s.refused(stored.SeriesLimit).Samples, status.RefusedSeries)

	// A restart of the plugin forgets references. What is stored still goes on.
	s.restart()
	l = s.loop("server")
	require.NoError(t, l.scrape(churn(0, 1)))
	require.Len(t, s.read("steady")[0].times, 21)
	require.Zero(t, s.refused(stored.SeriesLimit).Samples)
	s.limits.Series = 10_000
	require.NoError(t, l.scrape(churn(30, 10)))
	require.Zero(t, s.refused(stored.SeriesLimit).Samples)
	require.False(t, s.ingest.Status().Near)
}

func TestPageThatCannotBeReducedIsRefused(t *testing.T) {
	page := func(n int) []point {
		out := []point{series(1, "__name__", "small")}
		for i := range n {
			out = append(out, series(1, "__name__", "big", "id", fmt.Sprint(i)))
		}
		return out
	}
	for name, server := range map[string]ingest.Server{"unknown": {}, "modelless": {Recognized: true}, "many": {Recognized: true, Fold: ingest.Fold{ModelLabels: []string{"model"}}}} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t, ingest.Limits{Samples: 100})
			s.server = server
			l := s.loop("server")
			require.NoError(t, l.scrape(page(50)))
			_ = l.scrape(page(150)) // read to its end where it may still be reduced
			var refused *ingest.PageError
			require.ErrorAs(t, l.scrape(page(150)), &refused)
			require.Contains(t, refused.Text, "more than the limit of 100 samples")
			require.Regexp(t, `Its biggest metric is big with \d+ series, and the label id has most values`, refused.Text)
			_, series := s.live("big", nil)
			require.Zero(t, series)
			for _, one := range s.read("up") {
				require.Equal(t, []float64{1, 0, 0}, one.values)
			}
			require.Equal(t, refused.Text, s.refused(stored.PageLimit).Detail)
			require.NoError(t, l.scrape(page(50)))
			_, series = s.live("big", nil)
			require.Equal(t, 50, series)
			require.ErrorAs(t, l.scrape(page(500)), &refused)
		})
	}
}

// A page cannot write what the engine writes for the same target. What another Prometheus says of other targets is its own.
func TestReservedNamesAreRefused(t *testing.T) {
	page := []point{
		series(9, "__name__", reservedOne, "model", "m"), series(9, "__name__", reservedOwn), series(9, "__name__", "up"),
		series(9, "__name__", "up", "job", "other", "instance", "x"), series(9, "__name__", "free"),
	}
	for name, test := range map[string]struct {
		server  ingest.Server
		refused int64
	}{
		"polled": {ingest.Server{Recognized: true, Polled: true}, 3}, "not polled": {ingest.Server{Recognized: true}, 2}, "unknown": {ingest.Server{}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t, ingest.Limits{Samples: 100})
			s.server = test.server
			l := s.loop("server")
			for i := range 3 {
				for j := range page {
					if page[j].set.Has("job") {
						page[j].set = labels.FromStrings("__name__", "up", "exported_job", "other", "exported_instance", "x")
					}
				}
				require.NoError(t, l.scrape(page))
				require.Equal(t, test.refused*int64(i+1), s.refused(stored.ReservedName).Samples)
			}
			require.Contains(t, s.refused(stored.ReservedName).Detail, "which the plugin itself writes for this target. Remove the metric from the page.")
			require.Empty(t, s.read(reservedOwn))
			require.Len(t, s.read(reservedOne), int(3-test.refused))
			require.Len(t, s.read("free")[0].times, 3)
			for _, one := range s.read("up") {
				if one.set.Has("exported_job") {
					require.Equal(t, []float64{9, 9, 9}, one.values)
				} else {
					require.Equal(t, []float64{1, 1, 1}, one.values)
				}
			}
		})
	}
}
