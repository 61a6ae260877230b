package httpserver

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// connections are those that a server has open.
type connections struct {
	limit int

	mu               sync.Mutex
	open             map[*connection]struct{}
	refused, evicted uint64
	refusing         int
}

// connection is one of them.
type connection struct {
	net.Conn
	of          *connections
	sendTimeout time.Duration
	closed      sync.Once
	// received says that bytes arrived since the connection had no request.
	received atomic.Bool

	// Owned by connections, under its lock. active says that a request is in progress; since is when that changed.
	active bool
	since  time.Time
}

const (
	// headerPatience is how long a client that sends its header slowly is safe from those who wait for a place.
	headerPatience = time.Second
	// mostRefusing bounds the connections that get a 503. The rest is closed.
	mostRefusing  = 256
	refusalPeriod = time.Second
)

// refusal is what a client without TLS reads when there is no place for its connection.
const refusal = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\nRetry-After: 1\r\n" +
	"Content-Length: 62\r\n\r\nToo many connections: retry later, or close idle connections.\n"

// limitedListener hands out as many connections as there are places.
type limitedListener struct {
	net.Listener
	server  *Server
	withTLS bool
}

// Accept returns the next connection that gets a place.
func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		c := &connection{Conn: conn, of: &l.server.connections, sendTimeout: l.server.limits.SendTimeout, since: time.Now()}
		evicted, admitted := c.of.add(c)
		if evicted != nil {
			_ = evicted.Close()
		}
		if admitted {
			return c, nil
		}
		c.of.refuse(conn, l.withTLS)
	}
}

// add gives a connection a place, if need be that of one to close.
func (s *connections) add(c *connection) (evicted *connection, admitted bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.open) >= s.limit {
		evicted = s.leastUseful(c.since)
		if evicted == nil {
			s.refused++
			return nil, false
		}
		delete(s.open, evicted)
		s.evicted++
	}
	s.open[c] = struct{}{}
	return evicted, true
}

// leastUseful is the connection that has had no request for the longest time, or else the one that has been sending a header for
// longest. nil if all are of use. The caller holds the lock.
func (s *connections) leastUseful(now time.Time) *connection {
	var idle, slow *connection
	for c := range s.open {
		switch {
		case c.active:
		case !c.received.Load() && now.Sub(c.since) > 0:
			if idle == nil || c.since.Before(idle.since) {
				idle = c
			}
		case now.Sub(c.since) > headerPatience:
			if slow == nil || c.since.Before(slow.since) {
				slow = c
			}
		}
	}
	if idle != nil {
		return idle
	}
	return slow
}

// refuse tells the client why, where it can be read, and closes the connection.
func (s *connections) refuse(conn net.Conn, withTLS bool) {
	s.mu.Lock()
	silent := withTLS || s.refusing >= mostRefusing
	if !silent {
		s.refusing++
	}
	s.mu.Unlock()
	if silent {
		_ = conn.Close()
		return
	}
	go func() {
		defer func() {
			_ = conn.Close()
			s.mu.Lock()
			defer s.mu.Unlock()
			s.refusing--
		}()
		if conn.SetDeadline(time.Now().Add(refusalPeriod)) != nil {
			return
		}
		if _, err := io.WriteString(conn, refusal); err != nil {
			return
		}
		// Closed with bytes unread, the connection would be reset and the response lost.
		if half, ok := conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
			_, _ = io.CopyN(io.Discard, conn, headerSlack)
		}
	}()
}

// stateChanged is http.Server's hook.
func (s *connections) stateChanged(conn net.Conn, state http.ConnState) {
	c := unwrap(conn)
	if c == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch state {
	case http.StateActive, http.StateHijacked:
		c.active = true
	case http.StateIdle:
		c.active, c.since = false, time.Now()
		c.received.Store(false)
	case http.StateNew, http.StateClosed:
	}
}

// unwrap finds the connection below TLS.
func unwrap(conn net.Conn) *connection {
	for {
		switch c := conn.(type) {
		case *connection:
			return c
		case interface{ NetConn() net.Conn }:
			conn = c.NetConn()
		default:
			return nil
		}
	}
}

func (s *connections) usage() Usage {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Usage{Connections: len(s.open), Limit: s.limit, Refused: s.refused, Evicted: s.evicted}
}

// Read notes that something arrives.
func (c *connection) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 && !c.received.Load() {
		c.received.Store(true)
	}
	return n, err
}

// Write fails if the client reads nothing for the time that it may take. This holds for every protocol, HTTP/2 and WebSocket included.
func (c *connection) Write(p []byte) (int, error) {
	var written int
	for {
		if err := c.SetWriteDeadline(time.Now().Add(c.sendTimeout)); err != nil {
			return written, err
		}
		// A piece at a time, so that a client that reads slowly is not taken for one that does not read.
		piece := p[written:min(len(p), written+sendBytes)]
		n, err := c.Conn.Write(piece)
		written += n
		if errors.Is(err, os.ErrDeadlineExceeded) {
			// HTTP/2 does not end a connection for an error of writing.
			_ = c.Close()
		}
		if err != nil || written == len(p) {
			return written, err
		}
	}
}

// sendBytes is what a client has to read within its time.
const sendBytes = 64 << 10

// CloseWrite ends what is sent, for protocols that a connection is upgraded to.
func (c *connection) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return c.Close()
}

// Close gives the place back.
func (c *connection) Close() error {
	c.closed.Do(func() {
		c.of.mu.Lock()
		defer c.of.mu.Unlock()
		delete(c.of.open, c)
	})
	return c.Conn.Close()
}
