package recorder_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/httpserver"
	"github.com/coldhit/modelserving-datasource/pkg/recorder"
)

// The targets, against a plain httputil.ReverseProxy in the same run.
const (
	leastThroughput = 0.90
	mostP99         = 200 * time.Microsecond
)

const (
	rounds        = 61
	roundRequests = 1500
	clients       = 8
)

// BenchmarkBesideAPlainProxy sends the same inference requests through the recorder and through a plain
// httputil.ReverseProxy with the same transport settings, in rounds that take turns, and reports the medians of the ratio
// of throughput and of the difference of p99.
func BenchmarkBesideAPlainProxy(b *testing.B) {
	answer := bytes.Repeat([]byte("x"), 2000)
	upstream := listen(b, context.Background(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = w.Write(answer)
	}))
	for _, benchmark := range []struct{ name, path, body string }{
		{"route", "/v2/models/resnet/versions/1/infer", strings.Repeat("x", 2000)},
		{"body", "/v1/chat/completions", `{"messages":[{"role":"user","content":"` + strings.Repeat("x", 2000) + `"}],"model":"llama"}`},
	} {
		b.Run(benchmark.name, func(b *testing.B) {
			recorded := inFrontOf(b, upstream, nil).url
			plain := plainProxy(b, upstream)
			for b.Loop() {
				compare(b, plain+benchmark.path, recorded+benchmark.path, benchmark.body)
			}
		})
	}
}

// pool lends the plain proxy its buffers, so that not they make the difference.
type pool struct{ sync.Pool }

func (p *pool) Get() []byte {
	if b, ok := p.Pool.Get().(*[]byte); ok {
		return *b
	}
	return make([]byte, 16<<10)
}

func (p *pool) Put(b []byte) { p.Pool.Put(&b) }

func plainProxy(tb testing.TB, upstream string) string {
	tb.Helper()
	u, err := url.Parse(upstream)
	require.NoError(tb, err)
	transport := &http.Transport{MaxIdleConns: 1024, MaxIdleConnsPerHost: 1024, DisableCompression: true}
	tb.Cleanup(transport.CloseIdleConnections)
	return listen(tb, context.Background(), &httputil.ReverseProxy{
		Rewrite:    func(r *httputil.ProxyRequest) { r.SetURL(u) },
		Transport:  transport,
		BufferPool: &pool{},
		ErrorLog:   log.New(io.Discard, "", 0),
	})
}

// compare measures throughput with all clients at once, and p99 with one, so that requests do not wait for each other.
func compare(b *testing.B, plain, recorded, body string) {
	b.Helper()
	var ratios, differences []float64
	for i := range rounds + 1 {
		busy := takeTurns(b, i, plain, recorded, body, clients, roundRequests)
		calm := takeTurns(b, i, plain, recorded, body, 1, roundRequests/3)
		if i == 0 {
			continue // to warm up
		}
		ratios = append(ratios, busy[recorded].perSecond/busy[plain].perSecond)
		differences = append(differences, float64(calm[recorded].p99-calm[plain].p99))
	}
	slices.Sort(ratios)
	slices.Sort(differences)
	ratio, difference := ratios[len(ratios)/2], time.Duration(differences[len(differences)/2])
	b.ReportMetric(ratio, "throughput-ratio")
	b.ReportMetric(float64(difference.Microseconds()), "p99-difference-µs")
	b.Logf("throughput %.3f of a plain proxy's (target at least %.2f), p99 %v more (target at most %v)", ratio, leastThroughput, difference, mostP99)
}

// takeTurns drives both proxies, the one that was last in the round before first.
func takeTurns(b *testing.B, round int, plain, recorded, body string, clients, requests int) map[string]load {
	b.Helper()
	addresses := []string{plain, recorded}
	if round%2 == 1 {
		slices.Reverse(addresses)
	}
	results := map[string]load{}
	for _, address := range addresses {
		results[address] = drive(b, address, body, clients, requests)
	}
	return results
}

// load is what one round saw.
type load struct {
	perSecond float64
	p99       time.Duration
}

// drive sends a round of requests from several clients at once.
func drive(b *testing.B, address, body string, clients, requests int) load {
	b.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: clients, DisableCompression: true}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	took := make([]time.Duration, requests)
	var next atomic.Int64
	var working sync.WaitGroup
	began := time.Now()
	for range clients {
		working.Go(func() {
			for i := next.Add(1) - 1; int(i) < requests; i = next.Add(1) - 1 {
				start := time.Now()
				response, err := client.Post(address, "application/json", strings.NewReader(body))
				if err != nil || response.StatusCode != http.StatusOK {
					b.Errorf("%v %v", response, err)
					return
				}
				_, _ = io.Copy(io.Discard, response.Body)
				_ = response.Body.Close()
				took[i] = time.Since(start)
			}
		})
	}
	working.Wait()
	elapsed := time.Since(began)
	slices.Sort(took)
	return load{perSecond: float64(requests) / elapsed.Seconds(), p99: took[requests*99/100]}
}

// BenchmarkMemoryAtTheCap reports the heap that the models take at the cap of 1,000, each with hot and cold requests in
// every slice of the live window, and beyond it.
func BenchmarkMemoryAtTheCap(b *testing.B) {
	for b.Loop() {
		s := inFrontOfHandler(b, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Path", r.URL.Query().Get("path"))
		}, func(o *recorder.Options) {
			o.Sources = []recorder.Source{recorder.ResponseHeader{Header: "X-Path", Cold: []string{"cold"}, Hot: []string{"hot"}}}
		})
		before := heap()
		fill := func(from, to int) {
			for i := from; i < to; i++ {
				for _, path := range []string{"hot", "cold"} {
					for range 3 {
						s.do("POST", fmt.Sprintf("/predictions/model-%d?path=%s", i, path), "body", nil)
					}
				}
			}
		}
		fill(0, 1000)
		atCap := heap()
		fill(1000, 2000)
		beyond := heap()
		b.ReportMetric(float64(atCap-before)/1e6, "MB-at-1000-models")
		b.ReportMetric(float64(beyond-atCap)/1e6, "MB-for-1000-more")
		require.InDelta(b, 1000, s.count("modelserving_recorder_models", nil), 0)
		began := time.Now()
		_, err := s.registry.Gather()
		require.NoError(b, err)
		b.ReportMetric(float64(time.Since(began).Milliseconds()), "ms-to-gather")
	}
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc) //nolint:gosec // far below 2^63
}

const (
	streams = 10_000
	// streamServer names the environment variable that makes this test binary the server of the open streams: one process
	// may not have enough file descriptors for clients, recorder and server.
	streamServer = "RECORDER_TEST_STREAM_SERVER"
)

// BenchmarkOpenStreams holds 10,000 event streams open at once, each sending an event now and then, and reports the memory
// of this process for each: the recorder and the clients. Clients come over HTTP/2, on one connection, and each stream has
// a connection of its own to the server, which is another process: file descriptors are often limited to 20,000.
func BenchmarkOpenStreams(b *testing.B) {
	for b.Loop() {
		s := inFrontOf(b, startStreamServer(b), nil)
		serving, end := context.WithCancel(context.Background())
		b.Cleanup(end)
		s.url = listenWithin(b, serving, s.recorder, httpserver.Limits{Streams: streams})
		protocols := &http.Protocols{}
		protocols.SetUnencryptedHTTP2(true)
		transport := &http.Transport{Protocols: protocols}
		client := &http.Client{Transport: transport}
		ctx, hangUp := context.WithCancel(b.Context())
		before := residentBytes()
		bodies := make([]io.Reader, streams)
		began := time.Now()
		var opening sync.WaitGroup
		for first := range clients {
			opening.Go(func() {
				for i := first; i < streams; i += clients {
					bodies[i] = openStream(b, ctx, client, fmt.Sprintf("%s/predictions/m%d", s.url, i%100))
				}
			})
		}
		opening.Wait()
		opened := time.Since(began)
		require.False(b, b.Failed())
		require.InDelta(b, streams, s.count(concurrent, nil), 0)
		for _, body := range bodies {
			awaitEvent(b, body)
			awaitEvent(b, body) // they still flow
		}
		b.ReportMetric(float64(residentBytes()-before)/streams/1e3, "kB-a-stream")
		b.ReportMetric(opened.Seconds(), "s-to-open")
		hangUp()
		require.Eventually(b, func() bool { return s.count(requests, nil) == streams }, 3*patience, 100*time.Millisecond)
		require.Zero(b, s.count(concurrent, nil))
		transport.CloseIdleConnections()
	}
}

// openStream answers the stream's body, which ends with the context; nil when it could not be opened.
func openStream(b *testing.B, ctx context.Context, client *http.Client, address string) io.Reader {
	b.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		b.Error(err)
		return nil
	}
	response, err := client.Do(request)
	if err != nil {
		b.Error(err)
		return nil
	}
	return response.Body
}

func awaitEvent(b *testing.B, body io.Reader) {
	b.Helper()
	event := make([]byte, len("data: token\n\n"))
	_, err := io.ReadFull(body, event)
	require.NoError(b, err)
	require.Equal(b, "data: token\n\n", string(event))
}

// startStreamServer runs this test binary as a server of endless event streams and answers its address.
func startStreamServer(b *testing.B) string {
	b.Helper()
	executable, err := os.Executable()
	require.NoError(b, err)
	command := exec.CommandContext(b.Context(), executable)
	command.Env = append(os.Environ(), streamServer+"=1")
	output, err := command.StdoutPipe()
	require.NoError(b, err)
	require.NoError(b, command.Start())
	b.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	address, err := bufio.NewReader(output).ReadString('\n')
	require.NoError(b, err)
	return strings.TrimSpace(address)
}

// serveStreams is the server's process.
func serveStreams() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("http://" + listener.Addr().String())
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		ticker := time.NewTicker(2 * time.Second)
		defer ticker.Stop()
		for {
			if _, err := io.WriteString(w, "data: token\n\n"); err != nil || http.NewResponseController(w).Flush() != nil {
				return
			}
			select {
			case <-r.Context().Done():
				return
			case <-ticker.C:
			}
		}
	})}
	log.Fatal(server.Serve(listener))
}

// residentBytes is the memory of this process.
func residentBytes() int64 {
	runtime.GC()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return heap() // not Linux
	}
	var size, resident int64
	if _, err := fmt.Sscan(string(text), &size, &resident); err != nil {
		return heap()
	}
	return resident * int64(os.Getpagesize())
}
