package httpserver_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/httpserver"
)

// serve serves handler within limits and returns the address.
func serve(t *testing.T, limits httpserver.Limits, handler http.HandlerFunc) (*httpserver.Server, string) {
	t.Helper()
	server, err := httpserver.New(&http.Server{Handler: handler}, limits)
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	t.Cleanup(func() {
		require.NoError(t, server.Close())
		require.NoError(t, <-done)
	})
	return server, listener.Addr().String()
}

func open(t *testing.T, address, request string) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	_, err = io.WriteString(conn, request)
	require.NoError(t, err)
	return conn, bufio.NewReader(conn)
}

func status(t *testing.T, reader *bufio.Reader) string {
	t.Helper()
	response, err := http.ReadResponse(reader, nil)
	require.NoError(t, err)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return fmt.Sprint(response.StatusCode, " ", string(body))
}

const get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

func TestConnectionsBeyondTheLimit(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	server, address := serve(t, httpserver.Limits{Connections: 2}, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/wait" {
			arrived <- struct{}{}
			<-release
		}
		_, _ = io.WriteString(w, "ok")
	})
	const wait = "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n"
	_, first := open(t, address, wait)
	<-arrived
	idleConn, idle := open(t, address, get)
	require.Equal(t, "200 ok", status(t, idle))
	require.Eventually(t, func() bool { return server.Usage().Connections == 2 }, patience, time.Millisecond)

	// The idle connection makes room, the one with a request does not.
	_, third := open(t, address, wait)
	<-arrived
	_, err := idle.ReadByte()
	require.ErrorIs(t, err, io.EOF)
	require.NoError(t, idleConn.Close())
	_, fourth := open(t, address, get)
	require.Equal(t, "503 Too many connections: retry later, or close idle connections.\n", status(t, fourth))
	require.Equal(t, httpserver.Usage{Connections: 2, Limit: 2, Refused: 1, Evicted: 1}, server.Usage())
	close(release)
	require.Equal(t, "200 ok", status(t, first))
	require.Equal(t, "200 ok", status(t, third))
	_, fifth := open(t, address, get)
	require.Equal(t, "200 ok", status(t, fifth))
}

// Clients that never finish their headers cannot keep others out.
func TestHalfSentHeadersMakeRoom(t *testing.T) {
	const places = 20
	_, address := serve(t, httpserver.Limits{Connections: places, HeaderTimeout: patience}, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "ok")
	})
	for range places {
		open(t, address, "GET / HTTP/1.1\r\nHost: a\r\nX-Half: ")
	}
	require.Eventually(t, func() bool {
		_, reader := open(t, address, get)
		return status(t, reader) == "200 ok"
	}, patience, 100*time.Millisecond)
}

func TestHeaderAndIdleTimeouts(t *testing.T) {
	server, address := serve(t, httpserver.Limits{HeaderTimeout: 50 * time.Millisecond, IdleTimeout: 50 * time.Millisecond}, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "ok")
	})
	for name, request := range map[string]string{"nothing": "", "half a header": "GET / HTTP/1.1\r\nHost", "idle": get, "HTTP/2, no request": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"} {
		t.Run(name, func(t *testing.T) {
			_, reader := open(t, address, request)
			_, err := io.Copy(io.Discard, reader)
			require.NoError(t, err, "it is closed")
		})
	}
	require.Eventually(t, func() bool { return server.Usage().Connections == 0 }, patience, time.Millisecond)
}

func TestHeaderBytes(t *testing.T) {
	_, address := serve(t, httpserver.Limits{}, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") })
	header := func(size int) string {
		return "GET / HTTP/1.1\r\nHost: a\r\nX-Big: " + strings.Repeat("x", size) + "\r\n\r\n"
	}
	_, reader := open(t, address, header(60<<10))
	require.Equal(t, "200 ok", status(t, reader))
	_, reader = open(t, address, header(65<<10))
	require.Contains(t, status(t, reader), "431 ")
}

// A client that does not read its response gives its place back. One that reads now and then keeps it.
func TestSendTimeout(t *testing.T) {
	ended := make(chan error, 1)
	server, address := serve(t, httpserver.Limits{SendTimeout: 200 * time.Millisecond}, func(w http.ResponseWriter, _ *http.Request) {
		piece := make([]byte, 1<<20)
		for {
			if _, err := w.Write(piece); err != nil {
				ended <- err
				return
			}
		}
	})
	open(t, address, get)
	require.ErrorContains(t, <-ended, "timeout")
	require.Eventually(t, func() bool { return server.Usage().Connections == 0 }, patience, time.Millisecond)
}

func TestLimitsThatCannotBeMeant(t *testing.T) {
	for says, limits := range map[string]httpserver.Limits{
		"max is -1: set at least 1":             {Connections: -1},
		"streams is -1: set at least 1":         {Streams: -1},
		"header_bytes is 5: set at least 4096":  {HeaderBytes: 5},
		"header_timeout is -1s: set a positive": {HeaderTimeout: -time.Second},
		"send_timeout is -1s: set a positive":   {SendTimeout: -time.Second},
		"idle_timeout is -1s: set a positive":   {IdleTimeout: -time.Second},
	} {
		_, err := httpserver.New(&http.Server{}, limits)
		require.ErrorContains(t, err, says)
	}
	_, err := httpserver.New(httptest.NewUnstartedServer(nil).Config, httpserver.Limits{})
	require.NoError(t, err)
}
