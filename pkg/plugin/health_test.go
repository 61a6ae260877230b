package plugin

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/require"
)

// as is a context of a user with a role.
func as(t *testing.T, role string) context.Context {
	t.Helper()
	c := backend.PluginContext{OrgID: 1}
	if role != "" {
		c.User = &backend.User{Login: "somebody", Role: role}
	}
	return backend.WithPluginContext(t.Context(), c)
}

// silentServer accepts connections and never answers.
func silentServer(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = c.Close() })
		}
	}()
	return "http://" + l.Addr().String()
}

// fleet is a data source over targets of which some are silent, with their management endpoints silent as well if managed.
func fleet(t *testing.T, up, silent int, timeout string, managed bool) (d *Datasource, probes *atomic.Int64) {
	t.Helper()
	probes = &atomic.Int64{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("User-Agent"), "Prometheus") {
			probes.Add(1)
		}
		_, _ = w.Write([]byte("nv_inference_request_success{model=\"a\",version=\"1\"} 1\n"))
	}))
	t.Cleanup(server.Close)
	quiet := silentServer(t)
	management := server.URL
	if managed {
		management = quiet
	}
	var targets []map[string]any
	for i := range up + silent {
		base := server.URL
		// Silent targets come first: they must not take the time of the others.
		if i < silent {
			base = quiet
		}
		targets = append(targets, map[string]any{"id": fmt.Sprintf("t%d", i), "url": fmt.Sprintf("%s/metrics/%d", base, i), "managementUrl": management})
	}
	text, err := json.Marshal(map[string]any{"targets": targets, "interval": "1h", "scrapeTimeout": timeout})
	require.NoError(t, err)
	d, err = newHost(t, t.TempDir()).instance(1, stored("fleet", string(text)))
	require.NoError(t, err)
	return d, probes
}

// Every target is named that answers or does not, however many are silent.
func TestHealthWithSilentTargets(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		up, silent int
		managed    bool
	}{{23, 17, false}, {50, 150, false}, {23, 17, true}, {150, 350, true}} {
		t.Run(fmt.Sprintf("%d of %d, management silent: %t", c.silent, c.up+c.silent, c.managed), func(t *testing.T) {
			d, _ := fleet(t, c.up, c.silent, "2s", c.managed)
			begun := time.Now()
			r, err := d.CheckHealth(as(t, "Admin"), &backend.CheckHealthRequest{})
			require.NoError(t, err)
			require.Less(t, time.Since(begun), healthTime)
			require.Equal(t, backend.HealthStatusError, r.Status)
			require.Contains(t, r.Message, fmt.Sprintf("%d of %d targets have a problem: %d did not answer in full within 2s: http://", c.silent, c.up+c.silent, c.silent))
			require.Contains(t, r.Message, fmt.Sprintf("and %d more.", c.silent-shownNames))
			require.LessOrEqual(t, len(r.Message), maxMessage+3)
			var details healthDetails
			require.NoError(t, json.Unmarshal(r.JSONDetails, &details))
			require.Len(t, details.Targets, c.up+c.silent)
			for i, f := range details.Targets {
				require.Equal(t, i >= c.silent, f.Answers, f.URL)
				require.Contains(t, details.VerboseMessage, fmt.Sprintf("/metrics/%d", i))
				if c.managed && i >= c.silent {
					require.Contains(t, strings.Join(f.Missing, " "), "did not answer in full within")
				}
			}
			v, err := d.CheckHealth(as(t, "Viewer"), &backend.CheckHealthRequest{})
			require.NoError(t, err)
			require.Equal(t, fmt.Sprintf("%d of %d targets are up. Editors of the data source see the reasons in Save & test.", c.up, c.up+c.silent), v.Message)
		})
	}
}

// A check that has less time names what it did not reach.
func TestHealthWithLittleTime(t *testing.T) {
	t.Parallel()
	d, _ := fleet(t, 10, 10, "10s", false)
	ctx, cancel := context.WithTimeout(as(t, "Admin"), 3*time.Second)
	defer cancel()
	r, err := d.CheckHealth(ctx, &backend.CheckHealthRequest{})
	require.NoError(t, err)
	require.NoError(t, ctx.Err(), "the answer comes before nobody waits for it any more")
	require.Contains(t, r.Message, "10 of 20 targets have a problem: 10 did not answer in full within 1.2s: ")
	ended, end := context.WithCancel(t.Context())
	end()
	findings := d.probeTargets(ended)
	require.Len(t, findings, 20)
	for i, f := range findings {
		require.Contains(t, f.Problem, fmt.Sprintf("/metrics/%d was not reached in the time of this check.", i))
	}
}

// However many people look, a target is probed once.
func TestHealthIsShared(t *testing.T) {
	t.Parallel()
	const targets, callers = 50, 50
	d, probes := fleet(t, targets, 0, "5s", false)
	messages := make([]string, callers)
	var calls sync.WaitGroup
	for i := range callers {
		calls.Go(func() {
			r, err := d.CheckHealth(as(t, []string{"Viewer", "Admin"}[i%2]), &backend.CheckHealthRequest{})
			if err == nil {
				messages[i] = r.Message
			}
		})
	}
	calls.Wait()
	first := probes.Load()
	// Each target has one page, and at its management endpoint at most a list, statistics and a version.
	require.LessOrEqual(t, first, int64(4*targets))
	for i, m := range messages {
		if i%2 == 0 {
			require.Equal(t, "50 targets are up.", m)
		} else {
			require.Contains(t, m, "50 targets are up: NVIDIA Triton Inference Server")
		}
	}
	_, err := d.CheckHealth(as(t, "Viewer"), &backend.CheckHealthRequest{})
	require.NoError(t, err)
	require.Equal(t, first, probes.Load())
	d.health.current.ended = time.Now().Add(-checkLifetime)
	_, err = d.CheckHealth(as(t, "Viewer"), &backend.CheckHealthRequest{})
	require.NoError(t, err)
	require.Greater(t, probes.Load(), first, "but not for ever")
}

// Who leaves does not take the result from others, and a check that fails inside ends no process.
func TestSharedCheck(t *testing.T) {
	t.Parallel()
	var s sharedCheck
	release := make(chan struct{})
	first, leave := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() {
		_, err := s.get(first, func(ctx context.Context) checkResult {
			<-release
			if ctx.Err() != nil {
				return failedCheck(ctx.Err())
			}
			return checkResult{message: "done"}
		})
		left <- err
	}()
	require.Eventually(t, func() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.current != nil }, time.Second, time.Millisecond)
	leave()
	require.ErrorIs(t, <-left, context.Canceled)
	close(release)
	r, err := s.get(t.Context(), func(context.Context) checkResult { return checkResult{message: "another"} })
	require.NoError(t, err)
	require.Equal(t, "done", r.message)
	var broken sharedCheck
	r, err = broken.get(t.Context(), func(context.Context) checkResult { panic("broken") })
	require.NoError(t, err)
	require.Equal(t, "The check failed: internal error: broken", r.message)
}

// Viewers see no URL, name or error, in any mode, with any problem.
func TestHealthForViewers(t *testing.T) {
	t.Parallel()
	const url, name = "http://127.0.0.1:1/metrics", "secret-project"
	embedded, err := newHost(t, t.TempDir()).instance(1, stored("a", fmt.Sprintf(`{"targets": [{"id": "one", "url": %q, "deployment": %q}],
		"remoteWrite": {"enabled": true, "url": "http://127.0.0.1:2/api/v1/write"}, "profiles": [{"name": "mine", "text": "a: b"}]}`, url, name)))
	require.NoError(t, err)
	remote := stored("b", `{"mode": "prometheus"}`)
	remote.URL = "http://127.0.0.1:3"
	server, err := newHost(t, t.TempDir()).instance(1, remote)
	require.NoError(t, err)
	for d, want := range map[*Datasource]string{
		embedded: "0 of 1 target is up. Some settings have a mistake. Remote write has a problem. " + seeReasons,
		server:   "The Prometheus-compatible server does not answer as expected. " + seeReasons,
	} {
		for _, role := range []string{"Viewer", "None", "admin"} {
			r, err := d.CheckHealth(as(t, role), &backend.CheckHealthRequest{})
			require.NoError(t, err)
			require.Equal(t, backend.HealthStatusError, r.Status)
			require.Equal(t, want, r.Message, role)
			require.Empty(t, r.JSONDetails)
		}
		for _, role := range []string{"Editor", "Admin", ""} {
			r, err := d.CheckHealth(as(t, role), &backend.CheckHealthRequest{})
			require.NoError(t, err)
			require.Contains(t, r.Message, "127.0.0.1:", role)
		}
	}
	targets, err := embedded.Collector.Targets(as(t, "Viewer"))
	require.NoError(t, err)
	require.Empty(t, targets[0].Problem)
}

// A silent Prometheus is named, with how long it was waited for.
func TestHealthOfASilentServer(t *testing.T) {
	t.Parallel()
	s := stored("a", `{"mode": "prometheus"}`)
	s.URL = silentServer(t)
	d, err := newHost(t, t.TempDir()).instance(1, s)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(as(t, "Admin"), 2500*time.Millisecond)
	defer cancel()
	r, err := d.CheckHealth(ctx, &backend.CheckHealthRequest{})
	require.NoError(t, err)
	require.Regexp(t, "^The check failed: "+s.URL+" did not answer in full within [12]s. Check that the server is reachable and not overloaded.$", r.Message)
}
