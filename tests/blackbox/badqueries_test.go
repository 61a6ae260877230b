package blackbox

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/tests/blackbox/driver"
)

// with is the good query with some fields changed.
func with(changes map[string]any) map[string]any {
	q := map[string]any{"signal": "requests", "groupBy": []string{"model"}, "window": "1m"}
	for k, v := range changes {
		q[k] = v
	}
	return q
}

// requireData waits until the good query has an answer.
func requireData(t *testing.T, p *driver.Plugin, s driver.Source) {
	t.Helper()
	require.Eventually(t, func() bool {
		_, found := driver.Find(p.Ask(s, time.Minute, with(nil))["A"], map[string]string{"model": "fast"})
		return found
	}, waitForScrape, pollEvery)
}

func promQL(expr string) map[string]any { return map[string]any{"queryType": "promql", "expr": expr} }

var badQueries = map[string]struct {
	query    map[string]any
	sentence string
}{
	"signal":         {with(map[string]any{"signal": "respones_time"}), `there is no signal "respones_time": did you mean response_time? Choose one of: requests, `},
	"no signal":      {map[string]any{}, `there is no signal "": choose one of: requests, `},
	"statistic":      {with(map[string]any{"statistics": []string{"p95"}}), `signal "requests" has no statistic "p95": choose one of: rate`},
	"grouping":       {with(map[string]any{"groupBy": []string{"pod"}}), `signal "requests" cannot be grouped by "pod"`},
	"filter":         {with(map[string]any{"filters": map[string]any{"pod": []string{"x"}}}), `there is no label "pod" to filter by`},
	"filter's type":  {with(map[string]any{"filters": map[string]any{"model": "fast"}}), "the query cannot be read"},
	"limit":          {with(map[string]any{"limit": 100000}), "the limit 100000 is not between 0 (the default) and 1000"},
	"window":         {with(map[string]any{"window": "a while"}), `the window "a while" is not a duration`},
	"type":           {with(map[string]any{"queryType": "sql"}), `unknown query type "sql": choose one of signal, models, events, promql`},
	"events' filter": {map[string]any{"queryType": "events", "filters": map[string]any{"pod": []string{"x"}}}, `there is no label "pod" to filter by`},
	"events' kind":   {map[string]any{"queryType": "events", "eventTypes": []string{"crashes"}}, `unknown event type "crashes": choose from loads, evictions, scaling, restarts`},
	"no PromQL":      {promQL("  "), "the PromQL expression is empty"},
	"broken PromQL":  {promQL("sum by (model (up)"), "the query cannot be read: 1:15: parse error"},
	"text PromQL":    {promQL(`"text"`), "the query cannot be read: "},
	"join in PromQL": {promQL("up * on() group_left() (nv_inference_count or nv_inference_exec_count)"), "many-to-many matching"},
}

// Each bad query of a request fails alone, with a sentence and as the fault of who wrote it; a good one answers.
func TestBadQueriesFailAlone(t *testing.T) {
	t.Parallel()
	server := newReplay(t, "2-metrics-all-loaded", "3-repository-index")
	p := driver.Start(t, binary, t.TempDir())
	s := driver.Embedded("bad", server.target("one"))
	p.Check(s)
	requireData(t, p, s)
	now := time.Now()
	minute := backend.TimeRange{From: now.Add(-time.Minute), To: now}
	queries := []backend.DataQuery{driver.DataQuery(t, "good", minute, time.Second, with(nil))}
	for name, bad := range badQueries {
		queries = append(queries, driver.DataQuery(t, name, minute, time.Second, bad.query))
	}
	for name, r := range map[string]backend.TimeRange{
		"an empty range": {From: now, To: now}, "a range backwards": {From: now, To: now.Add(-time.Hour)}, "an endless range": {From: time.Unix(0, 0).AddDate(-200, 0, 0), To: now},
	} {
		queries = append(queries, driver.DataQuery(t, name, r, time.Second, with(nil)))
	}
	answers := p.Request(s, queries...)
	require.Len(t, answers, len(queries))
	require.NoError(t, answers["good"].Error)
	require.GreaterOrEqual(t, driver.Value(t, answers["good"], map[string]string{"model": "fast"}), 0.0)
	require.Empty(t, driver.Notices(answers["good"]), "nothing is wrong with it")
	for name, bad := range badQueries {
		require.ErrorContains(t, answers[name].Error, bad.sentence, name)
	}
	require.ErrorContains(t, answers["an empty range"].Error, "the time range is empty")
	require.ErrorContains(t, answers["a range backwards"].Error, "the time range is empty")
	require.ErrorContains(t, answers["an endless range"].Error, "the time range is longer than 100 years")
	for name, r := range answers {
		if name != "good" {
			require.Equal(t, backend.StatusBadRequest, r.Status, "%s: %s", name, r.Error)
			require.Equal(t, backend.ErrorSourceDownstream, r.ErrorSource, name)
			require.Empty(t, r.Frames, name)
		}
	}
}

// What is unusual but can be answered is answered, within bounds.
func TestUnusualQueriesAreAnswered(t *testing.T) {
	t.Parallel()
	server := newReplay(t, "2-metrics-all-loaded", "3-repository-index")
	p := driver.Start(t, binary, t.TempDir())
	s := driver.Embedded("unusual", server.target("one"))
	p.Check(s)
	requireData(t, p, s)
	now := time.Now()
	minute := backend.TimeRange{From: now.Add(-time.Minute), To: now}
	awkward := []string{`"`, "a\nb", `back\slash`, "[", "(.*", ".*", "a|b", "$1", "模型", "\x00", strings.Repeat("x", 1000)}
	answers := p.Request(s,
		driver.DataQuery(t, "ten years", backend.TimeRange{From: now.AddDate(-10, 0, 0), To: now}, time.Second, promQL("up")),
		driver.DataQuery(t, "ten years of a signal", backend.TimeRange{From: now.AddDate(-10, 0, 0), To: now}, time.Second, query("requests", nil)),
		driver.DataQuery(t, "a microsecond", minute, time.Microsecond, promQL("vector(1)")),
		driver.DataQuery(t, "awkward", minute, time.Second, with(map[string]any{"filters": map[string]any{"model": awkward}})),
		driver.DataQuery(t, "one awkward", minute, time.Second, with(map[string]any{"filters": map[string]any{"model": []string{"fast\"} or vector(1) #"}}})),
		driver.DataQuery(t, "awkward and good", minute, time.Second, with(map[string]any{"filters": map[string]any{"model": append(awkward, "fast")}})),
		driver.DataQuery(t, "events", minute, time.Second, map[string]any{"queryType": "events", "filters": map[string]any{"model": awkward}}),
	)
	for name, r := range answers {
		require.NoError(t, r.Error, name)
		for _, f := range r.Frames {
			rows, err := f.RowLen()
			require.NoError(t, err)
			require.LessOrEqual(t, rows, 500, name)
		}
	}
	require.InDelta(t, 60, answers["a microsecond"].Frames[0].Rows(), 1, "a value a second, the finest there is")
	require.Empty(t, answers["awkward"].Frames[0].Fields)
	require.Eventually(t, func() bool {
		again := p.Ask(s, time.Minute, with(map[string]any{"filters": map[string]any{"model": awkward}}))
		return strings.Contains(driver.Notices(again["A"]), "no match for the filters")
	}, waitForScrape, pollEvery)
	require.Empty(t, answers["one awkward"].Frames[0].Fields)
	require.Len(t, answers["awkward and good"].Frames, 1)
	require.GreaterOrEqual(t, driver.Value(t, answers["awkward and good"], map[string]string{"model": "fast"}), 0.0)
	for _, v := range awkward[:10] {
		filters := `{"model":["` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\x00", `\u0000`).Replace(v) + `"]}`
		status, body := p.Call(s, "values", "label=version&filters="+url.QueryEscape(filters))
		require.Equal(t, 200, status, body)
		require.Empty(t, body["values"])
	}
}
