package recorder

import (
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"
)

func newRequest(path string) (*http.Request, error) {
	return http.NewRequest(http.MethodPost, "http://h"+path, http.NoBody)
}

var oneMinute = windowOptions{slice: time.Minute, slices: 2}

// use records a request of a model at a time.
func use(l *ledger, model string, at time.Time) { useWith(l, model, "200", at) }

func useWith(l *ledger, model, code string, at time.Time) {
	key := modelKey{model: model}
	series := l.acquire(key, at)
	o := &observation{countKey: countKey{Hot, "header", protocolHTTP, code}}
	o.set(responseTime, 0.1)
	series.observe(o)
	l.release(series, key, code == "200", at)
}

// A flood of names that the server does not have takes no place from those that it has, for however long they are idle, and gives way
// to one that it has.
func TestInventedNamesPushNoServedModelOut(t *testing.T) {
	const limit = 1000
	l := newLedger(limit, 5*time.Minute, oneMinute)
	now := time.Now()
	for i := range limit / 2 {
		use(l, fmt.Sprint("real-", i), now)
	}
	for i := range 100_000 {
		now = now.Add(100 * time.Millisecond) // nearly three hours
		useWith(l, fmt.Sprint("invented-", i), "404", now)
	}
	kept := func(prefix string) (n int) {
		_, models := total(l)
		for _, model := range models {
			if strings.HasPrefix(model, prefix) {
				n++
			}
		}
		return n
	}
	require.Equal(t, limit/2, kept("real-"))
	require.Equal(t, limit/2, kept("invented-"))
	for i := range limit / 2 {
		use(l, fmt.Sprint("real-new-", i), now)
	}
	require.Equal(t, limit, kept("real-"), "each takes the place of an invented one, without a wait")
	require.Zero(t, kept("invented-"))
	sum, _ := total(l)
	require.Equal(t, uint64(100_000+limit), sum, "no request is lost")
	for i := range limit / 2 {
		use(l, fmt.Sprint("real-", i), now)
	}
	use(l, "one more", now)
	require.Zero(t, kept("one more"), "all are in use")
	now = now.Add(5 * time.Minute)
	use(l, "one more", now)
	use(l, "one more", now)
	require.Equal(t, 1, kept("one more"))
	require.Equal(t, limit-1, kept("real-"))
}

func total(l *ledger) (sum uint64, models []string) {
	entries, _, _ := l.list()
	for _, entry := range entries {
		n, _ := entry.countsByCode()
		sum += n
		models = append(models, entry.key.model)
	}
	return sum, models
}

func TestLeastRecentlyUsedModelsFoldIntoOther(t *testing.T) {
	l := newLedger(3, 0, oneMinute)
	now := time.Now()
	for i, model := range []string{"a", "b", "c", "a", "d", "e"} {
		use(l, model, now.Add(time.Duration(i)*time.Second))
	}
	sum, models := total(l)
	require.Equal(t, uint64(6), sum, "no request is lost")
	require.Equal(t, []string{"e", "d", "a", "other"}, models)
	_, own, aggregated := l.list()
	require.Equal(t, 3, own)
	require.Equal(t, uint64(2), aggregated)
}

func TestModelsInUseKeepTheirSeries(t *testing.T) {
	l := newLedger(2, time.Minute, oneMinute)
	now := time.Now()
	use(l, "a", now)
	held := l.acquire(modelKey{model: "b"}, now.Add(time.Millisecond))
	use(l, "c", now.Add(time.Second))
	_, models := total(l)
	require.Equal(t, []string{"b", "a", "other"}, models, "none was idle for a minute, so that c is counted in other")

	later := now.Add(time.Hour)
	use(l, "d", later)
	use(l, "e", later)
	_, models = total(l)
	require.Equal(t, []string{"d", "b", "other"}, models, "a request of b is still in progress, and d was just used")
	l.release(held, modelKey{model: "b"}, true, later)
}

func TestFoldingAddsNothingThatWasScraped(t *testing.T) {
	l := newLedger(1, 0, oneMinute)
	now := time.Now()
	use(l, "a", now)
	use(l, "a", now)
	entries, _, _ := l.list()
	require.NotEmpty(t, entries[0].collect())
	use(l, "a", now)
	use(l, "b", now)
	count, _ := l.other.countsByCode()
	require.Equal(t, uint64(2), count, "of a's three requests a scrape has seen two, and b had no series before its first one")
	require.Empty(t, entries[0].collect(), "a scrape under way does not count a's requests twice")
}

// Whoever scrapes while models come and go faster than there is room for them sees every request once.
func TestNothingIsLostOrCountedTwiceWhileModelsComeAndGo(t *testing.T) {
	l := newLedger(5, 0, oneMinute)
	type life struct {
		labels  string
		created time.Time
	}
	seen := map[life]float64{}
	scrape := func() {
		entries, own, _ := l.list()
		require.LessOrEqual(t, own, 5)
		for _, entry := range entries {
			for _, metric := range entry.collect() {
				written := &dto.Metric{}
				require.NoError(t, metric.Write(written))
				if counter := written.GetCounter(); counter != nil {
					key := life{fmt.Sprint(written.GetLabel()), counter.GetCreatedTimestamp().AsTime()}
					require.GreaterOrEqual(t, counter.GetValue(), seen[key], "a counter never falls")
					seen[key] = counter.GetValue()
				}
			}
		}
	}
	const clients, each = 8, 2000
	var using sync.WaitGroup
	for client := range clients {
		using.Go(func() {
			for i := range each {
				model := fmt.Sprint((i*7 + client*3) % 40)
				if i%50 == 0 {
					model = otherModel
				}
				use(l, model, time.Now())
			}
		})
	}
	done := make(chan struct{})
	go func() {
		using.Wait()
		close(done)
	}()
	for ended := false; !ended; {
		select {
		case <-done:
			ended = true
		default:
		}
		scrape()
	}
	var sum float64
	for _, n := range seen {
		sum += n
	}
	require.InDelta(t, clients*each, sum, 0)
	entries, _, aggregated := l.list()
	require.Positive(t, aggregated)
	for _, entry := range entries {
		require.Zero(t, entry.references)
	}
}

func TestCodesAreBounded(t *testing.T) {
	series := newModelSeries(modelKey{model: "m"}, oneMinute)
	for i := range 10 * maxCodes {
		series.observe(&observation{countKey: countKey{Hot, "header", protocolWebSocket, fmt.Sprint(3000 + i)}})
	}
	requests, codes := series.countsByCode()
	require.Equal(t, uint64(10*maxCodes), requests)
	require.Len(t, codes, maxCodes+1)
	require.Equal(t, uint64(9*maxCodes), codes[otherCode])
}

func TestLiveQuantilesAreExact(t *testing.T) {
	window := &rollingHistogram{options: oneMinute}
	var all []float64
	for i := range 10_000 {
		elapsed := time.Duration(math.Exp(float64(i)/1000)) * time.Millisecond
		all = append(all, elapsed.Seconds())
		window.observe(elapsed)
		if i == 5000 {
			window.advance()
		}
	}
	slices.Sort(all)
	got := quantilesOf(window.merged())
	require.Equal(t, int64(10_000), got.Requests)
	for _, test := range []struct{ got, rank float64 }{{got.P50, 0.5}, {got.P90, 0.9}, {got.P95, 0.95}, {got.P99, 0.99}, {got.P999, 0.999}} {
		exact := all[int(math.Ceil(test.rank*float64(len(all))))-1]
		require.InEpsilon(t, exact, test.got, quantileError, "p%v", test.rank)
	}
}

func TestLiveWindowForgets(t *testing.T) {
	window := &rollingHistogram{options: oneMinute}
	window.observe(time.Second)
	window.observe(10 * time.Hour)
	for range oneMinute.slices {
		window.advance()
		require.Equal(t, int64(2), window.merged().TotalCount())
	}
	window.advance()
	require.Zero(t, window.merged().TotalCount())
	require.Nil(t, window.current)
	require.Empty(t, window.past)
}

func TestBothPathsBeginAtZero(t *testing.T) {
	l := newLedger(3, 0, oneMinute)
	before := time.Now()
	use(l, "a", before)
	entries, _, _ := l.list()
	require.Len(t, entries, 1)
	counts := map[string]float64{}
	for _, metric := range entries[0].collect() {
		written := &dto.Metric{}
		require.NoError(t, metric.Write(written))
		if written.GetCounter() == nil {
			continue
		}
		for _, label := range written.GetLabel() {
			if label.GetName() == "start" {
				counts[label.GetValue()] = written.GetCounter().GetValue()
			}
		}
		require.False(t, written.GetCounter().GetCreatedTimestamp().AsTime().Before(before), "a scraper can tell when it began")
	}
	require.Equal(t, map[string]float64{"hot": 1, "cold": 0}, counts)
}
