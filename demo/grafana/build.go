package grafana

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/coldhit/modelserving-datasource/demo/progress"
	"github.com/coldhit/modelserving-datasource/demo/supervise"
)

// What is built: Grafana publishes its source as a Go module, which has the web part as well. Grafana is AGPL-3.0; the
// result is a tool to try and test the plugin with and is never part of what is shipped.
const (
	moduleWithVersion = "github.com/grafana/grafana@v1.9.2-0.20230609164553-81d85ce8028d" // June 2023
	builtVersion      = "10.1.0"
	// goToolchain is the Go release that this Grafana was written for.
	goToolchain = "go1.20.14"
	wireTool    = "github.com/google/wire/cmd/wire@v0.5.0"
	// xlsxVersion replaces an archive outside the npm registry.
	xlsxVersion = "0.18.5"
	// neededBytes is free disk space, most of it for the web part's dependencies while they are needed.
	neededBytes = 6 << 30
)

func builtHome(cache string) string { return filepath.Join(cache, "grafana-"+builtVersion) }

// isComplete reports whether a home path is complete: it gets its name only then.
func isComplete(home string) bool {
	_, err := os.Stat(filepath.Join(home, "bin", "grafana"))
	return err == nil
}

// Build builds Grafana's server and web part from the Go module and npm registries into the cache folder and returns its
// home path. An interrupted build leaves no home path, and two builds do not run at once.
func Build(ctx context.Context, cache string, out *progress.Printer) (string, error) {
	home := builtHome(cache)
	lock, err := supervise.WaitLock(ctx, home+".lock", func() { out.Printf("Grafana: waiting for another build") })
	if err != nil {
		return "", err
	}
	defer lock.Unlock()
	if isComplete(home) {
		return home, nil
	}
	if err := removeAll(home + ".building-*"); err != nil {
		return "", err
	}
	if err := checkSpace(cache, neededBytes); err != nil {
		return "", err
	}
	folder, err := os.MkdirTemp(cache, filepath.Base(home)+".building-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(folder)
	out.Printf("Grafana: building version %s from source into %s (once, 10 to 15 minutes)", builtVersion, home)
	b := &builder{folder: folder, source: filepath.Join(folder, "source"), logs: filepath.Join(cache, "logs"), out: out}
	if err := b.build(ctx); err != nil {
		return "", err
	}
	result, err := b.collect()
	if err != nil {
		return "", err
	}
	if err := os.Rename(result, home); err != nil {
		return "", err
	}
	out.Printf("Grafana: built")
	return home, nil
}

// removeAll removes what an interrupted run left: all folders that match the pattern.
func removeAll(pattern string) error {
	leftovers, err := filepath.Glob(pattern)
	if err != nil {
		return err
	}
	for _, leftover := range leftovers {
		if err := os.RemoveAll(leftover); err != nil {
			return fmt.Errorf("remove what an interrupted run left: %w", err)
		}
	}
	return nil
}

// checkSpace fails if the folder's file system has fewer free bytes than needed.
func checkSpace(folder string, needed uint64) error {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(folder, &stat); err != nil {
		return fmt.Errorf("free space of %s: %w", folder, err)
	}
	if free := stat.Bavail * uint64(stat.Bsize); free < needed {
		return fmt.Errorf("Grafana needs %d GB of free disk space, %s has %.1f: make room, set XDG_CACHE_HOME to a folder on another disk, "+
			"or install Grafana %d.%d or newer and set GRAFANA_HOME", needed>>30, folder, float64(free)/(1<<30), oldestMajor, oldestMinor)
	}
	return nil
}

type builder struct {
	folder, source, logs string
	out                  *progress.Printer
}

func (b *builder) build(ctx context.Context) error {
	for _, step := range []struct {
		name string
		run  func(context.Context) error
	}{
		{"1 of 5: fetching the source", b.fetch},
		{"2 of 5: compiling the server", b.compileServer},
		{"3 of 5: installing the web part's dependencies", b.installDependencies},
		{"4 of 5: generating the themes", b.generateThemes},
		{"5 of 5: bundling the web part, the longest step", b.bundle},
	} {
		b.out.Printf("Grafana: step %s", step.name)
		if err := step.run(ctx); err != nil {
			return fmt.Errorf("build Grafana, step %s: %w", step.name, err)
		}
	}
	return nil
}

// run runs one command in the source folder, its output in a log of its own.
func (b *builder) run(ctx context.Context, name string, env []string, path string, args ...string) (log string, err error) {
	log = filepath.Join(b.logs, "grafana-"+name+".log")
	err = supervise.Run(ctx, supervise.Spec{Name: name, Path: path, Args: args, Env: append(os.Environ(), env...), Dir: b.source, LogPath: log},
		30*time.Second, func(elapsed time.Duration, last string) {
			if len(last) > 100 {
				last = last[:100] + "…"
			}
			b.out.Printf("Grafana: %s still running (%.0f s): %s", name, elapsed.Seconds(), last)
		})
	return log, err
}

func (b *builder) fetch(ctx context.Context) error {
	if err := os.MkdirAll(b.source, 0o755); err != nil {
		return err
	}
	// Outside a module, so that the project's own go.mod has no effect.
	log, err := b.run(ctx, "download", []string{"GOFLAGS=-mod=mod", "GOWORK=off"}, "go", "mod", "download", "-json", moduleWithVersion)
	if err != nil {
		return err
	}
	output, err := os.ReadFile(log)
	if err != nil {
		return err
	}
	// Messages about the download come before the object.
	start := strings.Index(string(output), "{")
	if start < 0 {
		return fmt.Errorf("go mod download reported no folder for the module: %q", output)
	}
	var module struct{ Dir string }
	if err := json.Unmarshal(output[start:], &module); err != nil {
		return fmt.Errorf("decode the output of go mod download: %w", err)
	}
	return os.CopyFS(b.source, os.DirFS(module.Dir))
}

func (b *builder) compileServer(ctx context.Context) error {
	tools := filepath.Join(b.folder, "tools")
	env := []string{"GOTOOLCHAIN=" + goToolchain, "GOFLAGS=-mod=mod -buildvcs=false", "GOWORK=off", "GOBIN=" + tools}
	if _, err := b.run(ctx, "wire-install", env, "go", "install", wireTool); err != nil {
		return err
	}
	if _, err := b.run(ctx, "wire", env, filepath.Join(tools, "wire"), "gen", "-tags", "oss", "./pkg/server"); err != nil {
		return err
	}
	_, err := b.run(ctx, "server", env, "go", "build", "-ldflags", "-s -w -X main.version="+builtVersion,
		"-o", filepath.Join(b.folder, "grafana"), "./pkg/cmd/grafana")
	return err
}

// collect moves what a running Grafana needs into one folder and returns it.
func (b *builder) collect() (string, error) {
	result := filepath.Join(b.folder, "result")
	if err := os.MkdirAll(filepath.Join(result, "bin"), 0o755); err != nil {
		return "", err
	}
	if err := os.Rename(filepath.Join(b.folder, "grafana"), filepath.Join(result, "bin", "grafana")); err != nil {
		return "", err
	}
	return result, errors.Join(
		os.Rename(filepath.Join(b.source, "conf"), filepath.Join(result, "conf")),
		os.Rename(filepath.Join(b.source, "public"), filepath.Join(result, "public")),
	)
}
