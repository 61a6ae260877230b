package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/coldhit/modelserving-datasource/demo/pluginbuild"
	"github.com/coldhit/modelserving-datasource/demo/progress"
	"github.com/coldhit/modelserving-datasource/demo/watch"
)

// watchInterval is the time between two looks at the sources.
const watchInterval = 500 * time.Millisecond

// watchedPaths are the sources that the developer's loop looks at. The web part is webpack's.
var watchedPaths = []string{"pkg", "go.mod", "go.sum", "plugin.json", "dashboards"}

// developer rebuilds and reloads the plugin in a running demo. It prints one line for each thing that it does, and goes on after
// an error.
type developer struct {
	stack   *Stack
	root    string
	builder pluginbuild.Builder
	out     *progress.Printer
}

func newDeveloper(s *Stack, root string, out *progress.Printer) *developer {
	logs := filepath.Join(s.cache, "logs")
	return &developer{
		stack: s, root: root, out: out,
		// The developer prints one line for the build and the reload together.
		builder: pluginbuild.Builder{Root: root, Logs: logs, Out: progress.NewPrinter(io.Discard)},
	}
}

// run reloads until the context ends, with nil, or one of the demo's programs does.
func (d *developer) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	changes, err := watch.Changes(ctx, d.root, watchedPaths, watchInterval)
	if err != nil {
		return fmt.Errorf("watch the sources: %w", err)
	}
	webpack, err := d.builder.WatchWeb()
	if err != nil {
		return err
	}
	defer webpack.Stop(stopGrace)
	bundle := newBundleLog(webpack.LogPath())
	d.out.Printf("Dev: watching %s, and src with webpack; logs in %s", strings.Join(watchedPaths, ", "), d.builder.Logs)
	ended := make(chan error, 1)
	go func() { ended <- d.stack.Wait(ctx) }()
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	webpackDone := webpack.Done()
	for {
		select {
		case err := <-ended:
			return err
		case changed, open := <-changes:
			if open {
				d.reload(ctx, changed)
			}
		case <-ticker.C:
			for _, line := range bundle.news() {
				d.out.Printf("Dev: %s", line)
			}
		case <-webpackDone:
			webpackDone = nil
			d.out.Printf("Dev: webpack ended, changes of src are no longer built: see %s and restart", webpack.LogPath())
		}
	}
}

// reload does what the changed files need, and prints what failed.
func (d *developer) reload(ctx context.Context, changed []string) {
	for _, action := range actionsFor(changed) {
		begin := time.Now()
		did, err := action.do(d, ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			d.out.Printf("Dev: %s: %s failed, the running plugin stays: %s", summarize(action.files), action.name, firstProblem(err))
		default:
			d.out.Printf("Dev: %s: %s in %.1f s", summarize(action.files), did, time.Since(begin).Seconds())
		}
	}
}

// action is one way to make changes take effect.
type action struct {
	name  string
	files []string
	do    func(*developer, context.Context) (did string, err error)
}

// actionsFor sorts changed files by what makes them take effect. Tests need nothing.
func actionsFor(changed []string) []action {
	backend := action{name: "build of the backend", do: (*developer).reloadBackend}
	manifest := action{name: "restart of Grafana", do: (*developer).restartGrafana}
	generator := action{name: "generation of the dashboards", do: (*developer).generateDashboards}
	dashboards := action{name: "reload of the dashboards", do: (*developer).reloadDashboards}
	for _, path := range changed {
		var of *action
		switch {
		case strings.HasSuffix(path, "_test.go") || slices.Contains(strings.Split(path, "/"), "testdata"):
			continue
		case path == "plugin.json":
			of = &manifest
		case strings.HasPrefix(path, "dashboards/") && strings.HasSuffix(path, ".go"):
			of = &generator
		case strings.HasPrefix(path, "dashboards/"):
			of = &dashboards
		default:
			of = &backend
		}
		of.files = append(of.files, path)
	}
	return slices.DeleteFunc([]action{generator, backend, manifest, dashboards}, func(a action) bool { return len(a.files) == 0 })
}

// reloadBackend builds the plugin's program and has Grafana start it again.
func (d *developer) reloadBackend(ctx context.Context) (string, error) {
	if err := d.builder.Backend(ctx); err != nil {
		return "", err
	}
	before, after, err := d.stack.grafana.RestartPlugin(ctx, d.builder.Program(), DataSourceUID)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("backend built and reloaded, process %v → %v", before, after), nil
}

// manifestTimeout bounds the wait for webpack to copy plugin.json.
const manifestTimeout = 30 * time.Second

// restartGrafana starts Grafana again, which reads plugin.json only when it starts.
func (d *developer) restartGrafana(ctx context.Context) (string, error) {
	if err := d.awaitManifest(ctx); err != nil {
		return "", err
	}
	if err := d.builder.Backend(ctx); err != nil {
		return "", err
	}
	d.stack.grafana.Stop(stopGrace)
	running, err := d.stack.launchGrafana(ctx)
	if err != nil {
		return "", err
	}
	d.stack.grafana = running
	return "Grafana restarted", nil
}

// awaitManifest waits until the built plugin.json is not older than its source.
func (d *developer) awaitManifest(ctx context.Context) error {
	source, err := os.Stat(filepath.Join(d.root, "plugin.json"))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, manifestTimeout, errors.New("webpack did not copy plugin.json: see its log"))
	defer cancel()
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	for {
		built, err := os.Stat(filepath.Join(d.root, pluginbuild.Dist, "plugin.json"))
		if err == nil && !built.ModTime().Before(source.ModTime()) {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
		}
	}
}

// generateDashboards writes the dashboards' files, which is the next change.
func (d *developer) generateDashboards(ctx context.Context) (string, error) {
	command := exec.CommandContext(ctx, "go", "generate", "./dashboards")
	command.Dir = d.root
	if output, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go generate ./dashboards: %w\n%s", err, output)
	}
	return "dashboards generated", nil
}

func (d *developer) reloadDashboards(ctx context.Context) (string, error) {
	return "dashboards reloaded", d.stack.grafana.ReloadDashboards(ctx)
}

// summarize names the first of the files and the number of the others.
func summarize(files []string) string {
	if len(files) == 1 {
		return files[0]
	}
	return fmt.Sprintf("%s and %d more", files[0], len(files)-1)
}

// compilerError is a line of the Go compiler that names a place in a file.
var compilerError = regexp.MustCompile(`^\S+\.go:\d+(:\d+)?: `)

// firstProblem is the first line of an error that names a place in a Go file, else its first line, with the number of other
// such places.
func firstProblem(err error) string {
	lines := strings.Split(err.Error(), "\n")
	var places []string
	for _, line := range lines {
		if line = strings.TrimSpace(line); compilerError.MatchString(line) {
			places = append(places, line)
		}
	}
	switch len(places) {
	case 0:
		return lines[0]
	case 1:
		return places[0]
	default:
		return fmt.Sprintf("%s (and %d more)", places[0], len(places)-1)
	}
}
