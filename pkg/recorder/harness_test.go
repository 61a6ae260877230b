package recorder_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/coldhit/modelserving-datasource/pkg/httpserver"
	"github.com/coldhit/modelserving-datasource/pkg/recorder"
)

const (
	patience = time.Minute
	moment   = 5 * time.Millisecond
)

func TestMain(m *testing.M) {
	if os.Getenv(streamServer) != "" {
		serveStreams()
		return
	}
	// Which net/http leaves half a second for the client to read its response in.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait"))
}

// stand is a recorder, served on loopback, in front of a server.
type stand struct {
	t        testing.TB
	recorder *recorder.Recorder
	registry *prometheus.Registry
	url      string
	client   *http.Client
	stop     context.CancelCauseFunc
}

// listen serves handler as the recorder's own server is served: HTTP/1.1 and HTTP/2 on one port.
func listen(t testing.TB, ctx context.Context, handler http.Handler) string {
	t.Helper()
	return listenWithin(t, ctx, handler, httpserver.Limits{})
}

// listenWithin is listen with limits.
func listenWithin(t testing.TB, ctx context.Context, handler http.Handler, limits httpserver.Limits) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server, err := recorder.NewServer(ctx, handler, nil, limits, quiet())
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
	})
	return "http://" + listener.Addr().String()
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// inFrontOf starts a recorder in front of the server at upstream, with the default routes unless change sets others.
func inFrontOf(t testing.TB, upstream string, change func(*recorder.Options)) *stand {
	t.Helper()
	u, err := url.Parse(upstream)
	require.NoError(t, err)
	routes, err := recorder.BuiltinRoutes(recorder.DefaultRoutes)
	require.NoError(t, err)
	options := recorder.Options{Upstream: u, Routes: routes, Logger: quiet()}
	options.WaitLonger(patience)
	if change != nil {
		change(&options)
	}
	r, err := recorder.New(options)
	require.NoError(t, err)
	running, end := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.Run(running)
	}()
	ctx, stop := context.WithCancelCause(context.Background())
	s := &stand{t: t, recorder: r, registry: prometheus.NewRegistry(), stop: stop}
	// Cleanups run last first: the server closes, what is in flight ends, then the recorder.
	t.Cleanup(func() {
		stop(recorder.ErrStopped)
		r.Wait()
		end()
		<-ended
	})
	require.NoError(t, s.registry.Register(r))
	s.url = listen(t, ctx, r)
	transport := &http.Transport{DisableCompression: true}
	s.client = &http.Client{Transport: transport}
	t.Cleanup(transport.CloseIdleConnections)
	return s
}

// inFrontOfHandler starts a server and a recorder in front of it.
func inFrontOfHandler(t testing.TB, handler http.HandlerFunc, change func(*recorder.Options)) *stand {
	t.Helper()
	return inFrontOf(t, listen(t, context.Background(), handler), change)
}

// do sends a request and answers the response and its whole body.
func (s *stand) do(method, path, body string, header http.Header) (*http.Response, string) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, stringReader(body))
	require.NoError(s.t, err)
	if header != nil {
		request.Header = header
	}
	response, err := s.client.Do(request)
	require.NoError(s.t, err)
	text, err := io.ReadAll(response.Body)
	require.NoError(s.t, err)
	require.NoError(s.t, response.Body.Close())
	return response, string(text)
}

// metrics answers the samples of a metric whose labels contain these.
func (s *stand) metrics(name string, labels prometheus.Labels) []*dto.Metric {
	s.t.Helper()
	families, err := s.registry.Gather()
	require.NoError(s.t, err)
	var found []*dto.Metric
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, metric := range family.GetMetric() {
			if hasLabels(metric, labels) {
				found = append(found, metric)
			}
		}
	}
	return found
}

func hasLabels(metric *dto.Metric, labels prometheus.Labels) bool {
	have := prometheus.Labels{}
	for _, pair := range metric.GetLabel() {
		have[pair.GetName()] = pair.GetValue()
	}
	for name, value := range labels {
		if have[name] != value {
			return false
		}
	}
	return true
}

// count sums the counters or gauges, and the counts of histograms.
func (s *stand) count(name string, labels prometheus.Labels) float64 {
	s.t.Helper()
	var sum float64
	for _, metric := range s.metrics(name, labels) {
		sum += metric.GetCounter().GetValue() + metric.GetGauge().GetValue() + float64(metric.GetHistogram().GetSampleCount())
	}
	return sum
}

func (s *stand) sum(name string, labels prometheus.Labels) float64 {
	s.t.Helper()
	var sum float64
	for _, metric := range s.metrics(name, labels) {
		sum += metric.GetHistogram().GetSampleSum()
	}
	return sum
}

const (
	requests   = "modelserving_requests_total"
	concurrent = "modelserving_concurrent_requests"
)

// eventually waits until so many requests with these labels have been counted, and fails if there are ever more of any.
func (s *stand) eventually(all float64, labels prometheus.Labels) {
	s.t.Helper()
	require.Eventually(s.t, func() bool { return s.count(requests, nil) >= all }, patience, moment, "requests were not counted")
	require.InDelta(s.t, all, s.count(requests, nil), 0, "each request is counted once")
	require.InDelta(s.t, all, s.count(requests, labels), 0, "%v, not %v", labels, s.metrics(requests, nil))
	require.InDelta(s.t, 0, s.count(concurrent, nil), 0, "nothing is in progress any more")
	s.agree()
}

// agree checks that the histograms have as many requests as the counters, in the native buckets as in the classic ones.
func (s *stand) agree() {
	s.t.Helper()
	type series struct{ model, version, path string }
	counted, sized, timed := map[series]uint64{}, map[series]uint64{}, map[series]uint64{}
	for name, into := range map[string]map[series]uint64{
		requests: counted, "modelserving_request_size_bytes": sized,
		"modelserving_response_time_seconds": timed, "modelserving_session_time_seconds": timed,
	} {
		for _, metric := range s.metrics(name, nil) {
			labels := map[string]string{}
			for _, pair := range metric.GetLabel() {
				labels[pair.GetName()] = pair.GetValue()
			}
			n := uint64(metric.GetCounter().GetValue())
			if h := metric.GetHistogram(); h != nil {
				n = h.GetSampleCount()
				require.Equal(s.t, n, nativeCount(h), "%s, %v", name, labels)
				for _, bucket := range h.GetBucket() {
					require.LessOrEqual(s.t, bucket.GetCumulativeCount(), n, "%s, %v", name, labels)
				}
			}
			if n > 0 {
				into[series{labels["model"], labels["version"], labels["start"]}] += n
			}
		}
	}
	require.Equal(s.t, counted, timed)
	byModel := map[series]uint64{}
	for key, n := range counted {
		key.path = ""
		byModel[key] += n
	}
	require.Equal(s.t, byModel, sized, "sizes are not split by start")
}

// nativeCount adds up a native histogram's buckets.
func nativeCount(h *dto.Histogram) uint64 {
	total := h.GetZeroCount()
	var inBucket int64
	for _, delta := range h.GetPositiveDelta() {
		inBucket += delta
		total += uint64(inBucket) //nolint:gosec // a count
	}
	return total
}

// ok answers every request with its path.
func ok(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.URL.Path) }
