//go:build modelservers || torchserve

package modelservers

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/tests/blackbox/driver"
)

const (
	// window is long enough for everything that a test sends once the plugin scrapes.
	window        = 2 * time.Minute
	scrapeTimeout = 40 * time.Second
	// fewestScrapes before the traffic; with those during it, they bound what PromQL's rate adds at the ends of the window.
	fewestScrapes = 6
	exactly       = 1e-6
)

// observer is the plugin, scraping one server every second.
type observer struct {
	t       *testing.T
	plugin  *driver.Plugin
	source  driver.Source
	counter string
	// begin is what the counter was before the traffic.
	begin float64
	// window is what rates and means are taken over.
	window time.Duration
}

// subject is the server that is observed.
type subject struct {
	// recognized is what the health check is to say of it.
	recognized string
	// counter counts requests, as PromQL; it tells how much of the traffic has been scraped.
	counter string
	// metrics is the URL of the page, management and apiKey are empty where there are none.
	metrics, management, apiKey string
	// unmanaged keeps the plugin from a management endpoint that the server has.
	unmanaged bool
	// window is shorter than usual for a server that tells when its counters began: the plugin counts from then, so that the
	// warm-up has to be older than the window.
	window time.Duration
}

// observe starts the plugin with the server as its one target and without naming a profile, requires that it is recognized, and
// returns when there are enough scrapes of the warm-up.
func observe(t *testing.T, server subject) *observer {
	t.Helper()
	target := driver.Target("server", server.metrics)
	switch {
	case server.unmanaged:
		target["managementUrl"] = loopback(ports(t, 1)[0], "")
	case server.management != "":
		target["managementUrl"] = server.management
	}
	o := &observer{t: t, plugin: driver.Start(t, binary, t.TempDir()), source: driver.Embedded("live", target), counter: server.counter,
		window: cmp.Or(server.window, window)}
	if server.apiKey != "" {
		o.source.Secrets = map[string]string{"apiKey.server": server.apiKey}
	}
	var health *backend.CheckHealthResult
	require.Eventually(t, func() bool { // a management API may be slow while its server starts
		health = o.plugin.Check(o.source)
		return strings.Contains(health.Message, server.recognized)
	}, time.Minute, time.Second, server.recognized)
	require.Equal(t, backend.HealthStatusOk, health.Status, health.Message)
	require.Equal(t, server.unmanaged, strings.Contains(health.Message, "management"), "whether the management endpoint is missing: %s", health.Message)
	require.Contains(t, string(health.JSONDetails), "Recognized by ")
	t.Log(health.Message)
	o.awaitScrapes()
	if server.window != 0 {
		increase := fmt.Sprintf("increase(%s[%s])", o.counter, o.promWindow())
		require.Eventually(t, func() bool { return o.promQL(increase) == 0 }, o.window+scrapeTimeout, pollEvery, "the warm-up is in the window still")
	}
	o.begin = o.promQL(o.counter)
	return o
}

// awaitScrapes returns when there are enough scrapes of the warm-up.
func (o *observer) awaitScrapes() {
	o.t.Helper()
	require.Eventually(o.t, func() bool { return o.scrapes() >= fewestScrapes }, scrapeTimeout, pollEvery, "it was not scraped")
}

// scrapes is how often the target was scraped within the window.
func (o *observer) scrapes() float64 { return o.promQL(`count_over_time(up[` + o.promWindow() + `])`) }

func (o *observer) promWindow() string { return fmt.Sprintf("%ds", int(o.window.Seconds())) }

// promQL asks for the sum of an expression now, 0 where there is none.
func (o *observer) promQL(expr string) float64 {
	o.t.Helper()
	r := o.ask(map[string]any{"queryType": "promql", "expr": "sum(" + expr + ")", "instant": true})
	v, _ := driver.Find(r, nil)
	return v
}

// await waits until scrapes have seen that many more requests.
func (o *observer) await(more int) {
	o.t.Helper()
	var seen float64
	require.Eventually(o.t, func() bool { seen = o.promQL(o.counter) - o.begin; return seen >= float64(more) }, scrapeTimeout, pollEvery,
		"the scrapes did not see %d requests", more)
	require.InDelta(o.t, float64(more), seen, 0, "the server counted more than was sent")
}

func (o *observer) ask(query map[string]any) backend.DataResponse {
	o.t.Helper()
	r := o.plugin.Ask(o.source, o.window, query)["A"]
	require.NoError(o.t, r.Error, driver.Describe(r))
	return r
}

// signal asks for one statistic of a signal now, over the window.
func (o *observer) signal(name, statistic string, groupBy ...string) backend.DataResponse {
	o.t.Helper()
	return o.ask(o.question(name, statistic, groupBy...))
}

func (o *observer) question(name, statistic string, groupBy ...string) map[string]any {
	return map[string]any{"signal": name, "statistics": []string{statistic}, "groupBy": groupBy, "window": o.promWindow(), "instant": true}
}

type labels = map[string]string

// value is a signal's value of the one series that has the labels; groupBy is as in signal.
func (o *observer) value(name, statistic string, want labels, groupBy ...string) float64 {
	o.t.Helper()
	return driver.Value(o.t, o.signal(name, statistic, groupBy...), want)
}

// requireNone requires that a signal has no answer, and a notice that says why.
func (o *observer) requireNone(name, statistic, why string) {
	o.t.Helper()
	r := o.signal(name, statistic, "model")
	_, found := driver.Find(r, nil)
	require.False(o.t, found, driver.Describe(r))
	require.Contains(o.t, driver.Notices(r), why)
}

// count is how often something that a signal counts happened, of which the signal may have several series.
type count struct {
	labels labels
	times  int
}

// requireCounts requires that a signal's rates are those of exactly these counts. PromQL extrapolates an increase beyond the
// first and the last sample, by one and a half scrape intervals at most and by the same factor for all series of a target.
func (o *observer) requireCounts(name string, groupBy []string, counts ...count) {
	o.t.Helper()
	r := o.signal(name, "rate", groupBy...)
	most := 1 + 1.6/(o.scrapes()-2)
	var factor float64
	for _, c := range counts {
		rate := driver.Value(o.t, r, c.labels)
		if c.times == 0 {
			require.InDelta(o.t, 0, rate, exactly, "%s %v", name, c.labels)
			continue
		}
		f := rate * o.window.Seconds() / float64(c.times)
		if factor == 0 {
			factor = f
		}
		require.InDelta(o.t, factor, f, exactly, "%s: %v against %v\n%s", name, c.labels, counts[0].labels, driver.Describe(r))
	}
	require.GreaterOrEqual(o.t, factor, 1-exactly, "%s\n%s", name, driver.Describe(r))
	require.LessOrEqual(o.t, factor, most, "%s\n%s", name, driver.Describe(r))
}

// requireMedian requires that a signal's median lies in a bucket together with what was seen by the client, and that the
// bucket reaches above what the handler slept.
func (o *observer) requireMedian(name string, want labels, slept time.Duration, took []time.Duration) {
	o.t.Helper()
	r := o.signal(name, "p50", "model")
	p50 := driver.Value(o.t, r, want)
	bucket := bucketOf(o.t, r, want)
	require.False(o.t, bucket.Saturated)
	require.LessOrEqual(o.t, bucket.Lower, p50)
	require.GreaterOrEqual(o.t, bucket.Upper, p50)
	require.LessOrEqual(o.t, bucket.Lower, median(took), "%s: the client saw a median below the bucket", name)
	require.GreaterOrEqual(o.t, bucket.Upper, slept.Seconds(), "%s: the handler sleeps longer than the bucket", name)
	o.t.Logf("%s %v: median %.4f s, in the bucket from %g to %g s; the handler sleeps %s, the client's median is %.4f s",
		name, want, p50, bucket.Lower, bucket.Upper, slept, median(took))
}

// requireMean requires that a mean lies between what the handler slept and what the client saw.
func (o *observer) requireMean(name string, want labels, slept time.Duration, took []time.Duration) {
	o.t.Helper()
	v := o.value(name, "mean", want, "model")
	require.GreaterOrEqual(o.t, v, slept.Seconds()*0.99, name)
	require.LessOrEqual(o.t, v, mean(took), "%s: longer than the client waited", name)
	o.t.Logf("%s %v: mean %.4f s; the handler sleeps %s, the client's mean is %.4f s", name, want, v, slept, mean(took))
}

// requireModels requires that the table of models and the list of models for variables have exactly these.
func (o *observer) requireModels(models ...string) {
	o.t.Helper()
	table := o.ask(map[string]any{"queryType": "models"})
	field, _ := table.Frames[0].FieldByName("model")
	require.NotNil(o.t, field, driver.Describe(table))
	require.Equal(o.t, data.FieldTypeString, field.Type())
	var rows, listed []string
	for i := range field.Len() {
		name, ok := field.At(i).(string)
		require.True(o.t, ok)
		rows = append(rows, name)
	}
	require.ElementsMatch(o.t, models, rows, driver.Describe(table))
	status, answer := o.plugin.Call(o.source, "values", "label=model")
	require.Equal(o.t, 200, status)
	for _, name := range answer["values"].([]any) {
		listed = append(listed, fmt.Sprint(name))
	}
	require.ElementsMatch(o.t, models, listed)
}

type bucket struct {
	Lower, Upper float64
	Saturated    bool
}

func bucketOf(t *testing.T, r backend.DataResponse, want labels) bucket {
	t.Helper()
	custom := customOf(t, r, want)
	require.NotNil(t, custom.Bucket)
	return *custom.Bucket
}

type interval struct {
	Bound        string
	Lower, Upper float64
}

func intervalOf(t *testing.T, r backend.DataResponse, want labels) interval {
	t.Helper()
	custom := customOf(t, r, want)
	require.NotNil(t, custom.Interval)
	return *custom.Interval
}

// custom is what a series' frame says beside its numbers.
type custom struct {
	Bucket   *bucket
	Interval *interval
}

func customOf(t *testing.T, r backend.DataResponse, want labels) (out custom) {
	t.Helper()
	for _, frame := range r.Frames {
		for _, field := range frame.Fields {
			if field.Type() != data.FieldTypeFloat64 || !driver.Includes(field.Labels, want) {
				continue
			}
			text, err := json.Marshal(frame.Meta.Custom)
			require.NoError(t, err)
			require.NoError(t, json.Unmarshal(text, &out))
			return out
		}
	}
	require.Fail(t, "no such series", driver.Describe(r))
	return out
}

// requireBusy requires that a model's concurrency, which was made of a time by Little's law, is the rate of its requests times
// how long one takes. Both are asked at the same time, so that the rates reach over the same samples.
func (o *observer) requireBusy(want labels, slept time.Duration, took []time.Duration) {
	o.t.Helper()
	groupBy := []string{"model"}
	if want["state"] != "" {
		groupBy = append(groupBy, "state")
	}
	answers := o.plugin.Ask(o.source, o.window, o.question("concurrent_requests", "mean", groupBy...), o.question("requests", "rate", "model"))
	each := driver.Value(o.t, answers["A"], want) / driver.Value(o.t, answers["B"], labels{"model": want["model"]})
	require.GreaterOrEqual(o.t, each, slept.Seconds()*0.99)
	require.LessOrEqual(o.t, each, mean(took), "longer than the client waited")
}

// requireHeld sends requests that stay with the server for long enough, and requires that the plugin sees them, and that they go.
func (o *observer) requireHeld(k kind, requests int, want labels) {
	o.t.Helper()
	groupBy := []string{"model"}
	if want["state"] != "" {
		groupBy = append(groupBy, "state")
	}
	wait := k.hold(o.t, requests)
	seen := func(n int) func() bool {
		return func() bool { return o.value("concurrent_requests", "last", want, groupBy...) == float64(n) }
	}
	require.Eventually(o.t, seen(requests), scrapeTimeout, pollEvery, "%d requests are not seen", requests)
	wait()
	require.Eventually(o.t, seen(0), scrapeTimeout, pollEvery, "requests that ended are still seen")
}

// awaitEvents waits until the annotations are these.
func (o *observer) awaitEvents(titles ...string) {
	o.t.Helper()
	require.Eventually(o.t, func() bool {
		r := o.ask(map[string]any{"queryType": "events"})
		field, _ := r.Frames[0].FieldByName("title")
		if field == nil {
			return false
		}
		var found []string
		for i := range field.Len() {
			found = append(found, fmt.Sprint(field.At(i)))
		}
		return slices.Equal(titles, found)
	}, scrapeTimeout, pollEvery, "the annotations are not %v", titles)
}
