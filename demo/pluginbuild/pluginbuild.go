// Package pluginbuild builds both halves of the plugin into dist/ and the other programs, and skips what is up to date.
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
	if err := b.Web(ctx); err != nil {
		return err
	}
	return b.Backend(ctx)
}

// Web builds the web part for production. The npm packages must be installed.
func (b *Builder) Web(ctx context.Context) error {
	return b.step(ctx, step{
		name: "web part", sources: webSources, product: filepath.Join(Dist, "module.js"), stamp: webStamp,
		command: "npm", args: []string{"run", "build"},
	})
}

// Backend builds the plugin's program for this host.
func (b *Builder) Backend(ctx context.Context) error {
	return b.step(ctx, step{
		name: "backend", sources: backendSources, product: program, stamp: "backend",
		command: "go", args: []string{"tool", "mage", "build"},
	})
}

// program is the plugin's program for this host, relative to the root.
var program = filepath.Join(Dist, "gpx_modelserving_"+runtime.GOOS+"_"+runtime.GOARCH)

// Program is the path of the plugin's program for this host.
func (b *Builder) Program() string { return filepath.Join(b.Root, program) }

const webStamp = "web"

// stampPath is the file with the hash of the sources that a product was built from.
func (b *Builder) stampPath(folder, stamp string) string {
	return filepath.Join(b.Root, folder, ".modelserving-"+stamp)
}

// WatchWeb starts webpack in watch mode, which builds the web part for development at each change until it is stopped. The
// next Web builds for production again.
func (b *Builder) WatchWeb() (*supervise.Process, error) {
	if err := os.RemoveAll(b.stampPath(defaultStampFolder, webStamp)); err != nil {
		return nil, err
	}
	return supervise.Start(supervise.Spec{
		Name: "webpack", Path: "npm", Args: []string{"run", "dev"}, Dir: b.Root, LogPath: filepath.Join(b.Logs, "dev-webpack.log"),
	})
}

// Recorder builds the recorder's program for this host and returns its path.
func (b *Builder) Recorder(ctx context.Context) (string, error) {
	recorder := filepath.Join("artifacts", "modelserving-recorder_"+runtime.GOOS+"_"+runtime.GOARCH)
	err := b.step(ctx, step{
		name: "recorder", sources: recorderSources, product: recorder, stamp: "recorder",
		command: "go", args: []string{"build", "-o", recorder, "./cmd/recorder"},
	})
	return filepath.Join(b.Root, recorder), err
}

// NVML builds the NVML endpoint's program for this host and returns its path. It needs a C compiler.
func (b *Builder) NVML(ctx context.Context) (string, error) {
	endpoint := filepath.Join("artifacts", "modelserving-nvml_"+runtime.GOOS+"_"+runtime.GOARCH)
	err := b.step(ctx, step{
		name: "NVML endpoint", sources: nvmlSources, product: endpoint, stamp: "nvml",
		command: "go", args: []string{"tool", "mage", "nvml"},
	})
	return filepath.Join(b.Root, endpoint), err
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

// defaultStampFolder is that of steps which name none.
const defaultStampFolder = "node_modules"

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
		return fmt.Errorf("read the sources of the %s: %w", s.name, err)
	}
	if s.stampFolder == "" {
		s.stampFolder = defaultStampFolder
	}
	stamp := b.stampPath(s.stampFolder, s.stamp)
	made, err := os.ReadFile(stamp)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, err := os.Stat(filepath.Join(b.Root, s.product)); err == nil && string(made) == hash {
		b.Out.Printf("Build: %s up to date", s.name)
		return nil
	}
	b.Out.Printf("Build: %s: %s %s", s.name, s.command, strings.Join(s.args, " "))
	begin := time.Now()
	err = supervise.Run(ctx, supervise.Spec{
		Name: s.command + " " + strings.Join(s.args, " "), Path: s.command, Args: s.args, Dir: b.Root,
		LogPath: filepath.Join(b.Logs, "build-"+logName.Replace(s.name)+".log"),
	}, 10*time.Second, func(elapsed time.Duration, last string) {
		b.Out.Printf("Build: %s still running (%.0f s): %s", s.name, elapsed.Seconds(), last)
	})
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(b.Root, s.product)); err != nil {
		return fmt.Errorf("%s succeeded but made no %s", s.command, s.product)
	}
	b.Out.Printf("Build: %s took %.1f s", s.name, time.Since(begin).Seconds())
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
