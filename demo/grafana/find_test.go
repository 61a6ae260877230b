package grafana

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/demo/progress"
)

// fakeHome makes a home path whose program says that it is a version.
func fakeHome(t *testing.T, version string) string {
	home := t.TempDir()
	for _, folder := range []string{"bin", "conf", "public/views"} {
		require.NoError(t, os.MkdirAll(filepath.Join(home, folder), 0o755))
	}
	require.NoError(t, os.WriteFile(filepath.Join(home, "conf", "defaults.ini"), nil, 0o644))
	script := fmt.Sprintf("#!/bin/sh\necho grafana version %s\n", version)
	require.NoError(t, os.WriteFile(filepath.Join(home, "bin", "grafana"), []byte(script), 0o755))
	return home
}

// onlyPath sets PATH to some folders and those of the shell.
func onlyPath(t *testing.T, folders ...string) {
	t.Setenv("PATH", strings.Join(append(folders, "/usr/bin", "/bin"), ":"))
}

func TestFindPrefersGrafanaHome(t *testing.T) {
	home := fakeHome(t, "11.2.3")
	t.Setenv("GRAFANA_HOME", home)
	onlyPath(t, filepath.Join(fakeHome(t, "12.0.0"), "bin"))
	found, err := Find(t.Context(), t.TempDir(), progress.NewPrinter(t.Output()))
	require.NoError(t, err)
	require.Equal(t, home, found.Home)
	require.Contains(t, found.Origin, "11.2.3")
}

func TestFindRefusesAHomeThatCannotBeUsed(t *testing.T) {
	for name, test := range map[string]struct{ home, message string }{
		"too old": {fakeHome(t, "9.5.2"), "is Grafana 9.5.2: the plugin needs 10.1 or newer"},
		"empty":   {t.TempDir(), "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("GRAFANA_HOME", test.home)
			_, err := Find(t.Context(), t.TempDir(), progress.NewPrinter(t.Output()))
			require.ErrorContains(t, err, test.message)
			require.ErrorContains(t, err, "GRAFANA_HOME")
		})
	}
}

func TestFindLooksOnPath(t *testing.T) {
	t.Setenv("GRAFANA_HOME", "")
	home := fakeHome(t, "10.1.0")
	links := t.TempDir()
	require.NoError(t, os.Symlink(filepath.Join(home, "bin", "grafana"), filepath.Join(links, "grafana")))
	onlyPath(t, links)
	found, err := Find(t.Context(), t.TempDir(), progress.NewPrinter(t.Output()))
	require.NoError(t, err)
	require.Equal(t, home, found.Home)
}

func TestFindUsesACachedBuild(t *testing.T) {
	t.Setenv("GRAFANA_HOME", "")
	onlyPath(t, filepath.Join(fakeHome(t, "8.0.0"), "bin")) // skipped: too old
	cache := t.TempDir()
	require.NoError(t, os.Rename(fakeHome(t, builtVersion), builtHome(cache)))
	found, err := Find(t.Context(), cache, progress.NewPrinter(t.Output()))
	require.NoError(t, err)
	require.Equal(t, builtHome(cache), found.Home)
}

func TestFindUsesTheCacheWithoutTheNetwork(t *testing.T) {
	requests := 0
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { requests++ }))
	defer server.Close()
	t.Setenv("GRAFANA_HOME", "")
	onlyPath(t)
	f := &finder{cache: t.TempDir(), out: progress.NewPrinter(t.Output()), release: release{version: "13.0.0", url: server.URL}}

	require.NoError(t, os.Rename(fakeHome(t, builtVersion), builtHome(f.cache)))
	found, err := f.find(t.Context())
	require.NoError(t, err)
	require.Equal(t, builtHome(f.cache), found.Home)

	require.NoError(t, os.Rename(fakeHome(t, "13.0.0"), releaseHome(f.cache, "13.0.0")))
	found, err = f.find(t.Context())
	require.NoError(t, err)
	require.Equal(t, releaseHome(f.cache, "13.0.0"), found.Home, "the release is newer than the build")
	require.Zero(t, requests)
}

func TestFindPrintsWhyItSkippedEachPlace(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	t.Setenv("GRAFANA_HOME", "")
	t.Setenv("PATH", t.TempDir()) // no go either, so the build fails
	var printed bytes.Buffer
	f := &finder{cache: t.TempDir(), out: progress.NewPrinter(&printed), release: testRelease(server.URL, nil)}
	_, err := f.find(t.Context())
	require.ErrorContains(t, err, "step 1 of 5")
	for _, line := range []string{
		"GRAFANA_HOME skipped: not set",
		"PATH skipped: no grafana on PATH",
		"cache skipped: " + f.cache + " has neither release " + releaseVersion + " nor a build of " + builtVersion,
		"release archive skipped: HTTP 404 from " + server.URL,
		"Docker skipped: no docker on PATH",
		"building version " + builtVersion,
	} {
		require.Contains(t, printed.String(), "Grafana: "+line)
	}
}

func TestDockerNeedsADaemonAndTheImage(t *testing.T) {
	folder := t.TempDir()
	onlyPath(t, folder)
	docker := filepath.Join(folder, "docker")
	cache, out := t.TempDir(), progress.NewPrinter(t.Output())
	script := func(text string) { require.NoError(t, os.WriteFile(docker, []byte("#!/bin/sh\n"+text+"\n"), 0o755)) }

	script("exit 1")
	_, err := inDocker(t.Context(), cache, out)
	require.ErrorContains(t, err, "no Docker daemon responds")

	script(`[ "$1" = info ] || { echo the registry is unreachable >&2; exit 1; }`)
	_, err = inDocker(t.Context(), cache, out)
	require.ErrorContains(t, err, "the registry is unreachable")

	for _, works := range []string{`[ "$1" != pull ]`, `[ "$1" != image ]`} { // the image is there, it is pulled
		script(works)
		found, err := inDocker(t.Context(), cache, out)
		require.NoError(t, err)
		require.Equal(t, docker, found.Docker)
		require.Equal(t, dockerImage, found.Image)
	}
}
