package engine_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/engine"
	"github.com/coldhit/modelserving-datasource/pkg/executor"
	"github.com/coldhit/modelserving-datasource/pkg/remote"
	"github.com/coldhit/modelserving-datasource/pkg/remote/prometheustest"
	"github.com/coldhit/modelserving-datasource/pkg/settings"
)

func writing(targets ...settings.Target) settings.Embedded {
	s := embedded(targets...)
	s.RemoteWrite = settings.RemoteWrite{Enabled: true, History: time.Hour}
	return s
}

func destination(t *testing.T, server *prometheustest.Server) *remote.Writer {
	t.Helper()
	to, err := remote.NewWriter(t.Context(), server.Instance(), settings.RemoteWrite{Enabled: true})
	require.NoError(t, err)
	return to
}

func answers(t *testing.T, of executor.PromQL, expr string, from, to time.Time) map[string]string {
	t.Helper()
	answer, err := of.RangePromQL(t.Context(), expr, executor.Range{Start: from, End: to, Step: time.Second})
	require.NoError(t, err)
	out := map[string]string{}
	for _, s := range answer.Series {
		out[labels.FromMap(s.Labels).String()] = fmt.Sprint(s.Times, s.Values)
	}
	return out
}

// What an engine has scraped before a destination was named, what it scrapes while one is, and what it scrapes after a restart is there:
// the same query has the same answer on both.
func TestWhatIsScrapedIsSentToAPrometheus(t *testing.T) {
	server, prometheus := newModelServer(t), prometheustest.New(t, prometheustest.WithoutLateSamples)
	client, err := remote.New(t.Context(), prometheus.Instance(), settings.Prometheus{HTTPMethod: "POST", ResponseLimits: settings.DefaultResponseLimits, QueryTimeout: 10 * time.Second, MaxConcurrentQueries: 1})
	require.NoError(t, err)
	t.Cleanup(client.Close)
	folder := t.TempDir()
	first := engine.NewRegistry(engine.Options{DataPath: folder})
	began := time.Now().Truncate(time.Second)
	handle, err := first.Acquire(context.Background(), mainKey, embedded(server.target("t"), server.target("gone")), time.Time{})
	require.NoError(t, err)
	_, sending := handle.RemoteWrite()
	require.False(t, sending)
	eventually(t, handle, `count_over_time(a{job="t"}[1m]) > bool 10`, 1)

	handle, err = first.Acquire(context.Background(), mainKey, writing(server.target("t")), time.Time{})
	require.NoError(t, err)
	handle.SendTo(destination(t, prometheus))
	eventuallyGone(t, handle, `a{job="gone"}`)
	same := func(handle *engine.Handle) {
		end := time.Now().Truncate(time.Second)
		require.Eventually(t, func() bool {
			status, sending := handle.RemoteWrite()
			require.True(t, sending)
			require.Empty(t, status.Failure+status.Refusal)
			return status.Begun && status.Until.After(end)
		}, patience, moment)
		for _, expr := range []string{`{job!=""}`, `sum by (environment, deployment) (count_over_time(a[1m]))`} {
			want := answers(t, handle, expr, began, end)
			require.NotEmpty(t, want)
			require.Equal(t, want, answers(t, client, expr, began, end))
		}
	}
	same(handle)
	require.NoError(t, first.Close())

	handle = acquire(t, newRegistry(t, engine.Options{DataPath: folder}), mainKey, writing(server.target("t")))
	handle.SendTo(destination(t, prometheus))
	eventually(t, handle, `count_over_time(a{job="t"}[1m]) > bool 30`, 1)
	same(handle)

	handle.SendTo(nil)
	_, sending = handle.RemoteWrite()
	require.False(t, sending)
}

// closing counts destinations that were closed.
type closing struct {
	*remote.Writer
	closed chan struct{}
}

func (c closing) Close() { close(c.closed) }

func TestOlderSettingsDoNotChangeTheDestination(t *testing.T) {
	server, prometheus := newModelServer(t), prometheustest.New(t)
	registry := newRegistry(t, engine.Options{})
	now := time.Now()
	older, err := registry.Acquire(context.Background(), mainKey, writing(server.target("t")), now)
	require.NoError(t, err)
	newer, err := registry.Acquire(context.Background(), mainKey, writing(server.target("t")), now.Add(time.Second))
	require.NoError(t, err)
	newer.SendTo(destination(t, prometheus))
	late := closing{destination(t, prometheus), make(chan struct{})}
	older.SendTo(late)
	<-late.closed
	outdated, err := registry.Acquire(context.Background(), mainKey, embedded(server.target("t")), now)
	require.NoError(t, err)
	outdated.SendTo(nil)
	_, sending := newer.RemoteWrite()
	require.True(t, sending)
	replaced := closing{destination(t, prometheus), make(chan struct{})}
	newer.SendTo(replaced)
	newer.SendTo(nil)
	<-replaced.closed
}
