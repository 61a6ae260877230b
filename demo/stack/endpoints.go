package stack

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// endpoints are HTTP servers in this process, on loopback ports.
type endpoints struct {
	mu      sync.Mutex
	servers []*http.Server
	serving sync.WaitGroup
	failed  chan error
}

func newEndpoints() *endpoints { return &endpoints{failed: make(chan error, 1)} }

// serve serves a handler at a port, 0 for any free one, and returns its base URL. Should it end before close, failed
// delivers why.
func (e *endpoints) serve(name string, port int, handler http.Handler) (url string, err error) {
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return "", fmt.Errorf("a port for the %s: %w", name, err)
	}
	e.serveOn(listener, name, handler)
	return "http://" + listener.Addr().String(), nil
}

func (e *endpoints) serveOn(listener net.Listener, name string, handler http.Handler) {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	e.mu.Lock()
	e.servers = append(e.servers, server)
	e.mu.Unlock()
	e.serving.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			select {
			case e.failed <- fmt.Errorf("the %s ended: %w", name, err):
			default: // the first failure is enough
			}
		}
	})
}

// close ends all of them, requests under way included, and returns when the ports are free.
func (e *endpoints) close() {
	e.mu.Lock()
	servers := e.servers
	e.servers = nil
	e.mu.Unlock()
	for _, server := range servers {
		_ = server.Close()
	}
	e.serving.Wait()
}
