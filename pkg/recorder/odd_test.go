package recorder_test

import (
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/recorder"
)

// A server's connection that was switched to what nobody asked for is closed.
func TestUnaskedSwitchLeaksNoConnection(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	closed := make(chan error, 1)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			closed <- err
			return
		}
		defer func() { _ = conn.Close() }()
		_ = conn.SetDeadline(time.Now().Add(patience))
		_, _ = conn.Read(make([]byte, 64<<10))
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
		_, err = io.Copy(io.Discard, conn)
		closed <- err
	}()
	s := inFrontOf(t, "http://"+listener.Addr().String(), nil)
	response, _ := s.do("GET", "/predictions/m", "", nil)
	require.Equal(t, http.StatusBadGateway, response.StatusCode)
	require.NoError(t, <-closed)
	s.eventually(1, prometheus.Labels{"model": "m", "code": "502"})
}

// Whatever a server answers, its client gets the same or a clear 502, and the request is counted once with what it got.
func TestOddResponses(t *testing.T) {
	const question = "GET /predictions/m HTTP/1.1\r\nHost: a\r\n\r\n"
	for name, c := range map[string]struct {
		answer string
		code   string
		differ bool // the client gets a 502
	}{
		"HTTP/1.0 that ends with the connection": {"HTTP/1.0 200 OK\r\n\r\nhello", "200", false},
		"no length, the connection ends":         {"HTTP/1.1 200 OK\r\n\r\nhello", "200", false},
		"chunks with an extension and a trailer": {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nX-Sum: 7\r\n\r\n", "200", false},
		"a length twice, the same":               {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello", "200", false},
		"a continuation nobody asked for":        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "200", false},
		"more than its length":                   {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello world", "200", false},
		"less than its length":                   {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", "502", false},
		"a chunk that is cut off":                {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhello", "502", false},
		"chunks without an end":                  {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "502", false},
		"an error with a body on a 204":          {"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello", "204", false},
		"nothing":                                {"", "502", true},
		"no HTTP":                                {"SSH-2.0-x\r\n", "502", true},
		"two lengths":                            {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", "502", true},
		"a status below 100":                     {"HTTP/1.1 099 Odd\r\nContent-Length: 5\r\n\r\nhello", "502", true},
		"a switch that nobody asked for":         {"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n", "502", true},
		"a header that is cut off":               {"HTTP/1.1 200 OK\r\nContent-Le", "502", true},
	} {
		t.Run(name, func(t *testing.T) {
			upstream := answering(t, c.answer)
			s := inFrontOf(t, upstream, func(o *recorder.Options) { o.WaitLonger(moment) })
			with := converse(t, s.url, http.MethodGet, question, "")
			if c.differ {
				require.Equal(t, "502 Bad Gateway", with.Status)
				require.Contains(t, with.Body, "The model server")
			} else {
				without := converse(t, upstream, http.MethodGet, question, "")
				require.Equal(t, without.Status, with.Status)
				require.Equal(t, without.Body, with.Body)
				require.Equal(t, without.BodyError, with.BodyError)
				require.Equal(t, without.Trailer, with.Trailer)
				require.Equal(t, without.Informational, with.Informational)
			}
			s.eventually(1, prometheus.Labels{"model": "m", "code": c.code})
		})
	}
}
