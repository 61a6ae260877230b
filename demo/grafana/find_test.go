package grafana

import (
	"fmt"
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

func TestFindPrefersTheHomeThatIsNamed(t *testing.T) {
	home := fakeHome(t, "11.2.3")
	t.Setenv("GRAFANA_HOME", home)
	onlyPath(t, filepath.Join(fakeHome(t, "12.0.0"), "bin"))
	found, err := Find(t.Context(), t.TempDir(), progress.NewPrinter(t.Output()))
	require.NoError(t, err)
	require.Equal(t, home, found.Home)
	require.Contains(t, found.Origin, "11.2.3")
}

func TestFindRefusesANamedHomeThatWillNotDo(t *testing.T) {
	for name, test := range map[string]struct{ home, message string }{
		"too old": {fakeHome(t, "9.5.2"), "is Grafana 9.5.2, the plugin needs 10.1 or newer"},
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

func TestFindUsesWhatWasBuilt(t *testing.T) {
	t.Setenv("GRAFANA_HOME", "")
	onlyPath(t, filepath.Join(fakeHome(t, "8.0.0"), "bin")) // passed over: too old
	cache := t.TempDir()
	require.NoError(t, os.Rename(fakeHome(t, builtVersion), builtHome(cache)))
	found, err := Find(t.Context(), cache, progress.NewPrinter(t.Output()))
	require.NoError(t, err)
	require.Equal(t, builtHome(cache), found.Home)
}

func TestFindUsesDockerWhereADaemonAnswers(t *testing.T) {
	t.Setenv("GRAFANA_HOME", "")
	folder := t.TempDir()
	onlyPath(t, folder)
	docker := filepath.Join(folder, "docker")

	require.NoError(t, os.WriteFile(docker, []byte("#!/bin/sh\necho no daemon >&2; exit 1\n"), 0o755))
	require.Nil(t, inDocker(t.Context()))

	require.NoError(t, os.WriteFile(docker, []byte("#!/bin/sh\necho 27.0\n"), 0o755))
	found, err := Find(t.Context(), t.TempDir(), progress.NewPrinter(t.Output()))
	require.NoError(t, err)
	require.Equal(t, docker, found.Docker)
	require.Equal(t, dockerImage, found.Image)
}
