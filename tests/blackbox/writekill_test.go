package blackbox

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/prompb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/util/compression"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/remote/prometheustest"
	"github.com/coldhit/modelserving-datasource/tests/blackbox/driver"
)

// arrivals counts the samples that a server was sent, and how many of them more than once.
type arrivals struct {
	t  *testing.T
	mu sync.Mutex
	// times are how often each sample came, by series and time.
	times           map[string]map[int64]int
	total, repeated int
	// hold is called for each request before its samples are stored.
	hold func(samples int)
}

func (a *arrivals) intercept(_ http.ResponseWriter, r *http.Request) bool {
	body, err := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	if err != nil {
		return false // the sender was killed
	}
	text, err := compression.Decode(compression.Snappy, body, compression.NewSyncDecodeBuffer())
	if err != nil {
		a.t.Errorf("a request that is no remote write: %v", err)
		return false
	}
	var request prompb.WriteRequest
	if err := request.Unmarshal(text); err != nil {
		a.t.Errorf("a request that is no remote write: %v", err)
		return false
	}
	samples := 0
	for _, one := range request.Timeseries {
		samples += len(one.Samples)
	}
	a.hold(samples)
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, one := range request.Timeseries {
		name := fmt.Sprint(one.Labels)
		if a.times[name] == nil {
			a.times[name] = map[int64]int{}
		}
		for _, s := range one.Samples {
			a.times[name][s.Timestamp]++
			a.total++
			if a.times[name][s.Timestamp] > 1 {
				a.repeated++
			}
		}
	}
	return false
}

func (a *arrivals) counts() (total, repeated int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.total, a.repeated
}

// countStored is how many samples of a metric a server has up to a time, but for the marks of series that ended.
func countStored(t *testing.T, server *prometheustest.Server, metric string, until time.Time) (n int) {
	t.Helper()
	querier, err := server.DB.Querier(math.MinInt64, until.UnixMilli())
	require.NoError(t, err)
	defer func() { require.NoError(t, querier.Close()) }()
	found := querier.Select(t.Context(), false, nil, labels.MustNewMatcher(labels.MatchEqual, "__name__", metric))
	for found.Next() {
		iterator := found.At().Iterator(nil)
		for iterator.Next() == chunkenc.ValFloat {
			if _, v := iterator.At(); !value.IsStaleNaN(v) {
				n++
			}
		}
	}
	require.NoError(t, found.Err())
	return n
}

// slowServer answers each request of samples after some more scrapes, so that the next window has several samples of each series. A request
// that main waits for is answered when the process that sent it is dead: its samples are stored all the same.
type slowServer struct {
	// test ends with the test.
	test   context.Context
	target *fakeServer
	// caught is a request that waits for released.
	caught, released chan struct{}
	catch            atomic.Bool
}

func (s *slowServer) hold(samples int) {
	const several = 3
	if samples < killSeries {
		return // a part of what was refused, or a question whether samples are taken
	}
	if samples < 2*killSeries {
		s.awaitScrapes(several)
		return
	}
	if s.catch.CompareAndSwap(true, false) {
		select {
		case s.caught <- struct{}{}:
			<-s.released
		case <-s.test.Done():
		}
	}
}

func (s *slowServer) awaitScrapes(more float64) {
	least := s.target.value(`sent_number{i="0"} `) + more
	for s.test.Err() == nil && s.target.value(`sent_number{i="0"} `) < least {
		time.Sleep(pollEvery)
	}
}

const killSeries = 300

// Killed again and again in the middle of a request that the server stores, the plugin loses no stored sample on the way to a server that wants
// samples in order, and sends at most what was on its way again.
func TestKillsWhileSendingLoseNothing(t *testing.T) {
	t.Parallel()
	const kills = 4
	var page strings.Builder
	for i := range killSeries {
		fmt.Fprintf(&page, "sent_number{i=\"%d\"} +1\n", i)
	}
	server := prometheustest.New(t, prometheustest.WithoutLateSamples)
	target := newFakeServer(t, page.String())
	slow := &slowServer{test: t.Context(), target: target, caught: make(chan struct{}), released: make(chan struct{})}
	arrived := &arrivals{t: t, times: map[string]map[int64]int{}, hold: slow.hold}
	server.Intercept = arrived.intercept
	s := writing("killed", server.URL, target.target("one", "d"))
	folder := t.TempDir()
	p := driver.Start(t, binary, folder)
	for range kills {
		requireStoredSeries(t, p, s)
		slow.catch.Store(true)
		<-slow.caught
		kill(t, p)
		slow.released <- struct{}{}
		p = driver.Start(t, binary, folder)
	}
	end := time.Now()
	for health := ""; !strings.Contains(health, "up to date"); health = p.Check(s).Message + string(p.Check(s).JSONDetails) {
		require.Less(t, time.Since(end), waitForScrape, health)
	}
	r := p.AskRange(s, backend.TimeRange{From: end.Add(-time.Minute), To: end}, time.Second, countSent())["A"]
	require.NoError(t, r.Error)
	want := driver.Value(t, r, nil)
	require.Greater(t, want, float64(kills*killSeries))
	require.Eventually(t, func() bool { return countStored(t, server, "sent_number", end) >= int(want) }, waitForScrape, pollEvery,
		"%g are stored", want)
	require.Equal(t, int(want), countStored(t, server, "sent_number", end))
	total, repeated := arrived.counts()
	t.Logf("%d samples came, %d of them again, over %d kills", total, repeated, kills)
	require.LessOrEqual(t, repeated, kills*10*killSeries, "at most the window that was on its way for each kill, and its halves that the server refused")
	require.NotContains(t, string(p.Check(s).JSONDetails), "were rejected", "what was sent twice is no loss")
}

func countSent() map[string]any {
	q := promQL(`sum(count_over_time(sent_number[1h]))`)
	q["instant"] = true
	return q
}

// requireStoredSeries waits until the plugin has data, and so sends it.
func requireStoredSeries(t *testing.T, p *driver.Plugin, s driver.Source) {
	t.Helper()
	require.Eventually(t, func() bool {
		_, found := driver.Find(p.Ask(s, time.Minute, countSent())["A"], nil)
		return found
	}, waitForScrape, pollEvery)
}
