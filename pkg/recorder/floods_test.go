package recorder_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/coldhit/modelserving-datasource/pkg/httpserver"
)

// withLimits is a recorder with limits in front of a handler.
func withLimits(t *testing.T, limits httpserver.Limits, handler http.HandlerFunc) *stand {
	t.Helper()
	s := inFrontOfHandler(t, handler, nil)
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	s.url = listenWithin(t, ctx, s.recorder, limits)
	return s
}

// ended reads until the connection is closed and returns the error of a GOAWAY, if there was one.
func (c *rawHTTP2) ended() http2.ErrCode {
	code := http2.ErrCodeNo
	for {
		frame, err := c.framer.ReadFrame()
		if err != nil {
			return code
		}
		if away, ok := frame.(*http2.GoAwayFrame); ok {
			code = away.ErrCode
		}
	}
}

// Rapid reset (CVE-2023-44487): the server never has more requests at the same time than a connection may have streams.
func TestResetFloods(t *testing.T) {
	const streams, resets = 10, 2000
	var now, most, all atomic.Int64
	s := withLimits(t, httpserver.Limits{Streams: streams}, func(_ http.ResponseWriter, r *http.Request) {
		all.Add(1)
		n := now.Add(1)
		defer now.Add(-1)
		for {
			seen := most.Load()
			if n <= seen || most.CompareAndSwap(seen, n) {
				break
			}
		}
		select {
		case <-r.Context().Done():
		case <-time.After(20 * time.Millisecond):
		}
	})
	c := dialHTTP2(t, s.url)
	ended := make(chan http2.ErrCode, 1)
	go func() { ended <- c.ended() }()
	for range resets {
		var block bytes.Buffer
		encoder := hpack.NewEncoder(&block)
		for name, value := range map[string]string{":method": "GET", ":scheme": "http", ":authority": "a", ":path": "/predictions/m"} {
			require.NoError(t, encoder.WriteField(hpack.HeaderField{Name: name, Value: value}))
		}
		if c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: c.next, BlockFragment: block.Bytes(), EndHeaders: true, EndStream: true}) != nil ||
			c.framer.WriteRSTStream(c.next, http2.ErrCodeCancel) != nil {
			break
		}
		c.next += 2
	}
	require.Equal(t, http2.ErrCodeEnhanceYourCalm, <-ended, "the flood ends with the connection")
	require.Eventually(t, func() bool { return now.Load() == 0 }, patience, moment)
	// What was cancelled may end a moment later at the server than at the recorder.
	require.LessOrEqual(t, most.Load(), int64(4*streams))
	require.Less(t, all.Load(), int64(resets))
	response, _ := s.do("GET", "/predictions/m", "", nil)
	require.Equal(t, http.StatusOK, response.StatusCode)
}

// Each ping wants an answer. A client that does not read them is disconnected.
func TestPingFloods(t *testing.T) {
	s := withLimits(t, httpserver.Limits{SendTimeout: 100 * time.Millisecond}, ok)
	c := dialHTTP2(t, s.url)
	var flood bytes.Buffer
	framer := http2.NewFramer(&flood, nil)
	for range 10_000 {
		require.NoError(t, framer.WritePing(false, [8]byte{}))
	}
	var err error
	for err == nil {
		_, err = c.conn.Write(flood.Bytes())
	}
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded, "it is closed")
}

// HPACK makes much of little: a field of 4 KiB costs a byte when it is sent again. The limit is on what it comes to.
func TestHeadersOfHTTP2AreLimitedDecompressed(t *testing.T) {
	s := withLimits(t, httpserver.Limits{}, ok)
	for bytesOfHeader, want := range map[int]string{50 << 10: "200", 80 << 10: "431", 1 << 20: "431"} {
		c := dialHTTP2(t, s.url)
		fields := []string{":method", "GET", ":scheme", "http", ":authority", "a", ":path", "/predictions/m"}
		for range bytesOfHeader >> 11 {
			fields = append(fields, "x-big", strings.Repeat("x", 2<<10))
		}
		require.Equal(t, want, c.status(c.request(true, fields...)), bytesOfHeader)
	}
}

func TestStreamsBeyondTheLimitAreRefused(t *testing.T) {
	release := make(chan struct{})
	s := withLimits(t, httpserver.Limits{Streams: 3}, func(w http.ResponseWriter, _ *http.Request) {
		<-release
		_, _ = io.WriteString(w, "ok")
	})
	c := dialHTTP2(t, s.url)
	for range 3 {
		c.request(true, ":method", "GET", ":scheme", "http", ":authority", "a", ":path", "/predictions/m")
	}
	fourth := c.request(true, ":method", "GET", ":scheme", "http", ":authority", "a", ":path", "/predictions/m")
	require.Equal(t, "reset: REFUSED_STREAM", c.status(fourth))
	close(release)
}
