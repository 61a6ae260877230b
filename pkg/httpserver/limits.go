// Package httpserver bounds what clients can take of an HTTP server: connections, streams, headers and time.
package httpserver

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Limits bound the clients of one server. Zero values take the default that the comment names. docs/recorder.md says which public
// proxies have the same.
type Limits struct {
	// Connections is the number of connections at the same time: 3,000.
	Connections int
	// Streams is the number of requests at the same time on one HTTP/2 connection: 250.
	Streams int
	// HeaderBytes bounds a request's line and header, decompressed in HTTP/2: 64 KiB.
	HeaderBytes int
	// HeaderTimeout is how long a client may take for a TLS handshake, and for a request's header: 10 s.
	HeaderTimeout time.Duration
	// SendTimeout is how long a client may read nothing of what is sent to it: 60 s.
	SendTimeout time.Duration
	// IdleTimeout is how long a connection without a request is kept: 180 s.
	IdleTimeout time.Duration
}

// The defaults of Limits.
const (
	DefaultConnections   = 3000
	DefaultStreams       = 250
	DefaultHeaderBytes   = 64 << 10
	DefaultHeaderTimeout = 10 * time.Second
	DefaultSendTimeout   = time.Minute
	DefaultIdleTimeout   = 3 * time.Minute
)

const (
	// minHeaderBytes holds the header of any ordinary request.
	minHeaderBytes = 4 << 10
	// headerSlack is what net/http reads beyond MaxHeaderBytes.
	headerSlack = 4 << 10
	// frameBytes is HTTP/2's smallest limit for a frame, and what clients assume unless a server allows more. A frame's memory is taken
	// as soon as its length is known.
	frameBytes = 16 << 10
	// streamBytes and connectionBytes are what a client may send of bodies before the handler reads it.
	streamBytes     = 256 << 10
	connectionBytes = 1 << 20
)

// WithDefaults replaces zero values, and returns an error for what is out of bounds.
func (l Limits) WithDefaults() (Limits, error) {
	for _, n := range []struct {
		key             string
		value           *int
		standard, least int
	}{
		{"max", &l.Connections, DefaultConnections, 1},
		{"streams", &l.Streams, DefaultStreams, 1},
		{"header_bytes", &l.HeaderBytes, DefaultHeaderBytes, minHeaderBytes},
	} {
		if *n.value == 0 {
			*n.value = n.standard
		}
		if *n.value < n.least {
			return l, fmt.Errorf("%s is %d: set at least %d", n.key, *n.value, n.least)
		}
	}
	for _, d := range []struct {
		key      string
		value    *time.Duration
		standard time.Duration
	}{
		{"header_timeout", &l.HeaderTimeout, DefaultHeaderTimeout},
		{"send_timeout", &l.SendTimeout, DefaultSendTimeout},
		{"idle_timeout", &l.IdleTimeout, DefaultIdleTimeout},
	} {
		if *d.value == 0 {
			*d.value = d.standard
		}
		if *d.value < 0 {
			return l, fmt.Errorf("%s is %s: set a positive duration", d.key, *d.value)
		}
	}
	return l, nil
}

// Server is an http.Server within limits. Serve it through Listen.
type Server struct {
	*http.Server
	limits      Limits
	connections connections
}

// New sets the limits of a server that is not in use yet. It keeps what the server has set besides.
func New(server *http.Server, limits Limits) (*Server, error) {
	limits, err := limits.WithDefaults()
	if err != nil {
		return nil, err
	}
	if server.ConnState != nil {
		return nil, errors.New("the server has a ConnState hook already: remove it")
	}
	s := &Server{Server: server, limits: limits}
	s.connections.open = map[*connection]struct{}{}
	s.connections.limit = limits.Connections
	server.MaxHeaderBytes = max(limits.HeaderBytes-headerSlack, 1) // zero means 1 MiB
	server.ReadHeaderTimeout = limits.HeaderTimeout
	server.IdleTimeout = limits.IdleTimeout
	server.HTTP2 = &http.HTTP2Config{
		MaxConcurrentStreams: limits.Streams, MaxReadFrameSize: frameBytes,
		MaxReceiveBufferPerStream: streamBytes, MaxReceiveBufferPerConnection: connectionBytes,
	}
	server.ConnState = s.connections.stateChanged
	return s, nil
}

// Listen returns the listener to serve. withTLS says that the server adds TLS to it, so that a connection beyond the limit is closed
// without a response.
func (s *Server) Listen(listener net.Listener, withTLS bool) net.Listener {
	return &limitedListener{Listener: listener, server: s, withTLS: withTLS}
}

// Usage is what a server's clients take.
type Usage struct {
	// Connections are open now, of Limit at most.
	Connections, Limit int
	// Refused and Evicted count the connections that got no place, and those that were closed for others because they sent nothing.
	Refused, Evicted uint64
}

// Usage returns the numbers of now.
func (s *Server) Usage() Usage { return s.connections.usage() }

// Serve serves the listener, with TLS if the server has a certificate, until it is shut down, which is no error.
func (s *Server) Serve(listener net.Listener) error {
	withTLS := s.TLSConfig != nil
	listener = s.Listen(listener, withTLS)
	var err error
	if withTLS {
		err = s.ServeTLS(listener, "", "")
	} else {
		err = s.Server.Serve(listener)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
