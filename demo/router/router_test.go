package router

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/demo/progress"
)

// fakeTritonHTTP is the fake behind the routes that Triton has.
type fakeTritonHTTP struct {
	*fakeTriton
	mu    sync.Mutex
	paths []string
}

const patience = time.Minute

func newFakeTritonHTTP(slots int, models ...string) *fakeTritonHTTP {
	fake := &fakeTritonHTTP{fakeTriton: newFakeTriton(slots, models...)}
	fake.loadTime = func(string) time.Duration { return 5 * time.Millisecond }
	fake.unloadTime = func(string) time.Duration { return 5 * time.Millisecond }
	return fake
}

func (f *fakeTritonHTTP) received() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.paths...)
}

// words are Triton's for the states.
var words = map[state]string{resident: "READY", loading: "LOADING", unloading: "UNLOADING"}

func (f *fakeTritonHTTP) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.HasPrefix(r.URL.Path, "/v2/repository/") {
		f.mu.Lock()
		f.paths = append(f.paths, r.Method+" "+r.URL.EscapedPath())
		f.mu.Unlock()
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v2/repository/index", func(w http.ResponseWriter, r *http.Request) {
		states, _ := f.index(r.Context())
		var listed []map[string]string
		for model, s := range states {
			listed = append(listed, map[string]string{"name": model, "version": "1", "state": words[s]})
		}
		_ = json.NewEncoder(w).Encode(listed)
	})
	mux.HandleFunc("POST /v2/repository/models/{model}/load", func(w http.ResponseWriter, r *http.Request) {
		tell(w, f.load(context.WithoutCancel(r.Context()), r.PathValue("model")))
	})
	mux.HandleFunc("POST /v2/repository/models/{model}/unload", func(w http.ResponseWriter, r *http.Request) {
		tell(w, f.unload(r.Context(), r.PathValue("model")))
	})
	mux.HandleFunc("POST /v2/models/{model}/generate_stream", f.stream)
	mux.HandleFunc("POST /v2/models/{model}/infer", f.serve)
	mux.HandleFunc("POST /v2/models/{model}/versions/{version}/infer", f.serve)
	mux.ServeHTTP(w, r)
}

func tell(w http.ResponseWriter, err error) {
	var refused *refusal
	if errors.As(err, &refused) {
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]string{"error": refused.reason})
	}
}

func (f *fakeTritonHTTP) serve(w http.ResponseWriter, r *http.Request) {
	model := r.PathValue("model")
	states, _ := f.index(r.Context())
	if _, known := states[model]; !known {
		http.Error(w, `{"error":"unknown model"}`, http.StatusNotFound)
		return
	}
	f.infer(model, time.Millisecond)
	w.Header().Set(DefaultStartHeader, "of the server itself")
	body, _ := io.ReadAll(r.Body)
	fmt.Fprintf(w, "%s %s %s", model, r.PathValue("version"), body)
}

// stream sends one event and waits for the client to go.
func (f *fakeTritonHTTP) stream(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "text/event-stream")
	fmt.Fprint(w, "data: one\n\n")
	_ = http.NewResponseController(w).Flush()
	<-r.Context().Done()
}

// inFrontOf starts a router.
func inFrontOf(t *testing.T, fake http.Handler, slots int, change func(*Options)) (*Router, string) {
	upstream := httptest.NewServer(fake)
	t.Cleanup(upstream.Close)
	u, err := url.Parse(upstream.URL)
	require.NoError(t, err)
	options := Options{Upstream: u, Slots: slots, Out: progress.NewPrinter(t.Output())}
	if change != nil {
		change(&options)
	}
	r, err := New(t.Context(), options)
	require.NoError(t, err)
	t.Cleanup(r.Close)
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	return r, server.URL
}

func post(t *testing.T, url, body string) (*http.Response, string) {
	t.Helper()
	response, err := http.Post(url, "application/json", strings.NewReader(body))
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response, string(text)
}

func TestResponsesSayHotOrCold(t *testing.T) {
	fake := newFakeTritonHTTP(2, "a", "b b")
	_, url := inFrontOf(t, fake, 2, nil)
	for _, test := range []struct{ path, header, body string }{
		{"/v2/models/a/infer", "cold", "a  x"},
		{"/v2/models/a/infer", "hot", "a  x"},
		{"/v2/models/a/versions/1/infer", "hot", "a 1 x"},
		{"/v2/models/b%20b/versions/2/infer", "cold", "b b 2 x"},
	} {
		response, body := post(t, url+test.path, "x")
		require.Equal(t, http.StatusOK, response.StatusCode, body)
		require.Equal(t, []string{test.header}, response.Header.Values(DefaultStartHeader), test.path)
		require.Equal(t, test.body, body)
	}
	require.Equal(t, "POST /v2/models/b%20b/versions/2/infer", fake.received()[3], "the path is passed on as it came")
	fake.requireNoViolations(t)
}

func TestTheHeadersNameIsAnOption(t *testing.T) {
	_, url := inFrontOf(t, newFakeTritonHTTP(1, "a"), 1, func(o *Options) { o.StartHeader = "X-Way" })
	response, _ := post(t, url+"/v2/models/a/infer", "")
	require.Equal(t, "cold", response.Header.Get("X-Way"))
}

func TestOtherRequestsArePassedOn(t *testing.T) {
	fake := newFakeTritonHTTP(1, "a")
	r, url := inFrontOf(t, fake, 1, nil)
	response, body := post(t, url+"/v2/models/nosuch/infer", "")
	require.Equal(t, http.StatusNotFound, response.StatusCode)
	require.Contains(t, body, "unknown model")
	require.Empty(t, response.Header.Get(DefaultStartHeader))

	response, err := http.Get(url + "/v2/models/a/infer?x=1")
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusMethodNotAllowed, response.StatusCode, "as the server says")
	response, _ = post(t, url+"/v2/repository/index", "{}")
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Equal(t, []string{"POST /v2/models/nosuch/infer", "GET /v2/models/a/infer"}, fake.received())
	require.Zero(t, fake.loadsOf("a"))
	require.Zero(t, totalOf(r.memory.counted()).Cold)
}

func TestAFailedLoadIs503WithTheReason(t *testing.T) {
	fake := newFakeTritonHTTP(1, "bad")
	fake.refuse = func(string) error { return errors.New(`load failed for model 'bad': "out of memory"`) }
	_, url := inFrontOf(t, fake, 1, nil)
	for range 2 {
		response, body := post(t, url+"/v2/models/bad/infer", "")
		require.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
		require.Equal(t, "cold", response.Header.Get(DefaultStartHeader))
		require.Equal(t, "5", response.Header.Get("Retry-After"))
		var told struct{ Error string }
		require.NoError(t, json.Unmarshal([]byte(body), &told))
		require.Contains(t, told.Error, `load failed for model 'bad': "out of memory"`)
	}
	require.Equal(t, 1, fake.loadsOf("bad"))
}

func TestNoSlotInTimeIs503WithRetryAfter(t *testing.T) {
	fake := newFakeTritonHTTP(1, "streams", "other")
	r, url := inFrontOf(t, fake, 1, func(o *Options) { o.Wait = 2 * time.Second })
	ctx, hangUp := context.WithCancel(t.Context())
	defer hangUp()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v2/models/streams/generate_stream", strings.NewReader("{}"))
	require.NoError(t, err)
	stream, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer stream.Body.Close()
	line, err := bufio.NewReader(stream.Body).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "data: one\n", line, "it comes before the stream ends")

	response, body := post(t, url+"/v2/models/other/infer", "")
	require.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
	require.Equal(t, "1", response.Header.Get("Retry-After"))
	require.Contains(t, body, "the model other was not in memory within 2s")

	hangUp()
	require.Eventually(t, func() bool {
		response, _ := post(t, url+"/v2/models/other/infer", "")
		return response.StatusCode == http.StatusOK
	}, patience, 10*time.Millisecond)
	require.Eventually(t, func() bool { return r.memory.counted().Models["streams"].Evictions == 1 }, patience, 10*time.Millisecond)
}

func TestAClientThatHangsUpWhileItWaits(t *testing.T) {
	fake := newFakeTritonHTTP(1, "a")
	finish := make(chan struct{})
	fake.loadTime = func(string) time.Duration { <-finish; return 0 }
	r, url := inFrontOf(t, fake, 1, nil)
	ctx, hangUp := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v2/models/a/infer", strings.NewReader("{}"))
	require.NoError(t, err)
	gone := make(chan error)
	go func() {
		_, err := http.DefaultClient.Do(request)
		gone <- err
	}()
	require.Eventually(t, func() bool { return fake.loadsOf("a") == 1 }, patience, time.Millisecond)
	hangUp()
	require.ErrorIs(t, <-gone, context.Canceled)
	require.Eventually(t, func() bool { return r.memory.counted().Models["a"].Abandoned == 1 }, patience, time.Millisecond)
	close(finish)
	require.Eventually(t, func() bool { return r.memory.counted().Models["a"].Resident }, patience, time.Millisecond)
	response, _ := post(t, url+"/v2/models/a/infer", "")
	require.Equal(t, "hot", response.Header.Get(DefaultStartHeader), "the load was not in vain")
	require.Zero(t, r.memory.counted().Waiting)
}

func TestAServerThatBreaksOffIs502(t *testing.T) {
	fake := newFakeTritonHTTP(1, "a")
	_, url := inFrontOf(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/infer") {
			panic(http.ErrAbortHandler)
		}
		fake.ServeHTTP(w, r)
	}), 1, nil)
	response, body := post(t, url+"/v2/models/a/infer", "")
	require.Equal(t, http.StatusBadGateway, response.StatusCode)
	require.Equal(t, "cold", response.Header.Get(DefaultStartHeader))
	require.Contains(t, body, "Triton did not respond")
}

func TestWithoutTritonThereIsNoRouter(t *testing.T) {
	_, err := New(t.Context(), Options{Upstream: &url.URL{Scheme: "http", Host: "127.0.0.1:1"}, Slots: 1, Out: progress.NewPrinter(t.Output())})
	require.ErrorContains(t, err, "list the models of Triton")
	_, err = New(t.Context(), Options{Upstream: &url.URL{}, Out: progress.NewPrinter(t.Output())})
	require.ErrorContains(t, err, "at least one slot")
}

func TestLargeBodiesArriveWhole(t *testing.T) {
	_, url := inFrontOf(t, newFakeTritonHTTP(1, "a"), 1, nil)
	body := strings.Repeat("0123456789", bodyAhead/4)
	_, echoed := post(t, url+"/v2/models/a/infer", body)
	require.Equal(t, "a  "+body, echoed)
}

func TestManyClientsOverHTTP(t *testing.T) {
	fake := newFakeTritonHTTP(2, "a", "b", "c", "d")
	r, url := inFrontOf(t, fake, 2, func(o *Options) { o.Wait = time.Minute })
	var clients sync.WaitGroup
	var mu sync.Mutex
	seen := map[string]int64{}
	for client := range 8 {
		clients.Go(func() {
			for i := range 10 {
				model := string(rune('a' + (client*i)%4))
				response, err := http.Post(url+"/v2/models/"+model+"/infer", "application/json", strings.NewReader("{}"))
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, response.Body)
				_ = response.Body.Close()
				mu.Lock()
				seen[fmt.Sprint(response.StatusCode, response.Header.Get(DefaultStartHeader))]++
				mu.Unlock()
			}
		})
	}
	clients.Wait()
	fake.requireNoViolations(t)
	total := totalOf(r.memory.counted())
	require.Equal(t, map[string]int64{"200hot": total.Hot, "200cold": total.Cold}, seen)
	require.EqualValues(t, 80, total.Hot+total.Cold)
	require.LessOrEqual(t, total.Loads, total.Cold)
}

func TestCounts(t *testing.T) {
	r, url := inFrontOf(t, newFakeTritonHTTP(1, "a"), 1, nil)
	for range 3 {
		post(t, url+"/v2/models/a/infer", "")
	}
	recorded := httptest.NewRecorder()
	r.CountsHandler().ServeHTTP(recorded, httptest.NewRequest(http.MethodGet, "/", nil))
	var counts Counts
	require.NoError(t, json.Unmarshal(recorded.Body.Bytes(), &counts))
	require.Equal(t, 1, counts.Slots)
	require.Positive(t, counts.Models["a"].LoadSeconds)
	counts.Models["a"] = ModelCounts{Hot: counts.Models["a"].Hot, Cold: counts.Models["a"].Cold, Loads: counts.Models["a"].Loads, Resident: counts.Models["a"].Resident}
	require.Equal(t, ModelCounts{Hot: 2, Cold: 1, Loads: 1, Resident: true}, counts.Models["a"])

	recorded = httptest.NewRecorder()
	r.CountsHandler().ServeHTTP(recorded, httptest.NewRequest(http.MethodPost, "/", nil))
	require.Equal(t, http.StatusMethodNotAllowed, recorded.Code)
}
