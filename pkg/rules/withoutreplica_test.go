package rules

import (
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/profile"
)

// hosted is a platform's page about one model, every 15 seconds for so long.
func (f *fleet) hosted(d time.Duration, at func(minute int) (requests float64, replicas float64, told bool)) {
	begin := time.UnixMilli(1_700_000_000_000)
	for end := f.now.Add(d); f.now.Before(end); f.now = f.now.Add(scrapeEvery) {
		requests, replicas, told := at(int(f.now.Sub(begin) / time.Minute))
		c := f.counts["iris"]
		c.fast += requests
		add := func(metric string, v float64, more ...string) {
			ls := append([]string{"__name__", metric, "environment", "production", "deployment", "hosted", "instance", "platform:80", "model_name", "iris", "deployment_id", "d1"}, more...)
			f.append(labels.FromStrings(ls...), f.now, v)
		}
		add("baseten_inference_requests_total", c.fast, "is_async", "false", "status_code", "200")
		if told {
			add("baseten_replicas_active", replicas)
		}
		f.commit()
		if f.now.Sub(begin)%time.Minute == 0 {
			f.record()
		}
	}
}

// Where nothing counts cold hits, requests that came while no replica was active are those, in exported rules as in panels.
func TestPrometheusRulesCountRequestsWithoutAReplica(t *testing.T) {
	t.Parallel()
	text, err := Prometheus(defaults(), profile.EverythingOf(profiles(t, "baseten")), defaultObjectives(t))
	require.NoError(t, err)
	f := &fleet{store: newStore(t), groups: parsed(t, text), now: time.UnixMilli(1_700_000_000_000), counts: map[string]*traffic{"iris": {}}}
	const share = "modelserving:model:cold_hit_rate:mean_5m"
	f.hosted(20*time.Minute, func(int) (float64, float64, bool) { return 10, 2, true })
	at := f.now.Add(-scrapeEvery)
	calm := f.ask(share, at)
	require.Len(t, calm, 1)
	require.Equal(t, "iris", calm[0].Metric.Get("model"))
	require.Zero(t, calm[0].F, "there was a replica all the time")
	require.NotContains(t, f.active(), "CacheHitRatioLow iris")

	// Every five minutes it is gone for two, and the first of the requests wait.
	f.hosted(20*time.Minute, func(minute int) (float64, float64, bool) {
		switch minute % 5 {
		case 0, 1:
			return 8, 0, true
		default:
			return 8, 1, true
		}
	})
	woken := f.ask(share, f.now.Add(-scrapeEvery))
	require.Len(t, woken, 1)
	require.InDelta(t, 0.4, woken[0].F, 0.1)
	require.Contains(t, f.active(), "CacheHitRatioLow iris")
	require.NotEmpty(t, f.ask("modelserving:model:slo_burn_rate:1h{objective=\"cache_hit_ratio\"}", f.now.Add(-scrapeEvery)))

	f.hosted(20*time.Minute, func(int) (float64, float64, bool) { return 8, 0, false })
	require.Empty(t, f.ask(share, f.now.Add(-scrapeEvery)), "nobody tells how many replicas there are")
	require.NotContains(t, f.active(), "CacheHitRatioLow iris")
}
