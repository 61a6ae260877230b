package recorder

import (
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
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

// plainConn is a connection without TLS. It recognizes the alert with which a TLS server answers.
type plainConn struct {
	net.Conn
	received bool
	// alerted says that the server answered with a TLS alert, and alert when any connection last had one.
	alerted atomic.Bool
	alert   *lastAlert
}

// lastAlert is when a server last answered plain text with a TLS alert. A request that was to use the connection may fail for that in
// words that do not say why.
type lastAlert struct{ at atomic.Pointer[time.Time] }

func (a *lastAlert) note() {
	now := time.Now()
	a.at.Store(&now)
}

func (a *lastAlert) since(start time.Time) bool {
	at := a.at.Load()
	return at != nil && !at.Before(start)
}

// Read returns errTLSServer if the server's first bytes are an alert: neither HTTP/1 nor HTTP/2 begins like that.
func (c *plainConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if !c.received && n > 0 {
		c.received = true
		const alert, version = 0x15, 0x03
		if n > 1 && p[0] == alert && p[1] == version {
			c.alerted.Store(true)
			c.alert.note()
			return 0, errTLSServer
		}
	}
	return n, err
}

func (c *plainConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	return n, c.explain(err)
}

// ReadFrom is what net/http writes bodies with.
func (c *plainConn) ReadFrom(r io.Reader) (int64, error) {
	from, ok := c.Conn.(io.ReaderFrom)
	if !ok {
		return io.Copy(struct{ io.Writer }{c}, r)
	}
	n, err := from.ReadFrom(r)
	return n, c.explain(err)
}

// explain returns why a connection failed: after the alert net/http closes it, and whatever is being written fails for that.
func (c *plainConn) explain(err error) error {
	if err != nil && c.alerted.Load() {
		return errTLSServer
	}
	return err
}

// CloseWrite ends what is sent.
func (c *plainConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return c.Close()
}

// dial connects to a server.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, network, address)
	if tcp, ok := conn.(*net.TCPConn); ok {
		return earlyResponseConn{tcp}, nil
	}
	return conn, err
}

// dialPlain connects to a server without TLS.
func (a *lastAlert) dialPlain(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &plainConn{Conn: conn, alert: a}, nil
}
