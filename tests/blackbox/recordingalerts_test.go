package blackbox

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/tests/blackbox/driver"
)

// readsCounters says whether the recorder's counters themselves are read by what was run.
func readsCounters(r backend.DataResponse) bool {
	return strings.Contains(r.Frames[0].Meta.ExecutedQueryString, "rate(modelserving_")
}

// Alert rules read recordings, and say so: the same numbers where their own window is recorded, and of long windows that are put together the
// same but for what falls between two scrapes. Where a window could be put together of few others alone, the counters are read.
func TestAlertRulesReadRecordings(t *testing.T) {
	t.Parallel()
	p := driver.Start(t, binary, t.TempDir())
	// The rules that ask for rates of what this fleet counts, by windows of 5 minutes and of an hour.
	short := []string{
		"cache-hit-below-objective measured", "cache-hit-below-objective violation", "cache-hit-ratio-low ratio", "error-rate-over-objective measured",
		"error-rate-over-objective violation", "model-missing refused", "response-time-over-objective objective", "response-time-over-objective violation",
		"response-time-too-long measured", "error-budget-burn-fast-14x short",
	}
	const long = "error-budget-burn-fast-14x long"
	for name, c := range map[string]struct {
		parameters string
		// before is how long before the newest scrape it is asked.
		before       time.Duration
		recordsShort bool
	}{
		"both windows":        {"signals=all signals=all&window=5m&interval=1m", 0, true},
		"the panels' alone":   {"signals=all", 0, false},
		"between two scrapes": {"signals=all", 11 * time.Second, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := record(t, p, 80*time.Minute, recordedModels, recordedReplicas, c.parameters, inTime)
			with, without := driver.Prometheus("with "+name, f.with.URL), driver.Prometheus("without "+name, f.without.URL)
			with.ID, without.ID = int64(60+2*len(name)), int64(61+2*len(name))
			at := f.end.Add(-c.before)
			recorded, raw := export(t, p, with, "").asksAt(t, p, with, at), export(t, p, without, "").asksAt(t, p, without, at)
			for _, one := range append(short, long) {
				rule, ref, _ := strings.Cut(one, " ")
				got, want := recorded[rule][ref], raw[rule][ref]
				require.NoError(t, got.Error, one)
				require.NoError(t, want.Error, one)
				require.True(t, readsCounters(want), one)
				reads, tolerance := c.recordsShort, 1e-9
				if one == long {
					reads, tolerance = true, 0.1
				}
				require.Equal(t, reads, len(recordedIn(t, got)) > 0, one)
				require.Equal(t, !reads, readsCounters(got), "%s: %s", one, got.Frames[0].Meta.ExecutedQueryString)
				sameValues(t, one, want, got, tolerance)
			}
		})
	}
}

// sameValues says that two answers have a number for the same labels, as close together as the larger of a tolerance and 1e-9 of it.
func sameValues(t *testing.T, about string, want, got backend.DataResponse, tolerance float64) {
	t.Helper()
	numbers := func(r backend.DataResponse) map[string]float64 {
		out := map[string]float64{}
		for _, v := range valuesOf(r) {
			require.Len(t, v.values, 1, about)
			out[v.labels.String()] = v.values[0]
		}
		return out
	}
	a, b := numbers(want), numbers(got)
	require.NotEmpty(t, a, about)
	require.Len(t, b, len(a), about)
	for labels, v := range a {
		require.Contains(t, b, labels, about)
		require.InDelta(t, v, b[labels], tolerance*math.Max(1e-3, math.Abs(v)), "%s of %s", about, labels)
	}
}

// The table of models reads recordings at whatever moment it is asked for, and each of its columns says so.
func TestTheModelsTableReadsRecordings(t *testing.T) {
	t.Parallel()
	p := driver.Start(t, binary, t.TempDir())
	f := record(t, p, 60*time.Minute, recordedModels, recordedReplicas, "signals=all", inTime)
	with, without := driver.Prometheus("with", f.with.URL), driver.Prometheus("without", f.without.URL)
	table := func(s driver.Source, to time.Time, long time.Duration) backend.DataResponse {
		t.Helper()
		answer := p.AskRange(s, backend.TimeRange{From: to.Add(-long), To: to}, time.Minute, map[string]any{"queryType": "models"})["A"]
		require.NoError(t, answer.Error)
		require.Equal(t, recordedModels, answer.Frames[0].Rows())
		return answer
	}
	for name, c := range map[string]struct {
		before, long time.Duration
	}{
		"at a recording":           {0, 30 * time.Minute},
		"between two":              {11 * time.Second, 30 * time.Minute},
		"a millisecond too long":   {11 * time.Second, 30*time.Minute + time.Millisecond},
		"of the recorded window":   {0, time.Minute},
		"shortly before a scrape":  {16*time.Second - time.Millisecond, 30 * time.Minute},
		"a part of a second later": {time.Minute - 217*time.Millisecond, 30 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := f.end.Add(-c.before)
			got, want := table(with, at, c.long), table(without, at, c.long)
			require.False(t, readsCounters(got), got.Frames[0].Meta.ExecutedQueryString)
			compared := 0
			for _, column := range want.Frames[0].Fields {
				if column.Type() != data.FieldTypeNullableFloat64 {
					continue
				}
				for _, from := range provenanceOfColumn(t, got, column.Name) {
					if strings.HasSuffix(column.Name, "_rate") || strings.HasSuffix(column.Name, "_mean") && from.Origin == "measured" {
						require.NotEmpty(t, from.Recorded, "%s: %v", column.Name, from)
					}
				}
				for m := range recordedModels {
					model := want.Frames[0].Fields[2].At(m).(string)
					v, w := cell(t, got, model, column.Name), cell(t, want, model, column.Name)
					require.Equal(t, w == nil, v == nil, "%s of %s", column.Name, model)
					if v != nil {
						require.InDelta(t, *w, *v, 0.2*math.Max(1e-3, math.Abs(*w)), "%s of %s", column.Name, model)
						compared++
					}
				}
			}
			require.Greater(t, compared, 8*recordedModels)
		})
	}
	t.Run("a range that is no multiple", func(t *testing.T) {
		t.Parallel()
		got := table(with, f.end, 29*time.Minute+13*time.Second)
		require.True(t, readsCounters(got))
		require.NotContains(t, got.Frames[0].Meta.ExecutedQueryString, "modelserving_namespace_job_")
	})
}
