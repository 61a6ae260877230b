package engine_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend/log"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/engine"
	"github.com/coldhit/modelserving-datasource/pkg/plan"
	"github.com/coldhit/modelserving-datasource/pkg/settings"
)

func TestRestartKeepsHistory(t *testing.T) {
	server := newModelServer(t)
	folder := t.TempDir()
	first := engine.NewRegistry(engine.Options{DataPath: folder, Logger: log.NewNullLogger()})
	handle, err := first.Acquire(context.Background(), mainKey, embedded(server.target("t")), time.Time{})
	require.NoError(t, err)
	eventually(t, handle, `count_over_time(a[1m]) > bool 2`, 1)
	count, _ := value(t, handle, `count_over_time(a[1h])`)
	since := handle.Since()
	require.NoError(t, first.Close())
	_, err = handle.InstantPromQL(context.Background(), "a", time.Now())
	require.ErrorContains(t, err, "closed")
	_, err = first.Acquire(context.Background(), mainKey, embedded(), time.Time{})
	require.ErrorContains(t, err, "closed")

	handle = acquire(t, newRegistry(t, engine.Options{DataPath: folder}), mainKey, embedded(server.target("t")))
	kept, found := value(t, handle, `count_over_time(a[1h])`)
	require.True(t, found)
	require.GreaterOrEqual(t, kept, count)
	require.Equal(t, since, handle.Since())
	eventually(t, handle, fmt.Sprintf(`count_over_time(a[1h]) > bool %g`, kept), 1)
}

func TestOrganisationsAndDataSourcesAreApart(t *testing.T) {
	one, other := newModelServer(t), newModelServer(t)
	one.serveText("one 1\n")
	other.serveText("other 1\n")
	folder := t.TempDir()
	registry := newRegistry(t, engine.Options{DataPath: folder})
	keys := []engine.Key{{OrgID: 1, UID: "x"}, {OrgID: 2, UID: "x"}, {OrgID: 1, UID: "y"}}
	servers := []*modelServer{one, other, other}
	metrics := []string{"one", "other", "other"}
	var handles []*engine.Handle
	for i, key := range keys {
		handles = append(handles, acquire(t, registry, key, embedded(servers[i].target("t"))))
	}
	for i, handle := range handles {
		eventually(t, handle, metrics[i], 1)
		names, err := handle.LabelValues(context.Background(), "__name__", []plan.Select{{Matchers: []plan.Matcher{{Label: "__name__", Compare: plan.Match, Value: "one|other"}}}}, time.Now().Add(-time.Hour), time.Now(), 0)
		require.NoError(t, err)
		require.Equal(t, []string{metrics[i]}, names)
		require.DirExists(t, filepath.Join(folder, fmt.Sprint(keys[i].OrgID), keys[i].UID, "wal"))
	}
}

func TestKeysThatCannotNameAFolder(t *testing.T) {
	registry := newRegistry(t, engine.Options{})
	for _, key := range []engine.Key{
		{OrgID: 1}, {OrgID: 0, UID: "a"}, {OrgID: -1, UID: "a"}, {OrgID: 1, UID: ".."}, {OrgID: 1, UID: "../2/x"}, {OrgID: 1, UID: "a/b"},
		{OrgID: 1, UID: `a\b`}, {OrgID: 1, UID: "a\x00"}, {OrgID: 1, UID: "a.b"},
	} {
		_, err := registry.Acquire(context.Background(), key, embedded(), time.Time{})
		require.ErrorContains(t, err, "cannot name a folder", "%+v", key)
	}
}

func TestOlderSettingsDoNotOverrideNewerOnes(t *testing.T) {
	server := newModelServer(t)
	registry := newRegistry(t, engine.Options{})
	now := time.Now()
	newer, err := registry.Acquire(context.Background(), mainKey, embedded(server.target("newer")), now)
	require.NoError(t, err)
	older, err := registry.Acquire(context.Background(), mainKey, embedded(server.target("older")), now.Add(-time.Second))
	require.NoError(t, err)
	require.Len(t, older.Warnings(), 1)
	require.NotEmpty(t, status(t, older, "newer").ID)
	require.Empty(t, status(t, older, "older").ID)
	older.Release()
	newer.Release()
	newer.Release()
}

func TestReleasedEngineGoesOnUntilItIsIdle(t *testing.T) {
	server := newModelServer(t)
	folder := t.TempDir()
	registry := newRegistry(t, engine.Options{DataPath: folder, IdlePeriod: 3 * time.Second})
	first, err := registry.Acquire(context.Background(), mainKey, embedded(server.target("t")), time.Time{})
	require.NoError(t, err)
	second, err := registry.Acquire(context.Background(), mainKey, embedded(server.target("t")), time.Time{})
	require.NoError(t, err)
	eventually(t, first, "a", 1)
	first.Release()
	second.Release()
	scrapes := server.scrapes.Load()
	require.Eventually(t, func() bool { return server.scrapes.Load() > scrapes+1 }, patience, moment, "it goes on scraping")
	require.Eventually(t, func() bool {
		_, err := second.InstantPromQL(context.Background(), "a", time.Now())
		return err != nil
	}, patience, moment, "it is closed in the end")
	third := acquire(t, registry, mainKey, embedded(server.target("t")))
	_, found := value(t, third, "count_over_time(a[1h])")
	require.True(t, found, "its data stays")
}

func TestFolderProblemsNameFolderAndSetting(t *testing.T) {
	folder := t.TempDir()
	acquire(t, newRegistry(t, engine.Options{DataPath: folder}), mainKey, embedded())
	_, err := newRegistry(t, engine.Options{DataPath: folder}).Acquire(context.Background(), mainKey, embedded(), time.Time{})
	require.ErrorContains(t, err, "in use by another process")
	require.ErrorContains(t, err, filepath.Join(folder, "1", "serving"))
	require.ErrorContains(t, err, "[plugin.coldhit-modelserving-datasource] data_path")

	// Root may write anywhere, but nobody can make a folder below a file.
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err = newRegistry(t, engine.Options{DataPath: file}).Acquire(context.Background(), mainKey, embedded(), time.Time{})
	require.ErrorContains(t, err, file)
	require.ErrorContains(t, err, "data_path")
}

func TestTemporaryFolderWarns(t *testing.T) {
	folder := "/tmp/coldhit-modelserving-datasource"
	key := engine.Key{OrgID: time.Now().UnixNano(), UID: "temporary"}
	defer func() { require.NoError(t, os.RemoveAll(filepath.Join(folder, strconv.FormatInt(key.OrgID, 10)))) }()
	registry := engine.NewRegistry(engine.Options{Logger: log.NewNullLogger()})
	defer func() { require.NoError(t, registry.Close()) }()
	handle, err := registry.Acquire(context.Background(), key, embedded(), time.Time{})
	require.NoError(t, err)
	require.Len(t, handle.Warnings(), 1)
	require.Contains(t, handle.Warnings()[0], folder)
	require.Contains(t, handle.Warnings()[0], "data_path")
	require.True(t, handle.Since().IsZero())
}

func TestUidsThatDifferInCaseHaveFoldersOfTheirOwn(t *testing.T) {
	folder := t.TempDir()
	registry := newRegistry(t, engine.Options{DataPath: folder})
	for _, uid := range []string{"vision", "Vision", "VISION"} {
		_, err := registry.Acquire(context.Background(), engine.Key{OrgID: 1, UID: uid}, embedded(), time.Time{})
		require.NoError(t, err)
	}
	entries, err := os.ReadDir(filepath.Join(folder, "1"))
	require.NoError(t, err)
	names := map[string]bool{}
	for _, e := range entries {
		names[strings.ToLower(e.Name())] = true
	}
	require.Len(t, names, 3)
}

func TestBadSettingsChangeNothing(t *testing.T) {
	server := newModelServer(t)
	registry := newRegistry(t, engine.Options{})
	bad := server.target("t")
	bad.URL = "ftp://user:hidden@host/"
	twice := []settings.Target{server.target("t"), server.target("t")}
	for _, s := range []settings.Embedded{embedded(bad), embedded(twice...), embedded(server.target("file_discovery")), embedded(settings.Target{})} {
		_, err := registry.Acquire(context.Background(), mainKey, s, time.Time{})
		require.ErrorContains(t, err, "target")
		require.NotContains(t, err.Error(), "hidden")
	}
	handle := acquire(t, registry, mainKey, embedded(server.target("t")))
	eventually(t, handle, "a", 1)
	_, err := registry.Acquire(context.Background(), mainKey, embedded(bad), time.Time{})
	require.Error(t, err)
	scrapes := server.scrapes.Load()
	require.Eventually(t, func() bool { return server.scrapes.Load() > scrapes+1 }, patience, moment)
}

// TestConcurrentHandles would fail with a lock error if a folder were ever opened twice.
func TestConcurrentHandles(t *testing.T) {
	server := newModelServer(t)
	registry := newRegistry(t, engine.Options{IdlePeriod: time.Millisecond})
	var users sync.WaitGroup
	for user := range 8 {
		users.Go(func() {
			random := rand.New(rand.NewPCG(uint64(user), 1))
			for range 25 {
				key := engine.Key{OrgID: 1 + random.Int64N(2), UID: "shared"}
				target := server.target("t")
				target.Deployment = fmt.Sprint(random.IntN(3))
				handle, err := registry.Acquire(context.Background(), key, embedded(target), time.Time{})
				if err != nil {
					t.Errorf("acquire: %v", err)
					return
				}
				if _, err := handle.Targets(context.Background()); err != nil {
					t.Errorf("targets: %v", err)
				}
				if _, err := handle.InstantPromQL(context.Background(), "up", time.Now()); err != nil {
					t.Errorf("instant: %v", err)
				}
				time.Sleep(time.Duration(random.IntN(5)) * time.Millisecond)
				handle.Release()
			}
		})
	}
	users.Wait()
}
