package recorder

import (
	"context"
	"errors"
	"io"
	"net"
	"time"
)

// responseWait is how long an error of writing to the server is kept back, for its response to be read.
const responseWait = 50 * time.Millisecond

// earlyResponseConn is a connection to a server that may answer and hang up before it has read the request, as one does that refuses
// a body for its size. net/http would take the request for failed as soon as no more of it can be written, although the
// response has come, and which of the two it sees first is chance.
type earlyResponseConn struct{ *net.TCPConn }

func (c earlyResponseConn) Write(p []byte) (int, error) {
	n, err := c.TCPConn.Write(p)
	delayError(err)
	return n, err
}

// ReadFrom is what net/http writes bodies with.
func (c earlyResponseConn) ReadFrom(r io.Reader) (int64, error) {
	n, err := c.TCPConn.ReadFrom(r)
	delayError(err)
	return n, err
}

func delayError(err error) {
	var operation *net.OpError
	if errors.As(err, &operation) && operation.Op != "read" && !errors.Is(err, net.ErrClosed) {
		time.Sleep(responseWait)
	}
}

// dial connects to a server.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, network, address)
	if tcp, ok := conn.(*net.TCPConn); ok {
		return earlyResponseConn{tcp}, nil
	}
	return conn, err
}
