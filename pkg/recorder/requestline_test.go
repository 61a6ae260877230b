package recorder_test

import (
	"bytes"
	"context"
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
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/coldhit/modelserving-datasource/pkg/recorder"
)

// rawHTTP2 is a client that sends frames as they are, also those that no client library would.
type rawHTTP2 struct {
	t      testing.TB
	conn   net.Conn
	framer *http2.Framer
	next   uint32
}

func dialHTTP2(t testing.TB, address string) *rawHTTP2 {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	conn, err := net.Dial("tcp", u.Host)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	_, err = io.WriteString(conn, http2.ClientPreface)
	require.NoError(t, err)
	c := &rawHTTP2{t: t, conn: conn, framer: http2.NewFramer(conn, conn), next: 1}
	c.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	require.NoError(t, c.framer.WriteSettings())
	return c
}

// request sends a whole request and returns its stream.
func (c *rawHTTP2) request(endStream bool, fields ...string) uint32 {
	c.t.Helper()
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for i := 0; i < len(fields); i += 2 {
		require.NoError(c.t, encoder.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]}))
	}
	stream := c.next
	c.next += 2
	require.NoError(c.t, c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: block.Bytes(), EndHeaders: true, EndStream: endStream}))
	return stream
}

// status reads until the stream has a status, or was reset, which is 0.
func (c *rawHTTP2) status(stream uint32) string {
	c.t.Helper()
	for {
		frame, err := c.framer.ReadFrame()
		require.NoError(c.t, err)
		if frame.Header().StreamID != stream {
			continue
		}
		switch f := frame.(type) {
		case *http2.MetaHeadersFrame:
			return f.PseudoValue("status")
		case *http2.RSTStreamFrame:
			return "reset: " + f.ErrCode.String()
		}
	}
}

// lineServer is a server that only notes the request line that arrives, as lenient HTTP/1 servers split it.
func lineServer(t *testing.T) (string, <-chan string) {
	t.Helper()
	lines := make(chan string, 10)
	return listen(t, context.Background(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		lines <- r.Method + " " + r.RequestURI
		w.WriteHeader(http.StatusNoContent)
	})), lines
}

// An HTTP/1 server that takes the first two words of a line for method and target reads another target than the client's if the
// recorder writes a space into it.
func TestRequestLineCannotBeSplit(t *testing.T) {
	for name, path := range map[string]string{
		"space":           "/predictions/m HTTP/1.1",
		"space in query":  "/predictions/m?a=1 b",
		"only a space":    "/predictions/a b",
		"tab":             "/predictions/a\tb",
		"carriage return": "/predictions/a\rb",
		"line feed":       "/predictions/a\nX-Injected: 1",
		"NUL":             "/predictions/a\x00b",
		"DEL":             "/predictions/a\x7fb",
		"vertical tab":    "/predictions/a\x0bb",
	} {
		for _, contentType := range []string{"application/json", "application/grpc"} {
			t.Run(name+" "+contentType, func(t *testing.T) {
				upstream, lines := lineServer(t)
				s := inFrontOf(t, upstream, nil)
				c := dialHTTP2(t, s.url)
				stream := c.request(true, ":method", "POST", ":scheme", "http", ":authority", "a", ":path", path, "content-type", contentType)
				// What is no field value of HTTP/2 at all, net/http resets the stream for (RFC 9113, section 8.1.1).
				require.Contains(t, []string{"400", "reset: PROTOCOL_ERROR"}, c.status(stream))
				require.Empty(t, lines, "nothing reaches the server")
				require.Zero(t, s.count(requests, nil))
			})
		}
		if strings.ContainsAny(path, "\r\n") {
			continue // these end the line
		}
		t.Run(name+" over HTTP/1", func(t *testing.T) {
			upstream, lines := lineServer(t)
			s := inFrontOf(t, upstream, nil)
			require.Equal(t, http.StatusBadRequest, readStatus(t, raw(t, s, "POST "+path+" HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")))
			require.Empty(t, lines)
		})
	}
}

func TestRequestLineProblemsAreExplainedAndCounted(t *testing.T) {
	for name, fields := range map[string][]string{
		"path":   {":method", "POST", ":authority", "a", ":path", "/predictions/a b"},
		"method": {":method", "GET /other", ":authority", "a", ":path", "/predictions/m"},
		"host":   {":method", "POST", ":authority", "a b", ":path", "/predictions/m"},
	} {
		t.Run(name, func(t *testing.T) {
			upstream, lines := lineServer(t)
			s := inFrontOf(t, upstream, nil)
			c := dialHTTP2(t, s.url)
			stream := c.request(true, append([]string{":scheme", "http"}, fields...)...)
			require.Equal(t, "400", c.status(stream))
			frame, err := c.framer.ReadFrame()
			require.NoError(t, err)
			require.Contains(t, string(frame.(*http2.DataFrame).Data()), "the "+name+" has")
			require.Empty(t, lines)
			require.InDelta(t, 1, s.count("modelserving_recorder_unmatched_requests_total", prometheus.Labels{"protocol": "http", "code": "400"}), 0)
		})
	}
}

func TestNonASCIIPathsArePercentEncoded(t *testing.T) {
	upstream, lines := lineServer(t)
	s := inFrontOf(t, upstream, nil)
	c := dialHTTP2(t, s.url)
	stream := c.request(true, ":method", "POST", ":scheme", "http", ":authority", "a", ":path", "/predictions/à\u0085?q=ü%20")
	require.Equal(t, "204", c.status(stream))
	require.Equal(t, "POST /predictions/%C3%A0%C2%85?q=%C3%BC%20", <-lines)
	conn := raw(t, s, "GET /predictions/\xe9 HTTP/1.1\r\nHost: a\r\n\r\n")
	require.Equal(t, http.StatusNoContent, readStatus(t, conn))
	require.Equal(t, "GET /predictions/%E9", <-lines, "bytes that are not UTF-8 as well")
	s.eventually(2, nil)
	require.InDelta(t, 1, s.count(requests, prometheus.Labels{"model": "à\u0085"}), 0, "the model's name is the decoded one")
}

func TestResetStreamsAndTLSMismatchesHaveTheirReason(t *testing.T) {
	tls := newTLSServer(t)
	silentTLS := alertServer(t)
	for name, c := range map[string]struct {
		upstream, contentType string
		code                  int
		says                  string
	}{
		"HTTP to a TLS port that explains itself": {strings.Replace(tls, "https", "http", 1), "application/json", 502, "set the recorder's upstream to an https:// URL"},
		"HTTP to a TLS port that sends an alert":  {silentTLS, "application/json", 502, "set the recorder's upstream to an https:// URL"},
		"gRPC to a TLS port":                      {silentTLS, "application/grpc", 200, "set the recorder's upstream to an https:// URL"},
		"TLS to a plain port":                     {strings.Replace(listen(t, t.Context(), http.HandlerFunc(ok)), "http", "https", 1), "application/json", 502, "set the recorder's upstream to an http:// URL"},
		"a certificate that nobody signed":        {tls, "application/json", 502, "certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			s := inFrontOf(t, c.upstream, nil)
			request, err := http.NewRequestWithContext(t.Context(), "POST", s.url+"/predictions/m", strings.NewReader("x"))
			require.NoError(t, err)
			request.Header.Set("Content-Type", c.contentType)
			answer := overHTTP2(t, request)
			require.Contains(t, answer, fmt.Sprint("HTTP/2.0 ", c.code))
			require.Contains(t, answer, c.says)
			require.NotContains(t, answer, "127.0.0.1")
		})
	}
}

func TestServerResetsAStream(t *testing.T) {
	for reset, want := range map[http2.ErrCode]string{
		http2.ErrCodeCancel: "Canceled", http2.ErrCodeRefusedStream: "Unavailable", http2.ErrCodeInternal: "Internal", http2.ErrCodeEnhanceYourCalm: "ResourceExhausted",
	} {
		t.Run(reset.String(), func(t *testing.T) {
			s := inFrontOf(t, resettingServer(t, reset), nil)
			var answer []byte
			err := dialGRPC(t, s).Invoke(t.Context(), inferMethod, inferRequest("m", "", 1), &answer)
			require.Contains(t, err.Error(), "The model server reset the HTTP/2 stream.")
			s.eventually(1, prometheus.Labels{"model": "m", "protocol": "grpc", "code": want})
		})
	}
}

func TestClientResetsAStream(t *testing.T) {
	for name, end := range map[string]func(*rawHTTP2, uint32){
		"reset": func(c *rawHTTP2, stream uint32) {
			require.NoError(c.t, c.framer.WriteRSTStream(stream, http2.ErrCodeCancel))
		},
		"connection": func(c *rawHTTP2, _ uint32) { require.NoError(c.t, c.conn.Close()) },
	} {
		t.Run(name, func(t *testing.T) {
			arrived := make(chan struct{}, 1)
			s := inFrontOfHandler(t, func(_ http.ResponseWriter, r *http.Request) {
				arrived <- struct{}{}
				_, _ = io.Copy(io.Discard, r.Body)
				<-r.Context().Done()
			}, nil)
			for i := range 20 { // it was a race
				c := dialHTTP2(t, s.url)
				stream := c.request(false, ":method", "POST", ":scheme", "http", ":authority", "a", ":path", "/predictions/m")
				require.NoError(t, c.framer.WriteData(stream, false, []byte("half a body")))
				<-arrived
				end(c, stream)
				s.eventually(float64(i+1), prometheus.Labels{"model": "m", "code": "499"})
			}
		})
	}
}

func TestClientThatStopsSendingItsBody(t *testing.T) {
	quick := func(o *recorder.Options) { o.BodyTimeout = 50 * time.Millisecond }
	reading := func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }
	t.Run("HTTP/1", func(t *testing.T) {
		s := inFrontOfHandler(t, reading, quick)
		conn := raw(t, s, "POST /predictions/m HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf")
		require.Equal(t, http.StatusRequestTimeout, readStatus(t, conn))
		s.eventually(1, prometheus.Labels{"model": "m", "code": "408"})
	})
	t.Run("HTTP/2", func(t *testing.T) {
		s := inFrontOfHandler(t, reading, quick)
		c := dialHTTP2(t, s.url)
		stream := c.request(false, ":method", "POST", ":scheme", "http", ":authority", "a", ":path", "/predictions/m")
		require.Equal(t, "408", c.status(stream))
		s.eventually(1, prometheus.Labels{"model": "m", "code": "408"})
	})
	t.Run("a slow one is no silent one", func(t *testing.T) {
		s := inFrontOfHandler(t, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			_, _ = w.Write(body)
		}, func(o *recorder.Options) { o.BodyTimeout = time.Second })
		conn := raw(t, s, "POST /predictions/m HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\n")
		for range 20 {
			_, err := io.WriteString(conn, "x")
			require.NoError(t, err)
			time.Sleep(100 * time.Millisecond)
		}
		require.Equal(t, http.StatusOK, readStatus(t, conn))
	})
	t.Run("a stream of gRPC may be silent", func(t *testing.T) {
		s, client := grpcEcho(t, quick)
		stream, err := client.NewStream(t.Context(), bidirectional, streamMethod)
		require.NoError(t, err)
		var answer []byte
		for range 3 {
			require.NoError(t, stream.SendMsg(inferRequest("m", "", 1)))
			require.NoError(t, stream.RecvMsg(&answer))
			time.Sleep(200 * time.Millisecond)
		}
		require.NoError(t, stream.CloseSend())
		require.ErrorIs(t, stream.RecvMsg(&answer), io.EOF)
		s.eventually(1, prometheus.Labels{"model": "m", "code": "OK"})
	})
}
