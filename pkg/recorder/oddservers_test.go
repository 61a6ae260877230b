package recorder_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"
	"google.golang.org/grpc"

	"github.com/coldhit/modelserving-datasource/pkg/recorder"
)

var bidirectional = &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}

// grpcEcho is a recorder in front of a server that sends every message back.
func grpcEcho(t *testing.T, change func(*recorder.Options)) (*stand, *grpc.ClientConn) {
	t.Helper()
	upstream, _ := serveGRPC(t, func(_ string, stream grpc.ServerStream) error {
		for {
			var message []byte
			if err := stream.RecvMsg(&message); errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return err
			}
			if err := stream.SendMsg(&message); err != nil {
				return err
			}
		}
	})
	s := inFrontOf(t, upstream, change)
	return s, dialGRPC(t, s)
}

// newTLSServer answers plain HTTP in words.
func newTLSServer(t *testing.T) string {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(ok))
	server.Config.ErrorLog = nil
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.URL
}

// accept serves connections one by one until the test ends.
func accept(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
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
			serve(conn)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-done
	})
	return "http://" + listener.Addr().String()
}

// alertServer answers plain HTTP with a TLS alert, as OpenSSL does.
func alertServer(t *testing.T) string {
	t.Helper()
	return accept(t, func(conn net.Conn) {
		_, _ = io.CopyN(io.Discard, conn, 5)
		_, _ = conn.Write([]byte{21, 3, 1, 0, 2, 2, 70})
		_ = conn.(*net.TCPConn).CloseWrite()
		_, _ = io.Copy(io.Discard, conn)
	})
}

// resettingServer resets every stream.
func resettingServer(t *testing.T, code http2.ErrCode) string {
	t.Helper()
	return accept(t, func(conn net.Conn) {
		if _, err := io.CopyN(io.Discard, conn, int64(len(http2.ClientPreface))); err != nil {
			return
		}
		framer := http2.NewFramer(conn, conn)
		if framer.WriteSettings() != nil {
			return
		}
		for {
			frame, err := framer.ReadFrame()
			if err != nil {
				return
			}
			switch f := frame.(type) {
			case *http2.SettingsFrame:
				if !f.IsAck() && framer.WriteSettingsAck() != nil {
					return
				}
			case *http2.DataFrame:
				if f.StreamEnded() && framer.WriteRSTStream(f.StreamID, code) != nil {
					return
				}
			}
		}
	})
}
