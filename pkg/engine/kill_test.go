package engine_test

import (
	"context"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend/log"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/engine"
	"github.com/coldhit/modelserving-datasource/pkg/executor"
	"github.com/coldhit/modelserving-datasource/pkg/settings"
)

// A child process is told by its environment what to scrape, and where to store it.
const (
	childTarget = "MODELSERVING_TEST_CHILD_TARGET"
	childFolder = "MODELSERVING_TEST_CHILD_FOLDER"
)

// runChild scrapes until the process is killed, or a minute has passed.
func runChild(address, folder string) {
	registry := engine.NewRegistry(engine.Options{DataPath: folder, Logger: log.NewNullLogger()})
	s := embedded(settings.Target{ID: "t", URL: address})
	if _, err := registry.Acquire(context.Background(), mainKey, s, time.Time{}); err != nil {
		panic(err)
	}
	time.Sleep(time.Minute)
}

func TestKillLosesSecondsAtMost(t *testing.T) {
	server := newModelServer(t)
	folder := t.TempDir()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childTarget+"="+server.URL+"/metrics", childFolder+"="+folder)
	child.Stderr = os.Stderr
	require.NoError(t, child.Start())
	require.Eventually(t, func() bool { return server.scrapes.Load() > 10 }, patience, moment)
	require.NoError(t, child.Process.Kill())
	killed := time.Now()
	require.Error(t, child.Wait())

	handle := acquire(t, newRegistry(t, engine.Options{DataPath: folder}), mainKey, embedded())
	found, err := handle.RangePromQL(context.Background(), "timestamp(a)", executor.Range{Start: killed.Add(-time.Minute), End: killed, Step: 50 * time.Millisecond})
	require.NoError(t, err)
	require.Len(t, found.Series, 1)
	last := found.Series[0].Values[len(found.Series[0].Values)-1]
	require.WithinDuration(t, killed, time.UnixMilli(int64(last*1000)), 3*time.Second)
	// A scrape that ran into its timeout is counted, too.
	count, _ := value(t, handle, "count_over_time(up[10m])")
	require.GreaterOrEqual(t, count, float64(server.scrapes.Load()-1))
}
