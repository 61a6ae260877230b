// Package grafana finds, builds and starts the Grafana that the demo and the end-to-end tests run in.
package grafana

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/coldhit/modelserving-datasource/demo/progress"
)

// Grafana is one that can be started.
type Grafana struct {
	// Binary and Home are the program and its home path; empty where it runs in Docker.
	Binary, Home string
	// Docker is the docker command and Image the official image; empty where it runs on the host.
	Docker, Image string
	// Origin is the place where it was found, and its version.
	Origin string
}

// The oldest Grafana that the plugin works in.
const oldestMajor, oldestMinor = 10, 1

// finder looks for a Grafana.
type finder struct {
	cache string
	out   *progress.Printer
	// release is the archive to download; where there is none for this platform, noRelease says so.
	release   release
	noRelease error
}

// Find looks for a Grafana, the fastest place first: GRAFANA_HOME, `grafana` on PATH, the cache folder, the official release
// archive, Docker. If there is none, it builds one from source into the cache folder, which takes some ten minutes and happens
// once. It prints one line for each place that it skips. Only a GRAFANA_HOME that cannot be used and a failed build are errors.
func Find(ctx context.Context, cache string, out *progress.Printer) (*Grafana, error) {
	f := finder{cache: cache, out: out}
	f.release, f.noRelease = pinnedRelease(hostPlatform())
	return f.find(ctx)
}

func (f *finder) find(ctx context.Context) (*Grafana, error) {
	if home := os.Getenv("GRAFANA_HOME"); home != "" {
		found, err := atHome(ctx, home, "GRAFANA_HOME")
		if err != nil {
			return nil, fmt.Errorf("GRAFANA_HOME=%s cannot be used: %w: set it to a folder with bin/grafana, conf and public, or unset it", home, err)
		}
		return found, nil
	}
	f.out.Printf("Grafana: GRAFANA_HOME skipped: not set")
	for _, place := range []struct {
		name string
		look func(context.Context) (*Grafana, error)
	}{
		{"PATH", onPath},
		{"cache", f.inCache},
		{"release archive", f.inArchive},
		{"Docker", func(ctx context.Context) (*Grafana, error) { return inDocker(ctx, f.cache, f.out) }},
	} {
		found, err := place.look(ctx)
		switch {
		case err == nil:
			return found, nil
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		}
		f.out.Printf("Grafana: %s skipped: %s", place.name, oneLine(err))
	}
	home, err := Build(ctx, f.cache, f.out)
	if err != nil {
		return nil, err
	}
	return atHome(ctx, home, "built from source")
}

// oneLine writes an error without line breaks.
func oneLine(err error) string {
	return strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\r' }), ": ")
}

// inCache returns the release or the build of an earlier run.
func (f *finder) inCache(ctx context.Context) (*Grafana, error) {
	if home := releaseHome(f.cache, f.release.version); f.noRelease == nil && isComplete(home) {
		return atHome(ctx, home, "release archive, cached")
	}
	if home := builtHome(f.cache); isComplete(home) {
		return atHome(ctx, home, "built from source, cached")
	}
	return nil, fmt.Errorf("%s has neither release %s nor a build of %s", f.cache, releaseVersion, builtVersion)
}

func (f *finder) inArchive(ctx context.Context) (*Grafana, error) {
	if f.noRelease != nil {
		return nil, f.noRelease
	}
	home, err := f.release.install(ctx, f.cache, f.out)
	if err != nil {
		return nil, err
	}
	return atHome(ctx, home, "release archive")
}

// atHome checks that a folder is the home path of a Grafana that is new enough.
func atHome(ctx context.Context, home, origin string) (*Grafana, error) {
	home, err := filepath.Abs(home)
	if err != nil {
		return nil, err
	}
	return check(ctx, filepath.Join(home, "bin", "grafana"), home, origin)
}

// onPath finds `grafana` on PATH with the home path that belongs to it: the folder above its bin folder, or where Linux
// packages put it.
func onPath(ctx context.Context) (*Grafana, error) {
	binary, err := exec.LookPath("grafana")
	if err != nil {
		return nil, errors.New("no grafana on PATH")
	}
	resolved, err := filepath.EvalSymlinks(binary)
	if err != nil {
		return nil, err
	}
	above := filepath.Dir(filepath.Dir(resolved))
	for _, home := range []string{above, filepath.Join(above, "share", "grafana"), "/usr/share/grafana"} {
		if _, err := os.Stat(filepath.Join(home, "conf", "defaults.ini")); err == nil {
			return check(ctx, resolved, home, "PATH")
		}
	}
	return nil, fmt.Errorf("%s has no home path: neither the folder above nor /usr/share/grafana has conf/defaults.ini; set GRAFANA_HOME", resolved)
}

var versionPattern = regexp.MustCompile(`\b(\d+)\.(\d+)\.\d+`)

func check(ctx context.Context, binary, home, origin string) (*Grafana, error) {
	for _, needed := range []string{binary, filepath.Join(home, "conf", "defaults.ini"), filepath.Join(home, "public")} {
		if _, err := os.Stat(needed); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	output, err := exec.CommandContext(ctx, binary, "--version").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%s --version: %w", binary, err)
	}
	version := versionPattern.FindStringSubmatch(string(output))
	if version == nil {
		return nil, fmt.Errorf("%s --version does not name a version: %q", binary, output)
	}
	major, _ := strconv.Atoi(version[1]) // the pattern has digits only
	minor, _ := strconv.Atoi(version[2])
	if major < oldestMajor || major == oldestMajor && minor < oldestMinor {
		return nil, fmt.Errorf("%s is Grafana %s: the plugin needs %d.%d or newer", binary, version[0], oldestMajor, oldestMinor)
	}
	return &Grafana{Binary: binary, Home: home, Origin: fmt.Sprintf("%s, version %s", origin, version[0])}, nil
}
