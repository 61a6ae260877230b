// Package agreement asks the same of the embedded engine, of a real Prometheus and of a real VictoriaMetrics, which scrape the same servers,
// and of a Prometheus that the embedded engine writes to.
package agreement

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/remote/prometheustest"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
	"github.com/coldhit/modelserving-datasource/tests/blackbox/driver"
	"github.com/coldhit/modelserving-datasource/tests/victoriametrics"
)

const (
	interval = 2 * time.Second
	window   = "20s"
	// asked is what is asked about, settled how long ago it ended: by then everything is scraped, stored and written.
	asked, settled = 10 * time.Second, 20 * time.Second
	patience       = 3 * time.Minute
	// asksAgain is how often what differs is asked again, of later ranges: a machine that does much else may hold up a scrape, so
	// that its page is younger than its time stamp.
	asksAgain = 2
)

// Differences that are allowed, relative to the larger value. Each scrapes at moments of its own, some milliseconds of which a page's growth
// is not told from.
const (
	sameSamples  = 1e-9
	otherMoments = 0.02
)

// names are what the embedded engine calls things, and what the others are configured to.
var names = map[string]any{"environment": "environment", "deployment": "deployment", "replica": "instance"}

func configuration(fleet map[string]string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "global: {scrape_interval: %s, scrape_timeout: %s}\nscrape_configs:\n", interval, interval)
	for _, s := range modelServers {
		fmt.Fprintf(&b, "  - {job_name: %s, honor_labels: false, static_configs: [{targets: [%q], labels: {environment: production, deployment: %s}}]}\n", s.name, fleet[s.name], s.name)
	}
	return b.String()
}

func embedded(fleet map[string]string, writeTo string) driver.Source {
	var targets []map[string]any
	for _, s := range modelServers {
		targets = append(targets, map[string]any{"id": s.name, "url": "http://" + fleet[s.name] + "/metrics", "environment": "production", "deployment": s.name,
			// What servers tell outside their metrics is not asked of whatever has its usual port here.
			"managementUrl": "http://" + fleet[s.name]})
	}
	source := driver.Embedded("embedded", targets...)
	source.URL = writeTo
	source.JSON["interval"] = interval.String()
	source.JSON["remoteWrite"] = map[string]any{"enabled": true}
	return source
}

func remote(id int64, uid, url string) driver.Source {
	source := driver.Prometheus(uid, url)
	source.ID = id
	source.JSON["prometheus"] = map[string]any{"timeInterval": interval.String(), "labels": names}
	return source
}

func TestEveryEngineAnswersTheSame(t *testing.T) {
	binary, err := driver.Build(filepath.Join("..", ".."), t.TempDir())
	require.NoError(t, err)
	fleet := serve(t)
	text := configuration(fleet)
	scraping, written := prometheustest.New(t), prometheustest.New(t, prometheustest.WithoutLateSamples)
	file := filepath.Join(t.TempDir(), "prometheus.yml")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	// The usual 16 kB are too few for a query about two dozen kinds of servers at once.
	victoria := victoriametrics.Run(t, "-promscrape.config="+file, "-search.maxQueryLen=1MB")
	scraping.Scrape(t, text)
	p := driver.Start(t, binary, t.TempDir())
	of := embedded(fleet, written.URL)
	require.Equal(t, "OK", p.Check(of).Status.String())
	others := []struct {
		driver.Source
		tolerance float64
	}{
		{remote(2, "written", written.URL), sameSamples},
		{remote(3, "prometheus", scraping.URL), otherMoments},
		{remote(4, "victoriametrics", victoria), otherMoments},
	}
	// Windows, what is asked about, and what has to settle, have to lie behind the first scrapes.
	first := later(t, time.Now(), 60*time.Second)
	for _, other := range others {
		ask := func(q query, r backend.TimeRange) (want answer, difference string) {
			want = q.of(t, p, of, r)
			return want, want.differs(q.of(t, p, other.Source, r), other.tolerance)
		}
		answered := 0
		var differ []query
		for _, q := range queries() {
			want, difference := ask(q, first)
			if len(want) > 0 {
				answered++
			}
			if difference != "" {
				differ = append(differ, q)
				t.Logf("%s answers %s in another way, and is asked again: %s", other.UID, q, difference)
			}
		}
		t.Logf("%s: %d pairs of signal and statistic compared, of which %d have data", other.UID, len(queries()), answered)
		require.Greater(t, answered, 90, "most of the catalogue is covered")
		for r, round := first, 1; len(differ) > 0 && round <= asksAgain; round++ {
			r = later(t, r.To, 60*time.Second)
			differ = slices.DeleteFunc(differ, func(q query) bool {
				_, difference := ask(q, r)
				if difference != "" && round == asksAgain {
					t.Errorf("%s answers %s in another way: %s", other.UID, q, difference)
				}
				return difference == ""
			})
		}
	}
}

// later waits until some time after another has passed, and answers a range that has settled then.
func later(t *testing.T, after time.Time, by time.Duration) backend.TimeRange {
	t.Helper()
	require.Eventually(t, func() bool { return time.Since(after) > by }, patience, 100*time.Millisecond)
	end := time.Now().Add(-settled).Truncate(10 * time.Second)
	return backend.TimeRange{From: end.Add(-asked), To: end}
}

// query is a signal and a statistic.
type query struct {
	signal  signal.Signal
	what    signal.Statistic
	groupBy []string
}

func (q query) String() string { return q.signal.Name + " " + string(q.what) }

func queries() (all []query) {
	for _, s := range signal.Builtin() {
		var groupBy []string
		for _, l := range signal.Labels {
			if slices.Contains(s.GroupBy, l) && l != signal.Start {
				groupBy = append(groupBy, string(l))
			}
		}
		for _, st := range s.Statistics() {
			all = append(all, query{s, st, groupBy})
		}
	}
	return all
}

// answer is values by the time, by the labels of their series.
type answer map[string]map[int64]float64

func (q query) of(t *testing.T, p *driver.Plugin, s driver.Source, r backend.TimeRange) answer {
	t.Helper()
	response := p.AskRange(s, r, 5*time.Second, map[string]any{"queryType": "signal", "signal": q.signal.Name, "statistics": []string{string(q.what)}, "groupBy": q.groupBy,
		"limit": 1000, "window": window})["A"]
	require.NoError(t, response.Error, "%s asks for %s", s.UID, q)
	out := answer{}
	for _, frame := range response.Frames {
		if len(frame.Fields) == 0 {
			continue
		}
		times := frame.Fields[0]
		for _, field := range frame.Fields[1:] {
			out[field.Labels.String()+" "+field.Name] = values(t, times, field)
		}
	}
	return out
}

func values(t *testing.T, times, field *data.Field) map[int64]float64 {
	t.Helper()
	out := map[int64]float64{}
	for i := range field.Len() {
		at, ok := times.ConcreteAt(i)
		require.True(t, ok)
		if v, ok := field.ConcreteAt(i); ok {
			out[at.(time.Time).UnixMilli()] = v.(float64)
		}
	}
	return out
}

// differs says how two answers differ, empty if they do not.
func (a answer) differs(other answer, tolerance float64) string {
	var found []string
	for labels, want := range a {
		got, ok := other[labels]
		if !ok {
			found = append(found, fmt.Sprintf("%s is missing", labels))
			continue
		}
		for at, v := range want {
			if w, ok := got[at]; !ok || !closeTo(v, w, tolerance) {
				found = append(found, fmt.Sprintf("%s at %s: %v, not %v", labels, time.UnixMilli(at).UTC().Format(time.TimeOnly), got, want))
				break
			}
		}
	}
	for labels := range other {
		if _, ok := a[labels]; !ok {
			found = append(found, fmt.Sprintf("%s is there as well", labels))
		}
	}
	slices.Sort(found)
	if more := len(found) - 4; more > 0 {
		found = append(found[:4:4], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(found, "; ")
}

func closeTo(a, b, tolerance float64) bool {
	// What is left of nothing after a difference of sums.
	const nothing = 1e-12
	return a == b || math.Abs(a-b) <= max(tolerance*max(math.Abs(a), math.Abs(b)), nothing)
}
