package engine_test

import (
	"encoding/pem"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/engine"
	"github.com/coldhit/modelserving-datasource/pkg/settings"
)

// every is an interval that settings allow, so that a record of them can be used.
const every = time.Second

func everySecond(targets ...settings.Target) settings.Embedded {
	return settings.Embedded{Targets: targets, Interval: every, ScrapeTimeout: every, RetentionTime: 24 * time.Hour}
}

// used makes a data source's record: a registry in which the data source was used, and which is closed.
func used(t *testing.T, o engine.Options, s settings.Embedded) {
	t.Helper()
	registry := engine.NewRegistry(o)
	_, err := registry.Acquire(t.Context(), mainKey, s, time.Now())
	require.NoError(t, err)
	require.NoError(t, registry.Close())
}

// restored is a registry that restores, with everything that it logs.
func restored(t *testing.T, o engine.Options) (registry *engine.Registry, logged *recordingLogger) {
	t.Helper()
	logged = &recordingLogger{lines: &lines{}}
	o.Logger = logged
	registry = newRegistry(t, o)
	registry.Restore()
	return registry, logged
}

func requireScrapesAgain(t *testing.T, server *modelServer) {
	t.Helper()
	before := server.scrapes.Load()
	require.Eventually(t, func() bool { return server.scrapes.Load() > before+1 }, patience, moment)
}

func TestARestoredEngineIsClosedWhenNobodyUsesIt(t *testing.T) {
	server := newModelServer(t)
	o := engine.Options{DataPath: t.TempDir(), IdlePeriod: 8 * time.Second}
	used(t, o, everySecond(server.target("t")))
	began := time.Now()
	registry, logged := restored(t, o)
	requireScrapesAgain(t, server)
	require.Eventually(t, func() bool { return strings.Contains(logged.text(), "An unused engine is closed") }, patience, moment)
	require.Less(t, time.Since(began), o.IdlePeriod+2*time.Second, "the idle period began before the restart")

	require.NoError(t, registry.Close())

	scrapes := server.scrapes.Load()
	_, logged = restored(t, o)
	require.Never(t, func() bool { return server.scrapes.Load() > scrapes }, 2*every, moment, "it is not restored again: %s", logged.text())
}

func TestADataSourceThatWasUnusedForLongIsNotRestored(t *testing.T) {
	server := newModelServer(t)
	o := engine.Options{DataPath: t.TempDir(), IdlePeriod: 2 * time.Second}
	used(t, o, everySecond(server.target("t")))
	scrapes, ended := server.scrapes.Load(), time.Now()
	require.Eventually(t, func() bool { return time.Since(ended) > o.IdlePeriod }, patience, moment)
	registry, logged := restored(t, o)
	require.Eventually(t, func() bool { return strings.Contains(logged.text(), "nobody uses is no longer scraped") }, patience, moment)
	require.Equal(t, scrapes, server.scrapes.Load())
	acquire(t, registry, mainKey, everySecond(server.target("t")))
	requireScrapesAgain(t, server)
}

// Every call counts as a use, also of an engine that was acquired long ago.
func TestCallsCountAsUse(t *testing.T) {
	server := newModelServer(t)
	o := engine.Options{DataPath: t.TempDir(), IdlePeriod: 8 * time.Second}
	registry := engine.NewRegistry(o)
	handle, err := registry.Acquire(t.Context(), mainKey, everySecond(server.target("t")), time.Now())
	require.NoError(t, err)
	acquired := time.Now()
	require.Eventually(t, func() bool {
		_, err := handle.Targets(t.Context())
		require.NoError(t, err)
		return time.Since(acquired) > o.IdlePeriod
	}, patience, moment)
	require.NoError(t, registry.Close())
	restored(t, o)
	requireScrapesAgain(t, server)
}

func TestAcquiringWhileRestoringUsesTheNewSettings(t *testing.T) {
	old, next := newModelServer(t), newModelServer(t)
	o := engine.Options{DataPath: t.TempDir()}
	used(t, o, everySecond(old.target("old")))
	registry, _ := restored(t, o)
	handle := acquire(t, registry, mainKey, everySecond(next.target("next")))
	require.Empty(t, handle.Warnings())
	requireScrapesAgain(t, next)
	eventuallyGone(t, handle, `up{job="old"}`)
}

func TestDiscoveredTargetsAreRestored(t *testing.T) {
	server := newModelServer(t)
	o := engine.Options{DataPath: t.TempDir(), DiscoveryPath: t.TempDir()}
	folder := filepath.Join(o.DiscoveryPath, "1", mainKey.UID)
	require.NoError(t, os.MkdirAll(folder, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "t.yml"), []byte("- targets: ["+strings.TrimPrefix(server.URL, "http://")+"]\n"), 0o600))
	s := everySecond()
	s.FileDiscovery = true
	used(t, o, s)
	restored(t, o)
	requireScrapesAgain(t, server)
}

// What cannot be recorded is said, and costs nothing else.
func TestARecordThatCannotBeWrittenIsSaid(t *testing.T) {
	server := newModelServer(t)
	o := engine.Options{DataPath: t.TempDir()}
	own := filepath.Join(o.DataPath, "1", mainKey.UID)
	require.NoError(t, os.MkdirAll(own, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(own, "state"), nil, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(o.DataPath, "state"), nil, 0o600))
	handle := acquire(t, newRegistry(t, o), mainKey, everySecond(server.target("t")))
	requireScrapesAgain(t, server)
	require.Eventually(t, func() bool { return len(handle.RestartNotes()) == 2 }, patience, moment)
	require.Contains(t, handle.RestartNotes()[0], "the list of data sources cannot be recorded: the state in "+filepath.Join(o.DataPath, "state", "datasources"))
	require.Contains(t, handle.RestartNotes()[1], "the settings cannot be recorded: the state in "+filepath.Join(own, "state", "datasource"))
}

func TestRestartNotesCountWhatNeedsASecret(t *testing.T) {
	server := newModelServer(t)
	plain, first, second := server.target("plain"), server.target("first"), server.target("second")
	first.APIKey, second.APIKey = "key", "key"
	registry := newRegistry(t, engine.Options{})
	require.Empty(t, acquire(t, registry, mainKey, everySecond(plain)).RestartNotes())
	const of = " with an API key or another secret starts with the first request"
	require.Contains(t, acquire(t, registry, mainKey, everySecond(plain, first)).RestartNotes()[0], "1 target"+of)
	s := everySecond(plain, first, second)
	secure := httptest.NewTLSServer(nil)
	defer secure.Close()
	s.CACertificate, s.FileDiscovery = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw})), true
	require.Contains(t, acquire(t, registry, mainKey, s).RestartNotes()[0], "2 targets and discovered targets"+of)
}
