package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/tests/logbuffer"
)

// asProgram is the environment variable that makes this test binary the recorder.
const asProgram = "RECORDER_TEST_PROGRAM"

// process is the recorder in a process of its own, so that its memory is its own.
type process struct {
	t             *testing.T
	command       *exec.Cmd
	listen, admin string
	log           logbuffer.Buffer
}

func startProcess(t *testing.T, config string) *process {
	t.Helper()
	executable, err := os.Executable()
	require.NoError(t, err)
	p := &process{t: t, command: exec.Command(executable, "-config", write(t, "listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\n"+config))}
	p.command.Env = append(os.Environ(), asProgram+"=1")
	p.command.Stderr = &p.log
	require.NoError(t, p.command.Start())
	t.Cleanup(func() { _ = p.command.Process.Kill() })
	require.Eventually(t, func() bool { return addresses.MatchString(p.log.String()) }, patience, time.Millisecond, "%s", &p.log)
	found := addresses.FindStringSubmatch(p.log.String())
	p.listen, p.admin = found[1], found[2]
	return p
}

// stop ends the process and returns the most memory that it had.
func (p *process) stop() (peakBytes int64) {
	p.t.Helper()
	require.NoError(p.t, p.command.Process.Signal(syscall.SIGTERM))
	require.NoError(p.t, p.command.Wait(), "%s", &p.log)
	usage, ok := p.command.ProcessState.SysUsage().(*syscall.Rusage)
	require.True(p.t, ok)
	return usage.Maxrss << 10
}

func (p *process) dial() net.Conn {
	p.t.Helper()
	conn, err := net.Dial("tcp", p.listen)
	require.NoError(p.t, err)
	p.t.Cleanup(func() { _ = conn.Close() })
	require.NoError(p.t, conn.SetDeadline(time.Now().Add(patience)))
	return conn
}

func instant(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Start", r.URL.Query().Get("start"))
		_, _ = io.WriteString(w, "ok")
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// 300 clients that send as much of a header as they can, and never end it. Before there was a limit, this took 1.2 GB.
func TestHalfSentHeadersTakeLittleMemory(t *testing.T) {
	p := startProcess(t, "upstream: "+instant(t))
	half := append([]byte("GET / HTTP/1.1\r\nHost: a\r\nX-Half: "), bytes.Repeat([]byte("x"), 4<<20-100)...)
	// An HTTP/2 header frame of 1 MiB less a byte, of which half is sent, then a header that goes on in frames that never end it.
	frame := append([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00\x0f\xff\xff\x01\x00\x00\x00\x00\x01"), bytes.Repeat([]byte("x"), 512<<10)...)
	var sending sync.WaitGroup
	for _, request := range [][]byte{half, frame} {
		for range 300 {
			conn := p.dial()
			sending.Go(func() {
				for left := request; len(left) > 0; {
					n, err := conn.Write(left[:min(len(left), 64<<10)])
					if err != nil {
						return // it is refused, which is as good
					}
					left = left[n:]
				}
			})
		}
	}
	sending.Wait()
	status, _ := get(t, newClient(t, nil), "http://"+p.listen+"/predictions/m")
	require.Equal(t, http.StatusOK, status)
	status, _ = get(t, newClient(t, nil), "http://"+p.admin+"/healthz")
	require.Equal(t, http.StatusOK, status)
	peak := p.stop()
	t.Logf("600 half-sent headers: %d MB at most", peak>>20)
	require.Less(t, peak, int64(200<<20))
}

// As many connections as there may be, each with as long a header as there may be, waiting for its last byte.
func TestMemoryAtTheLimitsOfConnectionsAndHeaders(t *testing.T) {
	p := startProcess(t, "connections: {max: 1500, header_timeout: 1m}\nupstream: "+instant(t)) // 3,000 would need as many file descriptors here
	header := append([]byte("GET / HTTP/1.1\r\nHost: a\r\nX-Half: "), bytes.Repeat([]byte("x"), 60<<10)...)
	for range 1500 {
		_, err := p.dial().Write(header)
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool {
		_, page := get(t, newClient(t, nil), "http://"+p.admin+"/metrics")
		return strings.Contains(page, "\nmodelserving_recorder_connections 1500\n")
	}, patience, 10*time.Millisecond)
	peak := p.stop()
	t.Logf("1,500 connections with headers of 60 KiB: %d MB at most", peak>>20)
	require.Less(t, peak, int64(500<<20))
}

func TestConnectionsBeyondTheLimitLeaveTheAdminPortAlone(t *testing.T) {
	arrived, release := make(chan struct{}, 10), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		arrived <- struct{}{}
		<-release
	}))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(release) })
	p := startProcess(t, "shutdown_grace: 1ms\nconnections: {max: 5}\nupstream: "+server.URL)
	for range 5 {
		_, err := io.WriteString(p.dial(), "GET /predictions/m HTTP/1.1\r\nHost: a\r\n\r\n")
		require.NoError(t, err)
		<-arrived
	}
	for range 100 {
		response, err := http.ReadResponse(bufio.NewReader(p.dial()), nil)
		require.NoError(t, err)
		require.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
		require.Equal(t, "1", response.Header.Get("Retry-After"))
	}
	status, page := get(t, newClient(t, nil), "http://"+p.admin+"/metrics")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, page, "\nmodelserving_recorder_connections_refused_total 100\n")
	require.Contains(t, page, "\nmodelserving_recorder_connections_limit 5\n")
	status, _ = get(t, newClient(t, nil), "http://"+p.admin+"/healthz")
	require.Equal(t, http.StatusOK, status)
}

func TestIdleLimitsSpareStreamsAndSessions(t *testing.T) {
	const idle = 100 * time.Millisecond
	resume := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
			conn, err := websocket.Accept(w, r, nil)
			if err != nil {
				return
			}
			<-resume
			defer func() { _ = conn.CloseNow() }()
			_ = conn.Write(r.Context(), websocket.MessageText, []byte("late"))
			_, _, _ = conn.Read(r.Context())
			return
		}
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		<-resume
		_, _ = io.WriteString(w, "late")
	}))
	t.Cleanup(server.Close)
	p := startProcess(t, fmt.Sprintf("connections: {idle_timeout: %[1]s, send_timeout: %[1]s, header_timeout: %[1]s, body_timeout: %[1]s}\nupstream: %[2]s", idle, server.URL))
	results := make(chan string, 3)
	http2 := &http.Protocols{}
	http2.SetUnencryptedHTTP2(true)
	for _, protocols := range []*http.Protocols{nil, http2} {
		transport := &http.Transport{Protocols: protocols}
		t.Cleanup(transport.CloseIdleConnections)
		response, err := (&http.Client{Transport: transport}).Get("http://" + p.listen + "/predictions/m")
		require.NoError(t, err)
		go func() {
			body, err := io.ReadAll(response.Body)
			results <- fmt.Sprint(string(body), err)
		}()
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	session, _, err := websocket.Dial(ctx, "ws://"+p.listen+"/v1/realtime?model=m", nil)
	require.NoError(t, err)
	go func() {
		_, message, err := session.Read(ctx)
		results <- fmt.Sprint(string(message), err)
	}()
	silent := p.dial() // is closed, so more than the idle time is over
	_, err = io.Copy(io.Discard, silent)
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, p.dial())
	require.NoError(t, err)
	close(resume)
	for range 3 {
		require.Equal(t, "late<nil>", <-results)
	}
	_ = session.CloseNow()
	p.stop()
}

// The limit of models, hot and cold, with names as long as labels may be.
func fillModels(t *testing.T, p *process, models int) {
	t.Helper()
	client := newClient(t, nil)
	for i := range models {
		name := fmt.Sprintf("%0128d", i)
		for _, start := range []string{"hot", "cold"} {
			response, err := client.Post("http://"+p.listen+"/predictions/"+name+"/"+name+"?start="+start, "text/plain", strings.NewReader("x"))
			require.NoError(t, err)
			_, _ = io.Copy(io.Discard, response.Body)
			require.NoError(t, response.Body.Close())
		}
	}
}

func Test200SimultaneousScrapesAreComplete(t *testing.T) {
	const models, scrapes = 1000, 200
	p := startProcess(t, "cold: {header: {name: X-Start}}\nupstream: "+instant(t))
	fillModels(t, p, models)
	type result struct {
		status   int
		samples  int
		requests int
		err      error
	}
	results := make(chan result, scrapes)
	began := time.Now()
	for range scrapes {
		go func() {
			var r result
			defer func() { results <- r }()
			client := &http.Client{Transport: &http.Transport{}, Timeout: patience}
			defer client.CloseIdleConnections()
			response, err := client.Get("http://" + p.admin + "/metrics")
			if err != nil {
				r.err = err
				return
			}
			defer response.Body.Close()
			r.status = response.StatusCode
			lines := bufio.NewScanner(response.Body)
			lines.Buffer(nil, 1<<20)
			for lines.Scan() {
				if !strings.HasPrefix(lines.Text(), "#") {
					r.samples++
				}
				if strings.HasPrefix(lines.Text(), "modelserving_requests_total{") {
					r.requests++
				}
			}
			r.err = lines.Err()
		}()
	}
	samples := 0
	for range scrapes {
		r := <-results
		require.NoError(t, r.err)
		require.Equal(t, http.StatusOK, r.status)
		require.Equal(t, 2*models, r.requests)
		samples = max(samples, r.samples)
	}
	t.Logf("%d scrapes of %d samples in %s", scrapes, samples, time.Since(began).Round(time.Millisecond))
	_, page := get(t, newClient(t, nil), "http://"+p.admin+"/metrics")
	parser := expfmt.NewTextParser(model.UTF8Validation)
	_, err := parser.TextToMetricFamilies(strings.NewReader(page))
	require.NoError(t, err)
	peak := p.stop()
	t.Logf("page of %d models, hot and cold: %d samples, %d bytes. At most %d MB", models, samples, len(page), peak>>20)
	require.Less(t, peak, int64(700<<20))
}
