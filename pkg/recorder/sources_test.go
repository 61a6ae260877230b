package recorder_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/recorder"
)

const pollInterval = 5 * time.Millisecond

// lazyServer loads a model when it is asked for it: until so many requests wait, and so many looks have found it not ready since.
type lazyServer struct {
	loaded           chan struct{}
	requests, looks  int64
	silent           atomic.Bool
	waiting, looking atomic.Int64
	lookedSince      atomic.Int64
}

func (s *lazyServer) look(context.Context) ([]recorder.ModelState, error) {
	s.looking.Add(1)
	if s.silent.Load() {
		return nil, errors.New("no answer")
	}
	if s.requests > 0 && s.waiting.Load() >= s.requests && s.lookedSince.Add(1) == s.looks {
		close(s.loaded)
	}
	select {
	case <-s.loaded:
		return []recorder.ModelState{{Model: "m", Version: "1", Ready: true}}, nil
	default:
		return []recorder.ModelState{{Model: "m"}}, nil
	}
}

func (s *lazyServer) ServeHTTP(http.ResponseWriter, *http.Request) {
	s.waiting.Add(1)
	<-s.loaded
}

func polled(look recorder.Look) func(*recorder.Options) {
	return func(o *recorder.Options) {
		o.Sources = []recorder.Source{recorder.NewPoller(recorder.PollerOptions{
			Name: "management", Look: look, Interval: pollInterval, Timeout: time.Second, Logger: quiet(),
		})}
	}
}

func TestLoadsThatOverlapARequestMakeItCold(t *testing.T) {
	server := &lazyServer{loaded: make(chan struct{}), requests: 5, looks: 20}
	s := inFrontOfHandler(t, server.ServeHTTP, polled(server.look))
	require.Eventually(t, func() bool { return server.looking.Load() > 0 }, patience, moment)
	waiting := make(chan struct{})
	for range 5 {
		go func() {
			s.do("POST", "/v2/models/m/infer", "{}", nil)
			waiting <- struct{}{}
		}()
	}
	for range 5 {
		<-waiting
	}
	s.eventually(5, prometheus.Labels{"start": "cold", "start_source": "management"})
	for range 20 {
		s.do("POST", "/v2/models/m/infer", "{}", nil)
	}
	s.eventually(25, nil)
	require.InDelta(t, 20, s.count(requests, prometheus.Labels{"start": "hot", "start_source": "management"}), 0)
	require.InDelta(t, 20, s.count("modelserving_response_time_seconds", prometheus.Labels{"start": "hot"}), 0)
	require.Positive(t, s.count("modelserving_recorder_polls_total", prometheus.Labels{"outcome": "success"}))
}

func TestStartIsUnknownWhenPollsFail(t *testing.T) {
	server := &lazyServer{loaded: make(chan struct{})}
	close(server.loaded)
	server.silent.Store(true)
	s := inFrontOfHandler(t, server.ServeHTTP, polled(server.look))
	s.do("POST", "/v2/models/m/infer", "{}", nil)
	s.eventually(1, prometheus.Labels{"start": "unknown", "start_source": "none"})
	require.Positive(t, s.count("modelserving_recorder_polls_total", prometheus.Labels{"outcome": "error"}))
}

func TestPollsThatTakeTooLongCountAsTimeouts(t *testing.T) {
	s := inFrontOfHandler(t, func(http.ResponseWriter, *http.Request) {}, func(o *recorder.Options) {
		hangs := func(ctx context.Context) ([]recorder.ModelState, error) {
			<-ctx.Done()
			return nil, errors.New("the connection was closed")
		}
		o.Sources = []recorder.Source{recorder.NewPoller(recorder.PollerOptions{
			Name: "management", Look: hangs, Interval: pollInterval, Timeout: pollInterval, Logger: quiet(),
		})}
	})
	require.Eventually(t, func() bool {
		return s.count("modelserving_recorder_polls_total", prometheus.Labels{"outcome": "timeout"}) > 0
	}, patience, moment)
	require.Zero(t, s.count("modelserving_recorder_polls_total", prometheus.Labels{"outcome": "error"}))
}

func TestHeaderGoesBeforeTheManagementAPI(t *testing.T) {
	server := &lazyServer{loaded: make(chan struct{})}
	close(server.loaded)
	s := inFrontOfHandler(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Path", r.Header.Get("X-Say"))
	}, func(o *recorder.Options) {
		polled(server.look)(o)
		o.Sources = append([]recorder.Source{recorder.ResponseHeader{Header: "X-Path", Cold: []string{"cold"}, Hot: []string{"hot"}}}, o.Sources...)
	})
	require.Eventually(t, func() bool { return server.looking.Load() > 0 }, patience, moment)
	for _, say := range []string{"COLD", "hot", ""} {
		s.do("POST", "/v2/models/m/infer", "{}", http.Header{"X-Say": {say}})
	}
	s.eventually(3, nil)
	require.InDelta(t, 1, s.count(requests, prometheus.Labels{"start": "cold", "start_source": "header"}), 0)
	require.InDelta(t, 1, s.count(requests, prometheus.Labels{"start": "hot", "start_source": "header"}), 0)
	require.InDelta(t, 1, s.count(requests, prometheus.Labels{"start": "hot", "start_source": "management"}), 0)
}

// logged passes on what is logged.
type logged chan string

func (l logged) Write(p []byte) (int, error) {
	l <- string(p)
	return len(p), nil
}

func TestRequestsWaitForAServerThatScalesFromZero(t *testing.T) {
	reserved, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := reserved.Addr().String()
	require.NoError(t, reserved.Close())
	held := make(logged, 10)
	s := inFrontOf(t, "http://"+address, func(o *recorder.Options) {
		o.WaitForServer = patience
		o.Logger = slog.New(slog.NewTextHandler(held, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	answered := make(chan string)
	go func() {
		_, body := s.do("POST", "/predictions/m", "body", nil)
		answered <- body
	}()
	require.Contains(t, <-held, "retrying the request")
	require.InDelta(t, 1, s.count(concurrent, nil), 0)
	listener, err := net.Listen("tcp", address)
	require.NoError(t, err)
	server := &http.Server{ReadHeaderTimeout: patience, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.Write(w)
	})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
	})
	require.Contains(t, <-answered, "body")
	s.eventually(1, prometheus.Labels{"start": "cold", "start_source": recorder.FromZero, "code": "200"})
	s.do("POST", "/predictions/m", "body", nil)
	s.eventually(2, nil)
	require.InDelta(t, 1, s.count(requests, prometheus.Labels{"start": "unknown"}), 0)
}

func TestHeldRequestsAreGivenUp(t *testing.T) {
	s := inFrontOf(t, "http://127.0.0.1:1", func(o *recorder.Options) { o.WaitForServer = 50 * time.Millisecond })
	response, _ := s.do("POST", "/predictions/m", "body", nil)
	require.Equal(t, http.StatusBadGateway, response.StatusCode)
	s.eventually(1, prometheus.Labels{"code": "502"})
}

func TestOptionsAreChecked(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*recorder.Options)
		want   string
	}{
		"no upstream":           {func(o *recorder.Options) { o.Upstream = nil }, "no upstream"},
		"no routes":             {func(o *recorder.Options) { o.Routes = nil }, "no route"},
		"a route without model": {func(o *recorder.Options) { o.Routes = []recorder.Route{{Name: "x", Pattern: o.Routes[5].Pattern}} }, "exactly one way"},
		"a window too short":    {func(o *recorder.Options) { o.Window = time.Second }, "window"},
		"a unit missing":        {func(o *recorder.Options) { o.QueueTime.Name = "X-Queue" }, "unit"},
	} {
		t.Run(name, func(t *testing.T) {
			routes, err := recorder.BuiltinRoutes(recorder.DefaultRoutes)
			require.NoError(t, err)
			request, err := http.NewRequest(http.MethodGet, "http://127.0.0.1", http.NoBody)
			require.NoError(t, err)
			options := recorder.Options{Upstream: request.URL, Routes: routes, Logger: quiet()}
			test.change(&options)
			_, err = recorder.New(options)
			require.ErrorContains(t, err, test.want)
		})
	}
	_, err := recorder.BuiltinRoutes([]string{"tensorrt"})
	require.ErrorContains(t, err, "open_inference")
}
