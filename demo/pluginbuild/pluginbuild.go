// Package pluginbuild builds both halves of the plugin into dist/ and the other programs beside them, and leaves alone what is up to
// date.
package pluginbuild

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/coldhit/modelserving-datasource/demo/progress"
	"github.com/coldhit/modelserving-datasource/demo/supervise"
)

// Dist is the folder of the built plugin, relative to the project's root.
const Dist = "dist"

// Builder builds one checkout.
type Builder struct {
	// Root is the project's root folder; Logs takes what the tools print.
	Root, Logs string
	Out        *progress.Printer
}

// What each step is made from, relative to the root; what is missing does not count.
var (
	webSources = []string{"src", "dashboards", ".config", "tsconfig.json", "plugin.json", "package.json", "package-lock.json",
		"README.md", "CHANGELOG.md", "LICENSE", "docs"}
	backendSources  = []string{"pkg", "Magefile.go", "go.mod", "go.sum", "plugin.json", "package.json"}
	recorderSources = []string{"cmd/recorder", "cmd/internal", "pkg", "go.mod", "go.sum"}
	nvmlSources     = []string{"cmd/nvml", "cmd/internal", "pkg", "Magefile.go", "go.mod", "go.sum"}
)

// Build installs the web part's dependencies and builds both halves for this host.
func (b *Builder) Build(ctx context.Context) error {
	if err := b.Dependencies(ctx, "."); err != nil {
		return err
	}
	err := b.step(ctx, step{
		name: "web part", sources: webSources, product: filepath.Join(Dist, "module.js"), stamp: "web",
		command: "npm", args: []string{"run", "build"},
	})
	if err != nil {
		return err
	}
	return b.step(ctx, step{
		name: "backend", sources: backendSources, product: filepath.Join(Dist, "gpx_modelserving_"+runtime.GOOS+"_"+runtime.GOARCH), stamp: "backend",
		command: "go", args: []string{"tool", "mage", "build"},
	})
}

// Recorder builds the recorder's program for this host and answers where it is.
func (b *Builder) Recorder(ctx context.Context) (string, error) {
	program := filepath.Join("artifacts", "modelserving-recorder_"+runtime.GOOS+"_"+runtime.GOARCH)
	err := b.step(ctx, step{
		name: "recorder", sources: recorderSources, product: program, stamp: "recorder",
		command: "go", args: []string{"build", "-o", program, "./cmd/recorder"},
	})
	return filepath.Join(b.Root, program), err
}

// NVML builds the NVML endpoint's program for this host and answers where it is. It needs a C compiler.
func (b *Builder) NVML(ctx context.Context) (string, error) {
	program := filepath.Join("artifacts", "modelserving-nvml_"+runtime.GOOS+"_"+runtime.GOARCH)
	err := b.step(ctx, step{
		name: "NVML endpoint", sources: nvmlSources, product: program, stamp: "nvml",
		command: "go", args: []string{"tool", "mage", "nvml"},
	})
	return filepath.Join(b.Root, program), err
}

// Dependencies runs npm ci in a folder with a package-lock.json, relative to the root, unless its packages are those of
// the lock file already.
func (b *Builder) Dependencies(ctx context.Context, folder string) error {
	lock := filepath.Join(folder, "package-lock.json")
	if _, err := os.Stat(filepath.Join(b.Root, lock)); err != nil {
		return fmt.Errorf("npm ci needs a lock file: %w", err)
	}
	return b.step(ctx, step{
		name: "npm packages of " + filepath.Join(filepath.Base(b.Root), folder), sources: []string{lock, filepath.Join(folder, "package.json")},
		// npm ci removes node_modules, and the stamp in it, before it begins.
		product: filepath.Join(folder, "node_modules", ".package-lock.json"), stampFolder: filepath.Join(folder, "node_modules"), stamp: "packages",
		command: "npm", args: []string{"--prefix", folder, "ci", "--no-audit", "--no-fund"},
	})
}

// step is something that is made from sources by a command.
type step struct {
	name               string
	sources            []string
	product            string
	stampFolder, stamp string
	command            string
	args               []string
}

// logName makes a step's name a file's name.
var logName = strings.NewReplacer(" ", "-", string(filepath.Separator), "-")

// step runs the command unless the product exists and was made from the same sources.
func (b *Builder) step(ctx context.Context, s step) error {
	hash, err := hashSources(b.Root, s.sources)
	if err != nil {
		return fmt.Errorf("look at the sources of the %s: %w", s.name, err)
	}
	if s.stampFolder == "" {
		s.stampFolder = "node_modules"
	}
	stamp := filepath.Join(b.Root, s.stampFolder, ".modelserving-"+s.stamp)
	made, err := os.ReadFile(stamp)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, err := os.Stat(filepath.Join(b.Root, s.product)); err == nil && string(made) == hash {
		b.Out.Printf("Build: the %s is up to date", s.name)
		return nil
	}
	b.Out.Printf("Build: the %s: %s %s", s.name, s.command, strings.Join(s.args, " "))
	begin := time.Now()
	err = supervise.Run(ctx, supervise.Spec{
		Name: s.command + " " + strings.Join(s.args, " "), Path: s.command, Args: s.args, Dir: b.Root,
		LogPath: filepath.Join(b.Logs, "build-"+logName.Replace(s.name)+".log"),
	}, 10*time.Second, func(elapsed time.Duration, last string) {
		b.Out.Printf("Build: the %s is at work since %.0f s: %s", s.name, elapsed.Seconds(), last)
	})
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(b.Root, s.product)); err != nil {
		return fmt.Errorf("%s went through but made no %s", s.command, s.product)
	}
	b.Out.Printf("Build: the %s took %.1f s", s.name, time.Since(begin).Seconds())
	return os.WriteFile(stamp, []byte(hash), 0o644)
}

// hashSources is a hash over the names and contents of all files, tests apart, and over the Go release.
func hashSources(root string, sources []string) (string, error) {
	hash := sha256.New()
	fmt.Fprintln(hash, runtime.Version())
	for _, source := range sources {
		err := filepath.WalkDir(filepath.Join(root, source), func(path string, entry fs.DirEntry, err error) error {
			switch {
			case errors.Is(err, fs.ErrNotExist):
				return nil
			case err != nil:
				return err
			case entry.IsDir() && (entry.Name() == "node_modules" || entry.Name() == "testdata"):
				return fs.SkipDir
			case !entry.Type().IsRegular() || strings.HasSuffix(path, "_test.go"):
				return nil
			}
			return hashFile(hash, path)
		})
		if err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

func hashFile(hash io.Writer, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	fmt.Fprintln(hash, path, info.Size())
	_, err = io.Copy(hash, file)
	return err
}
