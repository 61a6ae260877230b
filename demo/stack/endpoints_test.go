package stack

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/demo/freeport"
)

func TestAnEndpointServesUntilItsPortIsFreedAgain(t *testing.T) {
	e := newEndpoints()
	base, err := e.serve("page", 0, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "here") }))
	require.NoError(t, err)
	response, err := http.Get(base)
	require.NoError(t, err)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, "here", string(body))

	u, err := url.Parse(base)
	require.NoError(t, err)
	port, err := strconv.Atoi(u.Port())
	require.NoError(t, err)
	_, err = e.serve("second page", port, http.NotFoundHandler())
	require.ErrorContains(t, err, "a port for the second page")

	e.close()
	free, err := freeport.FindFrom(port, port)
	require.NoError(t, err)
	require.Equal(t, port, free)
	require.Empty(t, e.failed, "an end that was asked for is no failure")
}

// brokenListener fails as a listener does whose socket is lost.
type brokenListener struct{ net.Listener }

func (brokenListener) Accept() (net.Conn, error) { return nil, errors.New("the socket is gone") }

func TestAnEndpointThatEndsIsReported(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &Stack{endpoints: newEndpoints()}
	defer s.endpoints.close()
	s.endpoints.serveOn(brokenListener{listener}, "router", http.NotFoundHandler())
	waited := make(chan error)
	go func() { waited <- s.Wait(t.Context()) }()
	select {
	case err := <-waited:
		require.ErrorContains(t, err, "the router ended: the socket is gone")
	case <-time.After(time.Minute):
		t.Fatal("nobody was told")
	}
}
