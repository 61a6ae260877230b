package plugin

import (
	"encoding/json"
	"net/url"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/executor"
	"github.com/coldhit/modelserving-datasource/pkg/query"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

func FuzzQuery(f *testing.F) {
	for _, text := range []string{
		`{}`, ``, `null`, `[]`, `{"signal":"response_time","statistics":["p95"],"groupBy":["model"],"filters":{"environment":["production"]},"limit":50,"window":"5m","legend":"{{model}}"}`,
		`{"expr":"sum by (model) (rate(modelserving_requests_total[1m]))","instant":true}`, `{"eventTypes":["load","eviction"],"emptyAsRow":true,"includeOthers":false}`,
		`{"limit":1e300}`, `{"limit":-1,"minimumRequests":1e999}`, `{"window":"9223372036854775807y"}`, `{"window":"-5m"}`, `{"filters":{"model":null,"":[""]}}`, `{"signal":1}`, `{"groupBy":[null]}`,
	} {
		f.Add(text, "signal", int64(1_700_000_000_000), int64(1_700_003_600_000), int64(15*time.Second), int64(1000))
	}
	f.Fuzz(func(t *testing.T, text, kind string, from, to, interval, points int64) {
		asked := backend.DataQuery{
			JSON: []byte(text), QueryType: kind, Interval: time.Duration(interval), MaxDataPoints: points,
			TimeRange: backend.TimeRange{From: time.UnixMilli(from), To: time.UnixMilli(to)},
		}
		r, err := decode(asked, executor.Grid{Period: 15 * time.Second})
		if err != nil {
			var user query.UserError
			require.ErrorAs(t, err, &user, "what is wrong is the user's query")
			require.NotEmpty(t, err.Error())
			return
		}
		require.GreaterOrEqual(t, r.Window, time.Duration(0))
		require.Positive(t, r.Grid.Step)
		require.LessOrEqual(t, int64(r.Grid.End.Sub(r.Grid.Start)/r.Grid.Step), int64(11_000))
		require.LessOrEqual(t, len(r.Statistics)+len(r.GroupBy)+len(r.Filters)+len(r.EventTypes), len(text))
		// The same query in other words is the same query.
		var m queryModel
		require.NoError(t, json.Unmarshal(asked.JSON, &m))
		asked.JSON, err = json.Marshal(m)
		require.NoError(t, err)
		again, err := decode(asked, executor.Grid{Period: 15 * time.Second})
		require.NoError(t, err)
		require.Equal(t, r, again)
	})
}

// FuzzResourceParameters reads what editors and variables put into the URLs of resources.
func FuzzResourceParameters(f *testing.F) {
	for _, text := range []string{
		"label=model&filters=%7B%22environment%22%3A%5B%22a%22%5D%7D&from=1700000000000&to=1700003600000", "from=9223372036854775807&to=-9223372036854775808",
		"to=1e3", "from=&to=", "filters=null", "filters=%7B%22x%22%3A%5B%5D%7D", "filters=%7B%22model%22%3A1%7D", "%zz",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		parameters, err := url.ParseQuery(text)
		if err != nil {
			return // net/http answers such a request
		}
		start, end, err := timeRange(parameters.Get("from"), parameters.Get("to"))
		if err != nil {
			require.Regexp(t, `^(invalid (from|to) ".*": expected milliseconds|the time range is empty)`, err.Error())
		} else {
			require.True(t, end.After(start))
		}
		filters, err := decodeFilters(parameters.Get("filters"))
		if err != nil {
			require.Regexp(t, "^(the filters cannot be read, expected an object|there is no label )", err.Error())
			return
		}
		given := map[string][]string{}
		for label, values := range filters {
			require.Contains(t, signal.Labels, label)
			require.NotEmpty(t, values)
			given[string(label)] = values
		}
		written, err := json.Marshal(given)
		require.NoError(t, err)
		again, err := decodeFilters(string(written))
		require.NoError(t, err)
		require.Equal(t, filters, again)
	})
}
