package recorder_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/recorder"
)

// raw sends bytes to the recorder and answers the connection.
func raw(t *testing.T, s *stand, request string) net.Conn {
	t.Helper()
	u, err := url.Parse(s.url)
	require.NoError(t, err)
	conn, err := net.Dial("tcp", u.Host)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	_, err = io.WriteString(conn, request)
	require.NoError(t, err)
	return conn
}

// readStatus reads a response's status from a raw connection.
func readStatus(t *testing.T, conn net.Conn) int {
	t.Helper()
	// Closing the body would read it to its end; it ends with the connection.
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	return response.StatusCode
}

func TestClientHangsUpBeforeTheResponse(t *testing.T) {
	arrived, gone := make(chan struct{}), make(chan struct{})
	s := inFrontOfHandler(t, func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
		close(gone)
	}, nil)
	conn := raw(t, s, "POST /predictions/m HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
	<-arrived
	require.NoError(t, conn.Close())
	s.eventually(1, prometheus.Labels{"model": "m", "code": "499"})
	require.Zero(t, s.count("modelserving_time_to_first_byte_seconds", nil))
	<-gone
}

func TestClientHangsUpWithinTheResponse(t *testing.T) {
	s := inFrontOfHandler(t, func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 1<<16)); err != nil {
				return
			}
		}
	}, nil)
	conn := raw(t, s, "GET /predictions/m HTTP/1.1\r\nHost: a\r\n\r\n")
	require.Equal(t, http.StatusOK, readStatus(t, conn))
	require.NoError(t, conn.Close())
	s.eventually(1, prometheus.Labels{"model": "m", "code": "499"})
	require.InDelta(t, 1, s.count("modelserving_time_to_first_byte_seconds", nil), 0)
}

func TestClientHangsUpWithinTheRequest(t *testing.T) {
	s := inFrontOfHandler(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}, nil)
	conn := raw(t, s, "POST /v1/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{\"model\":\"m\"")
	require.Eventually(t, func() bool { return s.count(concurrent, prometheus.Labels{"model": "m"}) == 1 }, patience, moment,
		"the model is known before the body ends")
	require.NoError(t, conn.Close())
	s.eventually(1, prometheus.Labels{"model": "m", "code": "499"})
}

func TestServerDiesWithinTheResponse(t *testing.T) {
	for name, header := range map[string]string{"chunked": "Transfer-Encoding: chunked", "of known length": "Content-Length: 100"} {
		t.Run(name, func(t *testing.T) {
			s := inFrontOfHandler(t, func(w http.ResponseWriter, _ *http.Request) {
				conn, _, err := http.NewResponseController(w).Hijack()
				if err != nil {
					return
				}
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n"+header+"\r\n\r\n5\r\nhello\r\n")
				_ = conn.Close()
			}, nil)
			response, err := s.client.Get(s.url + "/predictions/m")
			require.NoError(t, err)
			require.Equal(t, http.StatusOK, response.StatusCode)
			_, err = io.ReadAll(response.Body)
			require.ErrorIs(t, err, io.ErrUnexpectedEOF, "the client sees that the response is not whole")
			require.NoError(t, response.Body.Close())
			s.eventually(1, prometheus.Labels{"model": "m", "code": "502"})
		})
	}
}

func TestServerDiesBeforeTheResponse(t *testing.T) {
	s := inFrontOfHandler(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_ = conn.Close()
		}
	}, nil)
	response, body := s.do("POST", "/predictions/m", "x", nil)
	require.Equal(t, http.StatusBadGateway, response.StatusCode)
	require.Contains(t, body, "The model server is unreachable")
	s.eventually(1, prometheus.Labels{"model": "m", "code": "502"})
}

func TestUpstreamGone(t *testing.T) {
	s := inFrontOf(t, "http://127.0.0.1:1", nil)
	response, body := s.do("POST", "/predictions/m", "x", nil)
	require.Equal(t, http.StatusBadGateway, response.StatusCode)
	require.NotContains(t, body, "127.0.0.1")
	s.eventually(1, prometheus.Labels{"model": "m", "code": "502"})
}

func TestModelIsFoundWhenTheServerDoesNotReadTheRequest(t *testing.T) {
	body := `{"prompt":"` + strings.Repeat("x", 100_000) + `","model":"m"}`
	gone := inFrontOf(t, "http://127.0.0.1:1", nil)
	refusing := inFrontOfHandler(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }, nil)
	for s, want := range map[*stand]int{gone: http.StatusBadGateway, refusing: http.StatusServiceUnavailable} {
		for range 3 {
			response, _ := s.do("POST", "/v1/completions", body, nil)
			require.Equal(t, want, response.StatusCode)
		}
		s.eventually(3, prometheus.Labels{"model": "m", "code": fmt.Sprint(want)})
	}
}

func TestUpstreamSilent(t *testing.T) {
	s := inFrontOfHandler(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		func(o *recorder.Options) { o.ResponseTimeout = 50 * time.Millisecond })
	response, body := s.do("POST", "/predictions/m", "", nil)
	require.Equal(t, http.StatusGatewayTimeout, response.StatusCode)
	require.Contains(t, body, "did not respond in time")
	s.eventually(1, prometheus.Labels{"model": "m", "code": "504"})
}

// endless is a body that goes on until it is closed.
func endless(t *testing.T, first string) io.Reader {
	t.Helper()
	reader, writer := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, err := io.WriteString(writer, first)
		for err == nil {
			_, err = io.WriteString(writer, strings.Repeat("x", 512))
			time.Sleep(time.Millisecond)
		}
	}()
	t.Cleanup(func() {
		_ = reader.CloseWithError(errors.New("the test ends"))
		<-done
	})
	return reader
}

func TestBodyNeverEndsAndTheServerAnswers(t *testing.T) {
	s := inFrontOfHandler(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
	}, nil)
	request, err := http.NewRequestWithContext(t.Context(), "POST", s.url+"/v1/completions", endless(t, `{"prompt":"`))
	require.NoError(t, err)
	response, err := s.client.Do(request)
	require.NoError(t, err)
	require.Equal(t, http.StatusRequestEntityTooLarge, response.StatusCode)
	require.NoError(t, response.Body.Close())
	s.eventually(1, prometheus.Labels{"model": "unknown", "code": "413"})
}

func TestBodyNeverEndsAndTheClientHangsUp(t *testing.T) {
	s := inFrontOfHandler(t, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }, nil)
	ctx, cancel := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(ctx, "POST", s.url+"/v1/completions", endless(t, `{"model":"m","prompt":"`))
	require.NoError(t, err)
	go func() {
		defer cancel()
		for begin := time.Now(); time.Since(begin) < patience && s.count(concurrent, prometheus.Labels{"model": "m"}) == 0; {
			time.Sleep(moment)
		}
	}()
	_, err = s.client.Do(request)
	require.ErrorIs(t, err, context.Canceled)
	s.eventually(1, prometheus.Labels{"model": "m", "code": "499"})
}

func TestLargeHeaders(t *testing.T) {
	header := func(size int) http.Header { return http.Header{"X-Big": {strings.Repeat("x", size)}} }
	s := inFrontOfHandler(t, func(w http.ResponseWriter, r *http.Request) { w.Header().Set("X-Big", r.Header.Get("X-Big")) }, nil)
	response, _ := s.do("POST", "/predictions/m", "", header(60<<10))
	require.Len(t, response.Header.Get("X-Big"), 60<<10)
	s.eventually(1, prometheus.Labels{"model": "m", "code": "200"})

	response, _ = s.do("POST", "/predictions/m", "", header(1<<20))
	require.Equal(t, http.StatusRequestHeaderFieldsTooLarge, response.StatusCode)
	require.InDelta(t, 1, s.count(requests, nil), 0, "it is not counted")
}

func TestServerRefusesALargeHeader(t *testing.T) {
	limited := http.Server{MaxHeaderBytes: 4 << 10, Handler: http.HandlerFunc(ok), ReadHeaderTimeout: patience}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = limited.Serve(listener)
	}()
	t.Cleanup(func() {
		_ = limited.Close()
		<-done
	})
	s := inFrontOf(t, "http://"+listener.Addr().String(), nil)
	response, _ := s.do("POST", "/predictions/m", "", http.Header{"X-Big": {strings.Repeat("x", 32<<10)}})
	require.Contains(t, []int{http.StatusRequestHeaderFieldsTooLarge, http.StatusBadGateway}, response.StatusCode)
	s.eventually(1, prometheus.Labels{"model": "m", "code": fmt.Sprint(response.StatusCode)})
}

func TestBrokenChunks(t *testing.T) {
	s := inFrontOfHandler(t, func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			w.WriteHeader(http.StatusBadRequest)
		}
	}, nil)
	conn := raw(t, s, "POST /predictions/m HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
	require.Equal(t, http.StatusBadRequest, readStatus(t, conn))
	s.eventually(1, prometheus.Labels{"model": "m", "code": "400"})
}

func TestLongAndInvalidNamesAreBoundedAndCounted(t *testing.T) {
	s := inFrontOfHandler(t, ok, func(o *recorder.Options) { o.MaxLabelBytes = 8 })
	s.do("POST", "/predictions/"+strings.Repeat("x", 100), "", nil)
	s.do("POST", "/predictions/"+url.PathEscape("1234567ä"), "", nil)
	s.do("POST", "/v1/completions", `{"model":"`+strings.Repeat(`\ud83d\ude00`, 1000)+`"}`, nil)
	s.do("POST", "/predictions/a%fe", "", nil)
	s.eventually(4, nil)
	for _, model := range []string{"xxxxxxxx", "1234567", "😀😀", "a\uFFFD"} {
		require.InDelta(t, 1, s.count(requests, prometheus.Labels{"model": model}), 0, model)
	}
	require.InDelta(t, 3, s.count("modelserving_recorder_label_values_truncated_total", nil), 0)
	require.InDelta(t, 1, s.count("modelserving_recorder_label_values_sanitized_total", nil), 0)
	answer := models(t, s)
	require.Equal(t, 3, answer.LabelValuesTruncated)
	require.Equal(t, 1, answer.LabelValuesSanitized)
}

func TestRecorderStopsWithRequestsInFlight(t *testing.T) {
	arrived := make(chan struct{})
	s := inFrontOfHandler(t, func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
	}, nil)
	answered := make(chan int, 1)
	go func() {
		response, err := s.client.Get(s.url + "/predictions/m")
		if err != nil {
			answered <- 0
			return
		}
		_ = response.Body.Close()
		answered <- response.StatusCode
	}()
	<-arrived
	s.stop(recorder.ErrStopped)
	require.Equal(t, http.StatusServiceUnavailable, <-answered)
	s.eventually(1, prometheus.Labels{"model": "m", "code": "503"})
}
