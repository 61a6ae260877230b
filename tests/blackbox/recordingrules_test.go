package blackbox

import (
	"bytes"
	"encoding/json"
	"maps"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/remote/prometheustest"
	"github.com/coldhit/modelserving-datasource/tests/blackbox/driver"
)

// recordedFleet is a fleet in two servers that have the same samples. One of them records the rules that the plugin writes for it.
type recordedFleet struct {
	with, without *prometheustest.Server
	counters      *counted
	ruler         *ruler
	rules         []byte
	// begin is the time of the first scrape, recorded that of the first recording, and end that of the last of both.
	begin, recorded, end time.Time
}

const (
	recordedModels   = 12
	recordedReplicas = 2
	// unrecorded is how long there is no rule yet.
	unrecorded = 10 * time.Minute
)

// record has a fleet scraped and recorded up to now, by a file of rules for each of some parameters that stand between spaces.
func record(t testing.TB, p *driver.Plugin, length time.Duration, models, replicas int, parameters string, late func(group string) time.Duration) recordedFleet {
	t.Helper()
	end := time.Now().Truncate(time.Minute)
	f := recordedFleet{with: prometheustest.New(t), without: prometheustest.New(t), begin: end.Add(-length), end: end, counters: newCounted()}
	f.recorded = f.begin.Add(unrecorded)
	for at := f.begin; !at.After(end); at = at.Add(scrapedEvery) {
		samples := f.counters.scrape(at, models, replicas)
		f.with.Append(t, samples...)
		f.without.Append(t, samples...)
		if at.Equal(f.recorded) {
			var files [][]byte
			for one := range strings.SplitSeq(parameters, " ") {
				status, text := p.CallMethod(driver.Prometheus("writer", f.without.URL), "GET", "recording-rules", one)
				require.Equal(t, 200, status, string(text))
				files = append(files, text)
			}
			f.rules, f.ruler = bytes.Join(files, nil), newRuler(t, f.with, files...)
		}
		if !at.Before(f.recorded) {
			f.ruler.evaluate(t, at, late)
		}
	}
	return f
}

// recordedIn lists the recording rules that an answer's provenance names, with their windows.
func recordedIn(t testing.TB, r backend.DataResponse) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, f := range r.Frames {
		if f.Meta == nil || f.Meta.Custom == nil {
			continue
		}
		text, err := json.Marshal(f.Meta.Custom)
		require.NoError(t, err)
		var custom struct {
			Provenance []struct {
				Recorded []struct{ Rule, Window string }
			}
		}
		require.NoError(t, json.Unmarshal(text, &custom))
		for _, p := range custom.Provenance {
			for _, r := range p.Recorded {
				out[r.Rule] = r.Window
			}
		}
	}
	return out
}

// asTheyAre says that two answers have the same series, times and numbers, but for the order in which those were added up.
func asTheyAre(t *testing.T, want, got map[string]map[int64]float64, tolerance float64) (compared int) {
	t.Helper()
	require.Len(t, got, len(want))
	for series, values := range want {
		require.Len(t, got[series], len(values), series)
		for at, v := range values {
			require.InDelta(t, v, got[series][at], tolerance*math.Max(1e-6, math.Abs(v)), "%s at %s", series, time.UnixMilli(at))
			compared++
		}
	}
	return compared
}

// What is read from recordings agrees with what the counters themselves say, and says where it is from.
func TestRecordingRulesAreReadInPlaceOfCounters(t *testing.T) {
	t.Parallel()
	p := driver.Start(t, binary, t.TempDir())
	f := record(t, p, 50*time.Minute, recordedModels, recordedReplicas, "topN=3", inTime)
	promtoolAccepts(t, f.rules)
	with, without := driver.Prometheus("with", f.with.URL), driver.Prometheus("without", f.without.URL)

	// At the moments at which all is recorded, the numbers are the same ones.
	queries := map[string]map[string]any{
		"requests by model":         query("requests", nil, "model"),
		"requests by start":         query("requests", nil, "start", "status"),
		"errors":                    query("error_rate", nil, "environment", "deployment"),
		"quantiles":                 query("response_time", []string{"p50", "p95", "p99"}, "model"),
		"means":                     query("response_time", []string{"mean"}, "model", "start"),
		"quantiles of hot requests": filtered(query("response_time", []string{"p95"}), map[string][]string{"start": {"hot"}, "model": {"model-001", "model-002"}}),
		"cold hits":                 query("cold_hit_rate", nil, "model"),
		"the top models":            limited(query("requests", nil, "model"), 4),
		"cache hits":                query("cache_hit_ratio", nil, "deployment"),
	}
	from := f.recorded.Add(5 * time.Minute)
	for name, q := range queries {
		t.Run(name, func(t *testing.T) {
			recorded, raw := f.ask(p, with, from, time.Minute, q), f.ask(p, without, from, time.Minute, q)
			require.Positive(t, asTheyAre(t, numbersOf(t, raw), numbersOf(t, recorded), 1e-9))
			require.Contains(t, recorded.Frames[0].Meta.ExecutedQueryString, "modelserving_namespace_job_")
			require.NotContains(t, raw.Frames[0].Meta.ExecutedQueryString, "modelserving_namespace_job_")
			require.Empty(t, recordedIn(t, raw))
			rules := recordedIn(t, recorded)
			require.NotEmpty(t, rules)
			for rule, window := range rules {
				require.Contains(t, string(f.rules), "record: "+rule+"\n")
				require.Equal(t, "1m", window)
			}
			// The sums of the ranking are of the counters themselves, whatever is recorded.
			if _, ranked := q["limit"]; !ranked {
				step := time.Minute
				fewer := int64(4)
				if name == "cold hits" { // which are also looked for where nobody counts them, in what every replica says
					fewer = 1
				}
				less, more := f.ruler.samplesOf(t, f.with, recorded, from, f.end, step), f.ruler.samplesOf(t, f.without, raw, from, f.end, step)
				t.Logf("%d samples of %d series are read, and %d of %d without rules: 1 in %.1f", less, f.ruler.seriesOf(t, f.with, recorded, from, f.end),
					more, f.ruler.seriesOf(t, f.without, raw, from, f.end), float64(more)/float64(less))
				require.Less(t, fewer*less, more)
			}
		})
	}
}

// Numbers of the top models models are at most as old as the interval at which those are recorded, those of the others as the long tail's.
func TestRecordingsAreAsOldAsTheirIntervals(t *testing.T) {
	t.Parallel()
	p := driver.Start(t, binary, t.TempDir())
	late := func(group string) time.Duration {
		if strings.HasSuffix(group, "-top") {
			return 0
		}
		return 30 * time.Second
	}
	f := record(t, p, 40*time.Minute, recordedModels, recordedReplicas, "topN=3", late)
	with, without := driver.Prometheus("with", f.with.URL), driver.Prometheus("without", f.without.URL)
	from := f.recorded.Add(5 * time.Minute)
	q := filtered(query("requests", nil, "model"), map[string][]string{"model": {"model-011", "model-000"}})
	answer := f.ask(p, with, from, scrapedEvery, q)
	require.NotEmpty(t, recordedIn(t, answer))
	recorded, raw := numbersOf(t, answer), numbersOf(t, f.ask(p, without, from.Add(-time.Minute), scrapedEvery, q))
	require.Len(t, recorded, 2)
	for series, values := range recorded {
		for at, v := range values {
			made := at // the top models: at every scrape
			if strings.Contains(series, "model-000") {
				made = (at-30_000)/60_000*60_000 + 30_000
			}
			require.InDelta(t, raw[series][made], v, 1e-9, "%s at %s", series, time.UnixMilli(at))
		}
	}
}

// Longer windows are put together of recorded ones: all requests count once, but for what falls between two scrapes of different
// windows, which the rates of both extrapolate.
func TestLongerWindowsArePutTogether(t *testing.T) {
	t.Parallel()
	p := driver.Start(t, binary, t.TempDir())
	f := record(t, p, 60*time.Minute, recordedModels, recordedReplicas, "signals=all", inTime)
	with, without := driver.Prometheus("with", f.with.URL), driver.Prometheus("without", f.without.URL)
	from := f.recorded.Add(20 * time.Minute)
	for name, c := range map[string]struct {
		q         map[string]any
		step      time.Duration
		tolerance float64
	}{
		"a window of several":           {within("5m", query("requests", nil, "deployment")), 5 * time.Minute, 0.02},
		"steps of several":              {automatic(query("requests", nil, "deployment")), 4 * time.Minute, 0.02},
		"a ratio":                       {automatic(query("error_rate", nil, "deployment")), 5 * time.Minute, 0.1},
		"a mean":                        {automatic(query("response_time", []string{"mean"}, "deployment")), 5 * time.Minute, 0.02},
		"steps that become a multiple":  {automatic(query("requests", nil, "deployment")), 90 * time.Second, 0.03},
		"a quantile, by linear buckets": {automatic(query("response_time", []string{"p95"}, "deployment")), 5 * time.Minute, 0.05},
	} {
		t.Run(name, func(t *testing.T) {
			recorded := f.ask(p, with, from, c.step, c.q)
			require.Contains(t, recorded.Frames[0].Meta.ExecutedQueryString, "sum_over_time((modelserving_namespace_job_")
			for _, window := range recordedIn(t, recorded) {
				require.Equal(t, "1m", window)
			}
			require.NotEmpty(t, recordedIn(t, recorded))
			step := c.step
			if step%time.Minute != 0 {
				step = step.Truncate(time.Minute) + time.Minute
			}
			require.Positive(t, asTheyAre(t, numbersOf(t, f.ask(p, without, from, step, c.q)), numbersOf(t, recorded), c.tolerance))
		})
	}
	t.Run("every request counts once", func(t *testing.T) {
		counted := map[string]any{"queryType": "promql", "expr": "sum(modelserving_requests_total - modelserving_requests_total offset 5m) / 300"}
		recorded := numbersOf(t, f.ask(p, with, from, 5*time.Minute, automatic(query("requests", nil))))
		require.Len(t, recorded, 1)
		for _, exact := range numbersOf(t, f.ask(p, without, from, 5*time.Minute, counted)) {
			for _, values := range recorded {
				require.Len(t, values, len(exact))
				for at, v := range exact {
					require.InEpsilon(t, v, values[at], 1e-9)
				}
			}
		}
	})
}

// Where recordings do not tell what is asked, or not for long enough, the counters themselves are read, and the answer is the same.
func TestWhereRecordingsDoNotReach(t *testing.T) {
	t.Parallel()
	p := driver.Start(t, binary, t.TempDir())
	f := record(t, p, 40*time.Minute, 4, recordedReplicas, "", inTime)
	with, without := driver.Prometheus("with", f.with.URL), driver.Prometheus("without", f.without.URL)
	lately := f.recorded.Add(10 * time.Minute)
	for name, c := range map[string]struct {
		q    map[string]any
		from time.Time
	}{
		"by replica":                   {query("requests", nil, "replica"), lately},
		"by version":                   {query("requests", nil, "version"), lately},
		"a window that is no multiple": {within("90s", query("requests", nil, "model")), lately},
		"a shorter window":             {within("30s", query("requests", nil, "model")), lately},
		"before the rules were there":  {query("requests", nil, "model"), f.begin.Add(5 * time.Minute)},
		"a signal without rules":       {query("response_time", []string{"mean"}, "version"), lately},
	} {
		t.Run(name, func(t *testing.T) {
			got := f.ask(p, with, c.from, time.Minute, c.q)
			require.Empty(t, recordedIn(t, got))
			require.NotContains(t, got.Frames[0].Meta.ExecutedQueryString, "modelserving_namespace_job_")
			require.Positive(t, asTheyAre(t, numbersOf(t, f.ask(p, without, c.from, time.Minute, c.q)), numbersOf(t, got), 1e-12))
		})
	}
}

// However many panels there are, it is asked once a minute since when rules are written, and whether for all that there is.
func TestRecordingsCostNoRequestForEachQuery(t *testing.T) {
	t.Parallel()
	p := driver.Start(t, binary, t.TempDir())
	f := record(t, p, 30*time.Minute, 4, recordedReplicas, "", inTime)
	cost := func(name string, server *prometheustest.Server) int64 {
		s := driver.Prometheus(name, server.URL)
		s.JSON["prometheus"] = map[string]any{"incrementalQuerying": false}
		before := server.Requests.Load()
		for range 5 {
			f.ask(p, s, f.recorded.Add(10*time.Minute), time.Minute, query("requests", nil, "model"))
		}
		return server.Requests.Load() - before
	}
	require.Equal(t, cost("without", f.without)+2, cost("with", f.with))
}

// Rules that only some of those evaluate whose series are asked for do not tell of all, and are not read.
func TestRulesThatLeaveSomethingOutAreNotRead(t *testing.T) {
	t.Parallel()
	p := driver.Start(t, binary, t.TempDir())
	f := record(t, p, 30*time.Minute, 4, recordedReplicas, "", inTime)
	s := driver.Prometheus("elsewhere", f.with.URL)
	q, from := query("requests", nil, "deployment"), f.recorded.Add(10*time.Minute)
	require.NotEmpty(t, recordedIn(t, f.ask(p, s, from, time.Minute, q)))
	require.Contains(t, string(p.Check(s).JSONDetails), "recording rules, with rates over 1m\"")

	var elsewhere []prometheustest.Sample
	for at := f.end.Add(-10 * time.Minute); !at.After(f.end); at = at.Add(scrapedEvery) {
		elsewhere = append(elsewhere, prometheustest.Sample{At: at, Value: float64(at.Unix()), Labels: labels.FromStrings(
			"__name__", "modelserving_requests_total", "namespace", "staging", "job", "speech", "instance", "a:1", "model", "m", "start", "hot", "code", "200")})
	}
	f.with.Append(t, elsewhere...)
	s.UID, s.ID = "again", 2
	answer := f.ask(p, s, from, time.Minute, q)
	require.Empty(t, recordedIn(t, answer))
	require.InDelta(t, 1, driver.Value(t, answer, map[string]string{"deployment": "speech"}), 1e-9)
	require.Contains(t, string(p.Check(s).JSONDetails), "they leave out the traffic of job=speech, namespace=staging")
}

// ask asks for a range that ends where the fleet does.
func (f recordedFleet) ask(p *driver.Plugin, s driver.Source, from time.Time, step time.Duration, q map[string]any) backend.DataResponse {
	return p.AskRange(s, backend.TimeRange{From: from, To: f.end}, step, q)["A"]
}

func filtered(q map[string]any, by map[string][]string) map[string]any {
	q = maps.Clone(q)
	q["filters"] = by
	return q
}

// automatic leaves the window to the plugin.
func automatic(q map[string]any) map[string]any {
	q = maps.Clone(q)
	delete(q, "window")
	return q
}

func limited(q map[string]any, limit int) map[string]any {
	q = maps.Clone(q)
	q["limit"] = limit
	return q
}
