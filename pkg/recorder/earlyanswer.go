package recorder

import (
	"context"
	"errors"
	"io"
	"net"
	"time"
)

// answerWait is how long an error of writing to the server is kept back, for its response to be read.
const answerWait = 50 * time.Millisecond

// earlyAnswered is a connection to a server that may answer and hang up before it has read the request, as one does that refuses
// a body for its size. net/http would take the request for failed as soon as no more of it can be written, although the
// response has come, and which of the two it sees first is chance.
type earlyAnswered struct{ *net.TCPConn }

func (c earlyAnswered) Write(p []byte) (int, error) {
	n, err := c.TCPConn.Write(p)
	keepBack(err)
	return n, err
}

// ReadFrom is what net/http writes bodies with.
func (c earlyAnswered) ReadFrom(r io.Reader) (int64, error) {
	n, err := c.TCPConn.ReadFrom(r)
	keepBack(err)
	return n, err
}

func keepBack(err error) {
	var operation *net.OpError
	if errors.As(err, &operation) && operation.Op != "read" && !errors.Is(err, net.ErrClosed) {
		time.Sleep(answerWait)
	}
}

// dial connects to a server.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, network, address)
	if tcp, ok := conn.(*net.TCPConn); ok {
		return earlyAnswered{tcp}, nil
	}
	return conn, err
}
