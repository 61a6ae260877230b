package blackbox

import (
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/remote/prometheustest"
	"github.com/coldhit/modelserving-datasource/tests/blackbox/driver"
)

// refreshed is what the panels of a dashboard over many models ask for.
func refreshed() []map[string]any {
	var out []map[string]any
	for _, q := range []map[string]any{
		query("requests", nil, "model"), query("requests", nil, "status"), query("error_rate", nil, "model"), query("error_rate", nil, "deployment"),
		query("response_time", []string{"p50", "p90", "p95", "p99"}, "model"), query("response_time", []string{"p95"}, "start"),
		query("response_time", []string{"mean"}, "model"), query("client_error_rate", nil, "model"),
	} {
		out = append(out, automatic(q))
	}
	return out
}

// refreshCost is what one refresh cost: at the server, on the wire, and until the answer was there.
type refreshCost struct {
	requests, bytes, series int64
	time                    time.Duration
}

// BenchmarkRefreshWithRecordingRules refreshes a dashboard over 500 models of four replicas on a Prometheus that has the plugin's
// recording rules, and on one that has none, with the same samples, and the table of models beside it. The times are the shortest of three refreshes each.
func BenchmarkRefreshWithRecordingRules(b *testing.B) {
	const models, replicas, shown, rounds = 500, 4, 15 * time.Minute, 3
	p := driver.Start(b, binary, b.TempDir())
	f := record(b, p, shown+unrecorded+5*time.Minute, models, replicas, "", inTime)
	at := f.end
	refresh := func(server *prometheustest.Server, s driver.Source) (cost refreshCost, shownSeries int) {
		requests, bytes, began := server.Requests.Load(), server.Bytes.Load(), time.Now()
		var answers []backend.DataResponse
		for _, q := range refreshed() {
			answers = append(answers, p.AskRange(s, backend.TimeRange{From: at.Add(-shown), To: at}, scrapedEvery, q)["A"])
		}
		cost = refreshCost{requests: server.Requests.Load() - requests, bytes: server.Bytes.Load() - bytes, time: time.Since(began)}
		for _, a := range answers {
			shownSeries += len(numbersOf(b, a))
			cost.series += f.ruler.seriesOf(b, server, a, at.Add(-shown), at)
		}
		return cost, shownSeries
	}
	sourceWith, sourceWithout := driver.Prometheus("with", f.with.URL), driver.Prometheus("without", f.without.URL)
	refresh(f.with, sourceWith)
	refresh(f.without, sourceWithout)
	table := func(s driver.Source) (took time.Duration) {
		began := time.Now()
		answer := p.AskRange(s, backend.TimeRange{From: at.Add(-shown), To: at}, scrapedEvery, map[string]any{"queryType": "models"})["A"]
		require.NoError(b, answer.Error)
		require.Equal(b, models, answer.Frames[0].Rows())
		return time.Since(began)
	}
	for b.Loop() {
		var raw, recorded refreshCost
		var rawTable, recordedTable time.Duration
		for round := range rounds {
			at = at.Add(scrapedEvery)
			samples := f.counters.scrape(at, models, replicas)
			f.with.Append(b, samples...)
			f.without.Append(b, samples...)
			f.ruler.evaluate(b, at, inTime)
			without, seriesWithout := refresh(f.without, sourceWithout)
			with, seriesWith := refresh(f.with, sourceWith)
			require.Equal(b, seriesWithout, seriesWith)
			require.Positive(b, seriesWith)
			withoutTable, withTable := table(sourceWithout), table(sourceWith)
			if round == 0 || withoutTable < rawTable {
				rawTable = withoutTable
			}
			if round == 0 || withTable < recordedTable {
				recordedTable = withTable
			}
			if round == 0 || without.time < raw.time {
				raw = without
			}
			if round == 0 || with.time < recorded.time {
				recorded = with
			}
		}
		b.Logf("a refresh of %d panels over %d models of %d replicas: without rules %s, %d requests, %.2f MB, %d series read by the server; with rules %s, %d requests, %.2f MB, %d series; %.2f of the time, %.2f of the series",
			len(refreshed()), models, replicas, raw.time, raw.requests, float64(raw.bytes)/(1<<20), raw.series,
			recorded.time, recorded.requests, float64(recorded.bytes)/(1<<20), recorded.series,
			float64(recorded.time)/float64(raw.time), float64(recorded.series)/float64(raw.series))
		b.Logf("the table of models over %s: without rules %s, with rules %s; %.2f of the time", shown, rawTable, recordedTable, float64(recordedTable)/float64(rawTable))
		b.ReportMetric(float64(recordedTable)/float64(rawTable), "table-time-ratio")
		b.ReportMetric(float64(recorded.time)/float64(raw.time), "time-ratio")
		b.ReportMetric(float64(recorded.bytes)/float64(raw.bytes), "bytes-ratio")
		b.ReportMetric(float64(recorded.series)/float64(raw.series), "series-ratio")
	}
}
