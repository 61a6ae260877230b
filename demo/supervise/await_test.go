package supervise

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAwaitOK(t *testing.T) {
	status := func(status func() int) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status()) }))
		t.Cleanup(server.Close)
		return server.URL
	}
	started := func(script string) *Process {
		p, err := Start(shell(t, "server", script))
		require.NoError(t, err)
		t.Cleanup(func() { p.Stop(0) })
		return p
	}
	busy := status(func() int { return http.StatusServiceUnavailable })

	t.Run("ready after a while", func(t *testing.T) {
		var asked atomic.Int32
		soon := status(func() int {
			if asked.Add(1) < 3 {
				return http.StatusServiceUnavailable
			}
			return http.StatusOK
		})
		require.NoError(t, started("exec sleep 300").AwaitOK(t.Context(), soon, time.Minute))
		require.EqualValues(t, 3, asked.Load())
	})
	t.Run("never ready", func(t *testing.T) {
		p := started("echo loading; exec sleep 300")
		require.Eventually(t, func() bool { return LastLines(p.LogPath(), 1) == "loading" }, 10*time.Second, 10*time.Millisecond)
		err := p.AwaitOK(t.Context(), busy, 300*time.Millisecond)
		require.ErrorContains(t, err, "server did not respond with 200 at "+busy+" within 300ms")
		require.ErrorContains(t, err, "loading")
	})
	t.Run("ends before", func(t *testing.T) {
		var ended *ExitError
		require.ErrorAs(t, started("exit 3").AwaitOK(t.Context(), busy, time.Minute), &ended)
		require.ErrorContains(t, ended, "exit status 3")
	})
	t.Run("the context ends before", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, started("exec sleep 300").AwaitOK(ctx, busy, time.Minute), context.Canceled)
	})
}
