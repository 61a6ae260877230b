package load

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/demo/fleet"
)

// fakeServer counts what reaches it, by path, and answers with what respond says.
type fakeServer struct {
	mu    sync.Mutex
	paths map[string]int64
}

// patience bounds waits that end by themselves.
const patience = time.Minute

func startServer(t *testing.T, respond http.HandlerFunc) (*fakeServer, string) {
	fake := &fakeServer{paths: map[string]int64{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fake.mu.Lock()
		fake.paths[r.URL.Path]++
		fake.mu.Unlock()
		respond(w, r)
	}))
	t.Cleanup(server.Close)
	return fake, server.URL
}

func (f *fakeServer) received(path string) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.paths[path]
}

func countsOf(t *testing.T, driver *Driver) Counts {
	recorder := httptest.NewRecorder()
	driver.Handler().ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/counts", nil))
	require.Equal(t, http.StatusOK, recorder.Code)
	var counts Counts
	require.NoError(t, json.Unmarshal(recorder.Body.Bytes(), &counts))
	return counts
}

func options(url string) Options {
	return Options{
		BaseURL: url, RequestsPerSecond: 300, Popularity: 1, MaxInFlight: 32, Timeout: 10 * time.Second, MaxDuration: 700 * time.Millisecond,
		Models: []fleet.Model{{Name: "good", Versions: []int{1, 2}}, {Name: "bad", Versions: []int{1}}},
	}
}

func TestCountsAreThoseOfTheServer(t *testing.T) {
	fake, url := startServer(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "bad") {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	driver := NewDriver(options(url))
	driver.Run(t.Context())
	counts := countsOf(t, driver)

	good, bad := counts.Models["good"], counts.Models["bad"]
	require.Positive(t, good.Sent)
	require.Equal(t, good.Sent, good.OK)
	require.Equal(t, fake.received("/v2/models/good/infer"), good.OKByVersion[""])
	require.Equal(t, fake.received("/v2/models/good/versions/1/infer"), good.OKByVersion["1"])
	require.Equal(t, good.OK, good.OKByVersion[""]+good.OKByVersion["1"])
	require.Positive(t, good.OKLatencySeconds)

	require.Positive(t, bad.Sent)
	require.Zero(t, bad.OK)
	require.Equal(t, map[string]int64{"503": bad.Sent}, bad.Failed)
	require.Equal(t, fake.received("/v2/models/bad/infer"), bad.Sent)
	require.Greater(t, good.Sent, bad.Sent, "the first model is the more popular one")
}

func TestAnswersAreToldApartByTheirPath(t *testing.T) {
	_, url := startServer(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "bad") {
			w.Header().Set("X-Way", "cold")
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("X-Way", "hot")
	})
	o := options(url)
	o.StartHeader = "X-Way"
	driver := NewDriver(o)
	driver.Run(t.Context())
	counts := countsOf(t, driver).Models
	require.Len(t, counts["good"].ByStart, 1)
	require.Equal(t, counts["good"].OK, counts["good"].ByStart["hot"].Answered)
	require.InDelta(t, counts["good"].OKLatencySeconds, counts["good"].ByStart["hot"].LatencySeconds, 1e-9)
	require.Len(t, counts["bad"].ByStart, 1)
	require.Equal(t, counts["bad"].Failed["503"], counts["bad"].ByStart["cold"].Answered)
	require.Positive(t, counts["bad"].ByStart["cold"].LatencySeconds)
}

func TestRequestsInFlightAreBounded(t *testing.T) {
	release := make(chan struct{})
	_, url := startServer(t, func(http.ResponseWriter, *http.Request) { <-release })
	limited := options(url)
	limited.MaxInFlight = 3
	driver := NewDriver(limited)
	done := make(chan struct{})
	go func() { driver.Run(t.Context()); close(done) }()
	require.Eventually(t, func() bool {
		counts := countsOf(t, driver)
		return counts.Models["good"].Skipped > 0 && counts.Models["good"].InFlight+counts.Models["bad"].InFlight == 3
	}, patience, 5*time.Millisecond)
	close(release)
	<-done
	counts := countsOf(t, driver)
	require.Zero(t, counts.Models["good"].InFlight)
	require.Zero(t, counts.Models["bad"].InFlight)
}

func TestUnreachableServerIsCounted(t *testing.T) {
	_, url := startServer(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	driver := NewDriver(options(url))
	driver.Run(t.Context())
	counts := countsOf(t, driver).Models["good"]
	require.Positive(t, counts.Unanswered)
	require.Equal(t, counts.Sent, counts.Unanswered)
}

func TestTheContextEndsTheTraffic(t *testing.T) {
	_, url := startServer(t, func(http.ResponseWriter, *http.Request) {})
	endless := options(url)
	endless.MaxDuration = time.Hour
	driver := NewDriver(endless)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { driver.Run(ctx); close(done) }()
	require.Eventually(t, func() bool { return countsOf(t, driver).Models["good"].OK > 0 }, patience, 5*time.Millisecond)
	cancel()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatal("the traffic went on")
	}
}

func TestBurstsAndReloads(t *testing.T) {
	fake, url := startServer(t, func(http.ResponseWriter, *http.Request) {})
	disturbed := options(url)
	disturbed.Models = []fleet.Model{{Name: "queued", Versions: []int{1}, Queue: &fleet.Queue{}}}
	disturbed.RequestsPerSecond = 0.001
	disturbed.BurstEvery, disturbed.BurstSize = 200*time.Millisecond, 5
	disturbed.ReloadEvery, disturbed.ReloadPause = 100*time.Millisecond, 10*time.Millisecond
	driver := NewDriver(disturbed)
	driver.Run(t.Context())
	counts := countsOf(t, driver)
	require.Positive(t, counts.Models["queued"].OK)
	require.Zero(t, counts.Models["queued"].OK%5)
	require.Positive(t, counts.Reloads)
	repository := "/v2/repository/models/" + fleet.Reloaded
	require.Equal(t, fake.received(repository+"/unload"), fake.received(repository+"/load"))
	require.Equal(t, int64(counts.Reloads), fake.received(repository+"/load"))
}

func TestCountsAreReadOnly(t *testing.T) {
	recorder := httptest.NewRecorder()
	NewDriver(options("http://127.0.0.1:1")).Handler().ServeHTTP(recorder, httptest.NewRequest(http.MethodPost, "/counts", nil))
	require.Equal(t, http.StatusMethodNotAllowed, recorder.Code)
}
