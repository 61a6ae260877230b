package recorder_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/recorder"
)

// echo answers messages until the client closes, or closes itself when it is told to.
func echo(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{CompressionMode: websocket.CompressionContextTakeover})
	if err != nil {
		return
	}
	defer func() { _ = conn.CloseNow() }()
	conn.SetReadLimit(1 << 24)
	for {
		kind, message, err := conn.Read(r.Context())
		if err != nil {
			return
		}
		switch string(message) {
		case "close":
			_ = conn.Close(4321, "as told")
			return
		case "die":
			return
		}
		if err := conn.Write(r.Context(), kind, message); err != nil {
			return
		}
	}
}

func TestWebSocket(t *testing.T) {
	for name, test := range map[string]struct {
		end  func(ctx context.Context, conn *websocket.Conn) error
		code string
	}{
		"closed by the client": {func(_ context.Context, conn *websocket.Conn) error {
			return conn.Close(websocket.StatusNormalClosure, "done")
		}, "1000"},
		"closed with a code of its own": {func(_ context.Context, conn *websocket.Conn) error {
			return conn.Close(3999, strings.Repeat("x", 120))
		}, "3999"},
		"closed by the server": {func(ctx context.Context, conn *websocket.Conn) error {
			if err := conn.Write(ctx, websocket.MessageText, []byte("close")); err != nil {
				return err
			}
			_, _, err := conn.Read(ctx)
			if websocket.CloseStatus(err) == 4321 {
				return nil
			}
			return err
		}, "4321"},
		"closed without a code": {func(_ context.Context, conn *websocket.Conn) error {
			return conn.Close(websocket.StatusNoStatusRcvd, "")
		}, "1005"},
		"aborted by the client": {func(_ context.Context, conn *websocket.Conn) error { return conn.CloseNow() }, "1006"},
		"aborted by the server": {func(ctx context.Context, conn *websocket.Conn) error {
			if err := conn.Write(ctx, websocket.MessageText, []byte("die")); err != nil {
				return err
			}
			_, _, err := conn.Read(ctx)
			if err != nil {
				return nil //nolint:nilerr // as it should
			}
			return nil
		}, "1006"},
	} {
		t.Run(name, func(t *testing.T) {
			s := inFrontOfHandler(t, echo, nil)
			conn, response, err := websocket.Dial(t.Context(), s.url+"/v1/realtime?model=talker", &websocket.DialOptions{
				HTTPClient: s.client, CompressionMode: websocket.CompressionContextTakeover,
			})
			require.NoError(t, err)
			require.Equal(t, http.StatusSwitchingProtocols, response.StatusCode)
			defer func() { _ = conn.CloseNow() }()
			conn.SetReadLimit(1 << 24)
			for _, length := range []int{0, 1, 125, 126, 1 << 16, 1 << 20} {
				message := []byte(strings.Repeat("\x88", length)) // looks like the beginning of a close frame
				require.NoError(t, conn.Write(t.Context(), websocket.MessageBinary, message))
				_, got, err := conn.Read(t.Context())
				require.NoError(t, err)
				require.Len(t, got, length)
			}
			require.InDelta(t, 1, s.count(concurrent, prometheus.Labels{"model": "talker"}), 0)
			require.NoError(t, test.end(t.Context(), conn))
			s.eventually(1, prometheus.Labels{"model": "talker", "protocol": "websocket", "code": test.code})
			require.InDelta(t, 1, s.count("modelserving_session_time_seconds", nil), 0)
			require.Zero(t, s.count("modelserving_response_time_seconds", nil))
			require.Positive(t, s.sum("modelserving_request_size_bytes", nil))
			require.Positive(t, s.sum("modelserving_response_size_bytes", nil))
		})
	}
}

func TestWebSocketRefused(t *testing.T) {
	s := inFrontOfHandler(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WWW-Authenticate", "Bearer")
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, "who are you?")
	}, nil)
	_, response, err := websocket.Dial(t.Context(), s.url+"/v1/realtime?model=m", &websocket.DialOptions{HTTPClient: s.client})
	require.Error(t, err)
	require.Equal(t, http.StatusUnauthorized, response.StatusCode)
	require.Equal(t, "Bearer", response.Header.Get("WWW-Authenticate"))
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, "who are you?", string(body))
	s.eventually(1, prometheus.Labels{"model": "m", "protocol": "websocket", "code": "401"})
}

// What client and server agree on in the handshake passes, and so do pings in both directions.
func TestWebSocketNegotiation(t *testing.T) {
	s := inFrontOfHandler(t, func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"realtime"}, CompressionMode: websocket.CompressionNoContextTakeover})
		if err != nil {
			return
		}
		defer func() { _ = conn.CloseNow() }()
		ctx := conn.CloseRead(r.Context())
		if conn.Ping(ctx) == nil {
			_ = conn.Close(websocket.StatusGoingAway, "enough")
		}
		<-ctx.Done()
	}, nil)
	conn, response, err := websocket.Dial(t.Context(), s.url+"/v1/realtime?model=m", &websocket.DialOptions{
		HTTPClient: s.client, Subprotocols: []string{"other", "realtime"}, CompressionMode: websocket.CompressionNoContextTakeover,
	})
	require.NoError(t, err)
	defer func() { _ = conn.CloseNow() }()
	require.Equal(t, "realtime", conn.Subprotocol())
	require.Contains(t, response.Header.Get("Sec-WebSocket-Extensions"), "permessage-deflate")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, _, err = conn.Read(ctx)
	require.Equal(t, websocket.StatusGoingAway, websocket.CloseStatus(err))
	s.eventually(1, prometheus.Labels{"model": "m", "protocol": "websocket", "code": "1001"})
}

func TestWebSocketEndsWithTheRecorder(t *testing.T) {
	s := inFrontOfHandler(t, echo, nil)
	conn, _, err := websocket.Dial(t.Context(), s.url+"/v1/realtime?model=m", &websocket.DialOptions{HTTPClient: s.client})
	require.NoError(t, err)
	defer func() { _ = conn.CloseNow() }()
	require.NoError(t, conn.Write(t.Context(), websocket.MessageText, []byte("hello")))
	s.stop(recorder.ErrStopped)
	s.recorder.Wait()
	s.eventually(1, prometheus.Labels{"model": "m", "protocol": "websocket", "code": "1006"})
}
