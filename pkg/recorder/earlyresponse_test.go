package recorder_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/recorder"
)

// refuse answers without reading the request.
func refuse(w http.ResponseWriter, _ *http.Request) {
	_ = http.NewResponseController(w).EnableFullDuplex()
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = io.WriteString(w, "no")
	_ = http.NewResponseController(w).Flush() // chunked
}

const smuggled = "GET /predictions/smuggled HTTP/1.1\r\nHost: a\r\n\r\n"

// What a client sends of a body after its response is never taken for its next request.
func TestRestOfABodyIsNoRequest(t *testing.T) {
	s := inFrontOfHandler(t, refuse, func(o *recorder.Options) { o.WaitLonger(moment) })
	conn := raw(t, s, "POST /predictions/m HTTP/1.1\r\nHost: a\r\nContent-Length: "+strconv.Itoa(len(smuggled))+"\r\n\r\n")
	answers := bufio.NewReader(conn)
	response, err := http.ReadResponse(answers, nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err, "the response is whole")
	require.Equal(t, "no", string(body))
	require.NoError(t, response.Body.Close())
	_, err = io.WriteString(conn, smuggled)
	require.NoError(t, err)
	_, err = http.ReadResponse(answers, nil)
	require.Error(t, err, "the connection is closed")
	s.eventually(1, prometheus.Labels{"model": "m", "code": "503"})
}

// net/http cancels all requests that come on a connection after a deadline of reading from it has passed.
func TestConnectionIsNotUsedAgainAfterASearchThatTookTooLong(t *testing.T) {
	s := inFrontOfHandler(t, func(w http.ResponseWriter, _ *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		w.WriteHeader(http.StatusServiceUnavailable)
	}, func(o *recorder.Options) { o.SearchFor(moment) })
	const body = `{"prompt":"hello"}`
	conn := raw(t, s, "POST /v1/completions HTTP/1.1\r\nHost: a\r\nContent-Length: "+strconv.Itoa(len(body))+"\r\n\r\n"+body[:5])
	answers := bufio.NewReader(conn)
	response, err := http.ReadResponse(answers, nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
	require.NoError(t, response.Body.Close())
	s.eventually(1, prometheus.Labels{"model": "unknown", "code": "503"}) // the search is over
	_, err = io.WriteString(conn, body[5:]+"GET /predictions/m HTTP/1.1\r\nHost: a\r\n\r\n")
	require.NoError(t, err)
	_, err = http.ReadResponse(answers, nil)
	require.Error(t, err, "the connection is closed")
	s.eventually(1, nil)
}

func TestBytesAfterABrokenBodyAreNoRequest(t *testing.T) {
	s := inFrontOfHandler(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }, nil)
	conn := raw(t, s, "POST /predictions/m HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"+smuggled)
	answers := bufio.NewReader(conn)
	response, err := http.ReadResponse(answers, nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusBadRequest, response.StatusCode)
	_, err = io.Copy(io.Discard, response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	_, err = http.ReadResponse(answers, nil)
	require.Error(t, err, "the connection is closed")
	s.eventually(1, prometheus.Labels{"model": "m", "code": "400"})
}

// A refusal before the body was asked for arrives whole at once: nobody waits for a body that does not come.
func TestRefusalBeforeTheBodyIsAskedFor(t *testing.T) {
	s := inFrontOfHandler(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusExpectationFailed)
		_, _ = io.WriteString(w, "no")
		_ = http.NewResponseController(w).Flush() // chunked
	}, func(o *recorder.Options) { o.WaitLonger(patience) })
	begin := time.Now()
	conn := raw(t, s, "POST /v1/completions HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 100\r\n\r\n")
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusExpectationFailed, response.StatusCode)
	require.True(t, response.Close, "the client is told not to use the connection again")
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, "no", string(body))
	require.Less(t, time.Since(begin), patience/2)
	s.eventually(1, prometheus.Labels{"model": "unknown", "code": "417"})
}

// A client that has shut its side down is told so; an empty success would be a lie.
func TestClientThatHalfClosesGetsNoFalseSuccess(t *testing.T) {
	for name, request := range map[string]string{
		"after its request":  "POST /predictions/m HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
		"within its request": "POST /predictions/m HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf",
	} {
		t.Run(name, func(t *testing.T) {
			arrived := make(chan struct{}, 1)
			s := inFrontOfHandler(t, func(_ http.ResponseWriter, r *http.Request) {
				arrived <- struct{}{}
				_, _ = io.Copy(io.Discard, r.Body)
				<-r.Context().Done()
			}, nil)
			conn := raw(t, s, request)
			<-arrived
			require.NoError(t, conn.(interface{ CloseWrite() error }).CloseWrite()) //nolint:forcetypeassert // it is TCP
			response, err := http.ReadResponse(bufio.NewReader(conn), nil)
			require.NoError(t, err)
			require.Equal(t, 499, response.StatusCode)
			body, err := io.ReadAll(response.Body)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			require.Contains(t, string(body), "closed", "%s", body)
			s.eventually(1, prometheus.Labels{"model": "m", "code": "499"})
		})
	}
}

// A server that refuses a body for its size need not read it, and may hang up with its answer sent.
func TestAnswerOfAServerThatHangsUpIsPassedOn(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 4<<10))
			_, _ = io.WriteString(conn, "HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno")
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-done
	})
	s := inFrontOf(t, "http://"+listener.Addr().String(), nil)
	const size, times = 100_000, 300
	for range times {
		conn := raw(t, s, "POST /predictions/m HTTP/1.1\r\nHost: a\r\nContent-Length: "+strconv.Itoa(size)+"\r\n\r\n")
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			_, _ = io.WriteString(conn, strings.Repeat("x", size))
		}()
		require.Equal(t, http.StatusRequestEntityTooLarge, readStatus(t, conn))
		require.NoError(t, conn.Close())
		<-sent
	}
	s.eventually(times, prometheus.Labels{"model": "m", "code": "413"})
}

// Requests that a client sends without waiting are answered in their order, each counted once.
func TestPipelinedRequests(t *testing.T) {
	s := inFrontOfHandler(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(w, r.Body)
		_, _ = io.WriteString(w, r.URL.Path)
	}, nil)
	conn := raw(t, s, "POST /predictions/a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n1"+
		"POST /predictions/b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n2\r\n0\r\n\r\n"+
		"GET /predictions/c HTTP/1.1\r\nHost: a\r\n\r\n")
	answers := bufio.NewReader(conn)
	for _, want := range []string{"1/predictions/a", "2/predictions/b", "/predictions/c"} {
		response, err := http.ReadResponse(answers, nil)
		require.NoError(t, err)
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, want, string(body))
	}
	s.eventually(3, prometheus.Labels{"code": "200"})
	for _, model := range []string{"a", "b", "c"} {
		require.InDelta(t, 1, s.count(requests, prometheus.Labels{"model": model}), 0)
	}
}

// A client that offers HTTP/2 without TLS is answered in HTTP/1.1, as it must be ready for: a connection that became HTTP/2
// between client and server would carry requests that nobody counts.
func TestUpgradeToHTTP2IsNotPassedOn(t *testing.T) {
	s := inFrontOfHandler(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Upgrade", r.Header.Get("Upgrade")+r.Header.Get("Connection")+r.Header.Get("Http2-Settings"))
	}, nil)
	conn := raw(t, s, "GET /predictions/m HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n")
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Empty(t, response.Header.Get("X-Upgrade"))
	s.eventually(1, prometheus.Labels{"model": "m", "protocol": "http", "code": "200"})
}
