package frames

import (
	"flag"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/grafana/grafana-plugin-sdk-go/experimental"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/analysis"
	"github.com/coldhit/modelserving-datasource/pkg/series"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

var update = flag.Bool("update", false, "rewrite the golden files")

type labels = map[string]string

const step = 15 * time.Second

func find(t *testing.T, name string) signal.Signal {
	t.Helper()
	s, ok := signal.Find(name)
	require.True(t, ok)
	return s
}

func one(st signal.Statistic, l labels, values ...float64) analysis.Series {
	s := analysis.Series{Statistic: st, Series: series.Series{Labels: l, Values: values}}
	for i := range values {
		s.Times = append(s.Times, 1_700_000_000_000+int64(i)*15_000)
	}
	return s
}

func others(s analysis.Series) analysis.Series {
	s.Others = true
	return s
}

var notice = []data.Notice{{Severity: data.NoticeSeverityWarning, Text: "a notice"}}

func answers(t *testing.T) map[string]data.Frames {
	t.Helper()
	response, requests := find(t, "response_time"), find(t, "requests")
	two := []analysis.Series{
		one(signal.P95, labels{"model": "fast", "version": "1"}, 0.1, 0.2), one(signal.Mean, labels{"model": "slow", "version": "2"}, 0.3, 0.4),
	}
	return map[string]data.Frames{
		"range":         Of(Result{Step: step, Signal: response, Series: two, Notices: notice, Executed: "rate(a[1m])"}),
		"instant":       Of(Result{Signal: response, Series: []analysis.Series{one(signal.P95, labels{"model": "fast"}, 0.1)}, Executed: "a"}),
		"others":        Of(Result{Step: step, Signal: requests, Series: []analysis.Series{one(signal.Rate, labels{"model": "a"}, 1, 2), others(one(signal.Rate, labels{}, 3, 4))}}),
		"none":          Of(Result{Step: step, Signal: response, Notices: notice, Executed: "a"}),
		"none-instant":  Of(Result{Signal: response}),
		"raw":           Raw([]series.Series{{Labels: labels{"__name__": "up", "job": "one"}, Times: []int64{1000, 2000}, Values: []float64{1, 0}}}, "{{job}}", step, "up", notice),
		"raw-instant":   Raw([]series.Series{{Labels: labels{"job": "one"}, Times: []int64{1000}, Values: []float64{1}}}, "", 0, "up", nil),
		"raw-none":      Raw(nil, "", step, "up", notice),
		"events":        Events([]Event{{time.UnixMilli(1_700_000_000_000).UTC(), "Model loaded: a", "a on host", []string{"load", "production"}}}, "loads", notice),
		"events-none":   Events(nil, "loads", nil),
		"single-number": Of(Result{Signal: find(t, "cpu_usage"), Series: []analysis.Series{one(signal.Last, labels{}, 0.5)}}),
	}
}

func TestGoldens(t *testing.T) {
	t.Parallel()
	for name, frames := range answers(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder, err := filepath.Abs("testdata")
			require.NoError(t, err)
			experimental.CheckGoldenJSONResponse(t, folder, name, &backend.DataResponse{Frames: frames}, *update)
		})
	}
}

// The dataplane contract: one type a query with version 0.1, one series a frame, ascending times, nothing missing, and a
// frame without fields where there is no data.
func TestDataplaneContract(t *testing.T) {
	t.Parallel()
	for name, frames := range answers(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.NotEmpty(t, frames)
			kind := frames[0].Meta.Type
			for i, f := range frames {
				require.Equal(t, kind, f.Meta.Type, "one type a query")
				require.Equal(t, data.FrameTypeVersion{0, 1}, f.Meta.TypeVersion)
				if i > 0 {
					require.Empty(t, f.Meta.Notices, "notices once")
					require.Empty(t, f.Meta.ExecutedQueryString)
					require.NotEmpty(t, f.Fields)
				}
				requireKind(t, kind, f)
			}
			requireUnique(t, frames)
		})
	}
}

func requireKind(t *testing.T, kind data.FrameType, f *data.Frame) {
	t.Helper()
	rows, err := f.RowLen()
	require.NoError(t, err)
	if kind == data.FrameTypeTable || len(f.Fields) == 0 {
		return
	}
	value := f.Fields[len(f.Fields)-1]
	require.Equal(t, data.FieldTypeFloat64, value.Type())
	require.NotEmpty(t, value.Labels)
	switch kind {
	case data.FrameTypeTimeSeriesMulti:
		require.Len(t, f.Fields, 2)
		require.Equal(t, data.FieldTypeTime, f.Fields[0].Type())
		require.Positive(t, rows)
		for i := 1; i < rows; i++ {
			require.True(t, f.Fields[0].At(i).(time.Time).After(f.Fields[0].At(i-1).(time.Time)))
		}
	case data.FrameTypeNumericMulti:
		require.Len(t, f.Fields, 1)
		require.Equal(t, 1, rows)
	default:
		require.FailNow(t, "unknown type", kind)
	}
}

func requireUnique(t *testing.T, frames data.Frames) {
	t.Helper()
	seen := map[string]bool{}
	for _, f := range frames {
		for _, field := range f.Fields {
			if field.Type() == data.FieldTypeFloat64 {
				key := fmt.Sprint(field.Name, field.Labels)
				require.False(t, seen[key], "two series %s", key)
				seen[key] = true
			}
		}
	}
}

// Grafana 10.1's status history says of a frame without fields that it lacks a time field. A series without values has a name to show.
func TestRowsSayThatThereIsNoData(t *testing.T) {
	t.Parallel()
	response := find(t, "response_time")
	frames := Of(Result{Step: step, Signal: response, Rows: true, Notices: notice, Executed: "a"})
	require.Len(t, frames, 1)
	require.Equal(t, notice, frames[0].Meta.Notices)
	require.Equal(t, data.FrameTypeTimeSeriesMulti, frames[0].Meta.Type)
	rows, err := frames[0].RowLen()
	require.NoError(t, err)
	require.Zero(t, rows)
	require.Len(t, frames[0].Fields, 2)
	require.Equal(t, data.FieldTypeTime, frames[0].Fields[0].Type())
	require.Equal(t, "No data", frames[0].Fields[1].Config.DisplayNameFromDS)

	require.Empty(t, Of(Result{Signal: response, Rows: true})[0].Fields, "one number has no row")
	some := Of(Result{Step: step, Signal: response, Rows: true, Series: []analysis.Series{one(signal.P95, labels{"model": "a"}, 1)}})
	require.Len(t, some, 1)
	require.Equal(t, "a", some[0].Fields[1].Config.DisplayNameFromDS)
}

func TestNames(t *testing.T) {
	t.Parallel()
	fast, slow := labels{"model": "fast", "environment": "production"}, labels{"model": "slow", "version": "2"}
	for name, c := range map[string]struct {
		legend string
		series []analysis.Series
		names  []string
	}{
		"values of the labels":         {"", []analysis.Series{one(signal.P95, fast, 1), one(signal.P95, slow, 1)}, []string{"production · fast", "slow · 2"}},
		"and statistics where several": {"", []analysis.Series{one(signal.P95, fast, 1), one(signal.Mean, fast, 1)}, []string{"production · fast · p95", "production · fast · mean"}},
		"no labels":                    {"", []analysis.Series{one(signal.P95, labels{}, 1)}, []string{"Response time"}},
		"one has no label":             {"", []analysis.Series{one(signal.P95, labels{"state": "queued"}, 1), one(signal.P95, labels{}, 1)}, []string{"queued", "state not reported"}},
		"one has no labels":            {"", []analysis.Series{one(signal.P95, labels{"status": "5xx", "code": "500"}, 1), one(signal.P95, labels{"code": ""}, 1)}, []string{"5xx · 500", "status, code not reported"}},
		"no labels, statistics":        {"", []analysis.Series{one(signal.P95, labels{}, 1), one(signal.Mean, labels{}, 1)}, []string{"p95", "mean"}},
		"others":                       {"", []analysis.Series{one(signal.P95, fast, 1), others(one(signal.P95, labels{}, 1))}, []string{"production · fast", "others"}},
		"a legend":                     {"{{model}} ({{ statistic }})", []analysis.Series{one(signal.P95, fast, 1)}, []string{"fast (p95)"}},
		"an unknown label":             {"[{{pod}}]", []analysis.Series{one(signal.P95, fast, 1)}, []string{"[]"}},
		"unclosed":                     {"{{model}} {{version", []analysis.Series{one(signal.P95, slow, 1)}, []string{"slow {{version"}},
		"a template in a label":        {"{{model}}{{version}}", []analysis.Series{one(signal.P95, labels{"model": "{{version}}", "version": "$1"}, 1)}, []string{"{{version}}$1"}},
		"plain text":                   {"p95}} of all", []analysis.Series{one(signal.P95, slow, 1)}, []string{"p95}} of all"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var names []string
			for _, f := range Of(Result{Step: step, Signal: find(t, "response_time"), Series: c.series, Legend: c.legend}) {
				names = append(names, f.Fields[1].Config.DisplayNameFromDS)
			}
			require.Equal(t, c.names, names)
		})
	}
}

// Making frames leaves the labels of the answer as they are: others of the same answer may share them.
func TestLabelsAreCopied(t *testing.T) {
	t.Parallel()
	shared := labels{}
	Of(Result{Step: step, Signal: find(t, "requests"), Series: []analysis.Series{others(one(signal.Rate, shared, 1)), one(signal.Rate, shared, 1)}})
	require.Empty(t, shared)
}

func TestExecutedTextsAreBounded(t *testing.T) {
	long := strings.Repeat("ä", maxExecuted)
	got := Of(Result{Signal: find(t, "requests"), Executed: long, Series: []analysis.Series{
		{Series: series.Series{Labels: labels{"model": "a"}, Times: []int64{1}, Values: []float64{1}}, Executed: "short"},
		{Series: series.Series{Labels: labels{"model": "b"}, Times: []int64{1}, Values: []float64{1}}, Executed: long},
	}})
	for i, most := range []int{maxExecuted, MaxSeriesExecuted} {
		text := got[i].Meta.ExecutedQueryString
		require.Less(t, len(text), most+100)
		require.True(t, utf8.ValidString(text))
		require.Contains(t, text, "bytes more, not shown")
	}
}
