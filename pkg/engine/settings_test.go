package engine_test

import (
	"context"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/engine"
	"github.com/coldhit/modelserving-datasource/pkg/settings"
)

func TestSettingsChangeInPlace(t *testing.T) {
	kept, removed, added := newModelServer(t), newModelServer(t), newModelServer(t)
	folder := t.TempDir()
	registry := newRegistry(t, engine.Options{DataPath: folder})
	handle := acquire(t, registry, mainKey, embedded(kept.target("kept"), removed.target("removed")))
	eventually(t, handle, `count(a)`, 2)
	since := handle.Since()

	changed := embedded(kept.target("kept"), added.target("added"))
	changed.RetentionTime, changed.RetentionBytes = 24*time.Hour, 1<<20
	acquire(t, registry, mainKey, changed)
	eventually(t, handle, `a{job="added"}`, 1)
	eventuallyGone(t, handle, `{job="removed"}`)
	stopped := removed.scrapes.Load()
	scrapes := kept.scrapes.Load()
	require.Eventually(t, func() bool { return kept.scrapes.Load() > scrapes+2 }, patience, moment)
	require.Equal(t, stopped, removed.scrapes.Load())
	require.Equal(t, since, handle.Since(), "the storage was not opened anew")
	_, found := value(t, handle, `count_over_time(a{job="removed"}[1h])`)
	require.True(t, found, "its history stays")

	missed, found := value(t, handle, `max_over_time((time() - timestamp(a{job="kept"}))[1m:100ms])`)
	require.True(t, found)
	require.Less(t, missed, 5.0, "the kept target was scraped all the while")

	relabelled := kept.target("kept")
	relabelled.Environment = "staging"
	acquire(t, registry, mainKey, embedded(relabelled))
	eventually(t, handle, `a{environment="staging"}`, 1)
	eventuallyGone(t, handle, `a{environment="production"}`)
}

func TestKeyGoesToTheTargetAlone(t *testing.T) {
	var leaked atomic.Value
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { leaked.Store(r.Header.Get("Authorization")) }))
	t.Cleanup(other.Close)
	server := newModelServer(t)
	var redirect atomic.Bool
	server.serve(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Authorization") != "Api-Key k":
			w.WriteHeader(http.StatusUnauthorized)
		case redirect.Load():
			http.Redirect(w, r, other.URL, http.StatusFound)
		default:
			answer("", "a 1\n")(w, r)
		}
	})
	registry := newRegistry(t, engine.Options{})
	target := server.target("t")
	handle := acquire(t, registry, mainKey, embedded(target))
	eventuallyIs(t, handle, "t", notScraped("none is set"))
	target.APIKey, target.AuthScheme = "k", "Api-Key"
	acquire(t, registry, mainKey, embedded(target))
	eventually(t, handle, "a", 1)
	redirect.Store(true)
	eventuallyGone(t, handle, "a")
	eventuallyIs(t, handle, "t", notScraped("no redirect is followed"))
	require.Nil(t, leaked.Load())
}

func TestCACertificateIsTrusted(t *testing.T) {
	server := httptest.NewTLSServer(answer("text/plain", "a 1\n"))
	t.Cleanup(server.Close)
	registry := newRegistry(t, engine.Options{})
	target := settings.Target{ID: "t", URL: server.URL}
	handle := acquire(t, registry, mainKey, embedded(target))
	eventuallyIs(t, handle, "t", notScraped("authority that is not trusted"))
	trusting := embedded(target)
	trusting.CACertificate = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	acquire(t, registry, mainKey, trusting)
	eventually(t, handle, "a", 1)
	eventuallyIs(t, handle, "t", scraped)
}

func TestFileDiscovery(t *testing.T) {
	server := newModelServer(t)
	server.serveIndex(`[{"name":"m","version":"1","state":"READY"}]`)
	discovery := t.TempDir()
	mine, others := filepath.Join(discovery, "1", "serving"), filepath.Join(discovery, "2", "serving")
	require.NoError(t, os.MkdirAll(mine, 0o755))
	require.NoError(t, os.MkdirAll(others, 0o755))
	write := func(folder, name, content string) {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600))
	}
	address := server.Listener.Addr().String()
	group := `[{"targets":["%s"],"labels":{"environment":"lab","deployment":"found","job":"kept","__profile__":"triton","__metrics_path__":"/metrics"}}]`
	write(mine, "a.json", fmt.Sprintf(group, address))
	write(others, "a.json", fmt.Sprintf(group, "127.0.0.1:1"))
	write(mine, "ignored.txt", "not a target file")

	registry := newRegistry(t, engine.Options{DiscoveryPath: discovery, Profiles: profiles{port: server.port(t)}})
	unset := embedded()
	unset.FileDiscovery = true
	require.Contains(t, acquire(t, newRegistry(t, engine.Options{}), mainKey, unset).Warnings()[0], "discovery_path")
	off := acquire(t, registry, mainKey, embedded(newModelServer(t).target("kept")))
	eventually(t, off, `count(a)`, 1)
	on := embedded(newModelServer(t).target("kept"))
	on.FileDiscovery = true
	handle := acquire(t, registry, mainKey, on)
	require.Empty(t, handle.Warnings())
	eventually(t, handle, `a{job="file_discovery",environment="lab",deployment="found"}`, 1)
	eventually(t, handle, `modelserving_model_resident{job="file_discovery",environment="lab",model="m"}`, 1)
	found := status(t, handle, "file_discovery/"+address)
	require.True(t, found.Up)
	require.Equal(t, "triton", found.Profile)
	require.Equal(t, "lab", found.Labels["environment"])
	statuses, err := handle.Targets(context.Background())
	require.NoError(t, err)
	require.Len(t, statuses, 2, "the other organisation's file is not read")

	write(mine, "a.json", "{ this is broken")
	scrapes := server.scrapes.Load()
	require.Eventually(t, func() bool { return server.scrapes.Load() > scrapes+1 }, patience, moment, "a broken file changes nothing")
	require.NoError(t, os.Remove(filepath.Join(mine, "a.json")))
	eventuallyGone(t, handle, `a{job="file_discovery"}`)
	eventuallyGone(t, handle, `modelserving_model_resident`)
}
