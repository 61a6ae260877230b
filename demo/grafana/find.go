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
	"time"

	"github.com/coldhit/modelserving-datasource/demo/progress"
)

// Grafana is one that can be started.
type Grafana struct {
	// Binary and Home are the program and its home path; empty where it runs in Docker.
	Binary, Home string
	// Docker is the docker command and Image the official image; empty where it runs on the host.
	Docker, Image string
	// Origin says in words where it was found.
	Origin string
}

// dockerImage is the official image, at a release that the plugin is tested with.
const dockerImage = "grafana/grafana:10.1.0"

// The oldest Grafana that the plugin works in.
const oldestMajor, oldestMinor = 10, 1

// Find looks for a Grafana: GRAFANA_HOME, `grafana` on PATH, Docker. Where there is none, one is built into the cache
// folder, which takes some ten minutes and happens once.
func Find(ctx context.Context, cache string, out *progress.Printer) (*Grafana, error) {
	if home := os.Getenv("GRAFANA_HOME"); home != "" {
		found, err := atHome(ctx, home, "GRAFANA_HOME")
		if err != nil {
			return nil, fmt.Errorf("GRAFANA_HOME=%s cannot be used: %w; set it to a folder with bin/grafana, conf and public, or unset it", home, err)
		}
		return found, nil
	}
	if found, err := onPath(ctx); err == nil {
		return found, nil
	} else if !errors.Is(err, exec.ErrNotFound) {
		out.Printf("Grafana: the one on PATH is passed over: %v", err)
	}
	if built := builtHome(cache); isComplete(built) {
		return atHome(ctx, built, "built earlier")
	}
	if found := inDocker(ctx); found != nil {
		return found, nil
	}
	home, err := Build(ctx, cache, out)
	if err != nil {
		return nil, err
	}
	return atHome(ctx, home, "built from source")
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
		return nil, exec.ErrNotFound
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
	return nil, fmt.Errorf("%s has no home path near it (a folder with conf/defaults.ini)", resolved)
}

var versionPattern = regexp.MustCompile(`\b(\d+)\.(\d+)\.\d+`)

func check(ctx context.Context, binary, home, origin string) (*Grafana, error) {
	for _, needed := range []string{binary, filepath.Join(home, "conf", "defaults.ini"), filepath.Join(home, "public", "views")} {
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
		return nil, fmt.Errorf("%s is Grafana %s, the plugin needs %d.%d or newer", binary, version[0], oldestMajor, oldestMinor)
	}
	return &Grafana{Binary: binary, Home: home, Origin: fmt.Sprintf("%s, version %s", origin, version[0])}, nil
}

// inDocker is Grafana's image where a Docker daemon answers, else nil.
func inDocker(ctx context.Context) *Grafana {
	docker, err := exec.LookPath("docker")
	if err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if exec.CommandContext(ctx, docker, "info", "--format", "{{.ServerVersion}}").Run() != nil {
		return nil
	}
	return &Grafana{Docker: docker, Image: dockerImage, Origin: "Docker, " + dockerImage}
}
