//go:build mage

// The targets of mage: go tool mage lists them.
package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/build"
	"github.com/magefile/mage/sh"

	"github.com/coldhit/modelserving-datasource/demo/progress"
	"github.com/coldhit/modelserving-datasource/demo/stack"
	"github.com/coldhit/modelserving-datasource/tests/suite"
)

func init() {
	// plugin.json is at the root; the SDK looks for it in src.
	err := build.SetBeforeBuildCallback(func(cfg build.Config) (build.Config, error) {
		cfg.PluginJSONPath = "."
		return cfg, nil
	})
	if err != nil {
		panic(err)
	}
}

// Default is what mage runs when no target is named.
var Default = BuildAll

// BuildAll builds the backend for all platforms that Grafana runs on.
func BuildAll() { build.BuildAll() }

// Build builds the backend for this host.
func Build() error { return build.Build{}.Custom(runtime.GOOS, runtime.GOARCH) }

// Clean removes what the builds made.
func Clean() error { return build.Clean() }

// Coverage runs the backend's tests and writes a coverage report.
func Coverage() error { return build.Coverage() }

// Demo starts a Grafana with the plugin, a Triton server with models, and traffic, until Ctrl-C.
func Demo(ctx context.Context) error {
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	return stack.RunDemo(ctx, root, progress.NewPrinter(os.Stdout))
}

// Dev starts the demo, and rebuilds and reloads the plugin in it when a source changes, until Ctrl-C.
func Dev(ctx context.Context) error {
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	return stack.RunDev(ctx, root, progress.NewPrinter(os.Stdout))
}

// Test runs all checks and tests, end to end in a real Grafana with a real browser included. It takes about half an hour.
func Test(ctx context.Context) error { return runSuite(ctx, suite.Run) }

// Unit runs the unit tests of Go and of the web part. It starts no server and takes less than two minutes.
func Unit(ctx context.Context) error { return runSuite(ctx, suite.RunUnit) }

// Lint runs the linters and type checks of Go and of the web part.
func Lint(ctx context.Context) error { return runSuite(ctx, suite.RunLint) }

// E2e builds the plugin and runs the end-to-end tests in a real Grafana with a real browser.
func E2e(ctx context.Context) error {
	return runSuite(ctx, func(ctx context.Context, root string, out *progress.Printer) error {
		return suite.RunEndToEnd(ctx, root, out)
	})
}

// E2eOnly builds the plugin and runs the end-to-end tests of one file: go tool mage e2eOnly configuration.spec.ts.
func E2eOnly(ctx context.Context, file string) error {
	return runSuite(ctx, func(ctx context.Context, root string, out *progress.Printer) error {
		return suite.RunEndToEnd(ctx, root, out, file)
	})
}

// TestOnly runs one step of the tests, and before it the steps that it needs: go tool mage testOnly jest. TestSteps lists them.
func TestOnly(ctx context.Context, step string) error {
	return runSuite(ctx, func(ctx context.Context, root string, out *progress.Printer) error {
		return suite.RunSteps(ctx, root, out, step)
	})
}

// TestSteps lists the steps of the tests, in the order in which Test runs them.
func TestSteps() { fmt.Println(strings.Join(suite.Steps(), "\n")) }

// TestTorchserve tests against a real TorchServe, which Test leaves out: it needs Java 17 and 5 GB in the cache folder.
func TestTorchserve(ctx context.Context) error { return runSuite(ctx, suite.RunTorchServe) }

// Fuzz runs every fuzz target for a time, one after the other: go tool mage fuzz 10m. The variable FUZZ selects targets by a piece of
// their name or folder, and FUZZ_PART a part of them, such as 1/3.
func Fuzz(ctx context.Context, each time.Duration) error {
	return runSuite(ctx, func(ctx context.Context, root string, out *progress.Printer) error {
		return suite.RunFuzz(ctx, root, out, each, os.Getenv("FUZZ"), os.Getenv("FUZZ_PART"))
	})
}

func runSuite(ctx context.Context, run func(context.Context, string, *progress.Printer) error) error {
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	return run(ctx, root, progress.NewPrinter(os.Stdout))
}

// recorderPlatforms are the platforms that the recorder is released for.
var recorderPlatforms = [][2]string{{"linux", "amd64"}, {"linux", "arm64"}, {"darwin", "arm64"}, {"windows", "amd64"}}

// Recorder builds the recorder, statically, for all platforms that it is released for, into artifacts.
func Recorder() error {
	for _, p := range recorderPlatforms {
		name := fmt.Sprintf("modelserving-recorder_%s_%s", p[0], p[1])
		if p[0] == "windows" {
			name += ".exe"
		}
		environment := map[string]string{"CGO_ENABLED": "0", "GOOS": p[0], "GOARCH": p[1]}
		if err := sh.RunWithV(environment, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join("artifacts", name), "./cmd/recorder"); err != nil {
			return err
		}
	}
	return nil
}

// NVML builds the NVML endpoint for this host, into artifacts. It calls NVIDIA's library through cgo, so it needs a C compiler and
// is built on the platform that it runs on. The library itself is only needed at run time.
func NVML() error {
	name := fmt.Sprintf("modelserving-nvml_%s_%s", runtime.GOOS, runtime.GOARCH)
	// Symbols are bound when they are first called, because which of them exist depends on the driver.
	flags := "-ldflags=-s -w -extldflags=-Wl,-z,lazy"
	return sh.RunWithV(map[string]string{"CGO_ENABLED": "1"}, "go", "build", "-trimpath", flags, "-o", filepath.Join("artifacts", name), "./cmd/nvml")
}

// Checksums writes the SHA-256 checksums of everything in artifacts to artifacts/SHA256SUMS, which sha256sum -c reads.
func Checksums() error {
	const folder, list = "artifacts", "SHA256SUMS"
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	entries = slices.DeleteFunc(entries, func(e os.DirEntry) bool { return e.IsDir() || e.Name() == list })
	if len(entries) == 0 {
		return errors.New("artifacts is empty: build the programs first")
	}
	var sums strings.Builder
	for _, entry := range entries {
		sum, err := sha256OfFile(filepath.Join(folder, entry.Name()))
		if err != nil {
			return err
		}
		// Two spaces separate the sum from the name.
		fmt.Fprintf(&sums, "%x  %s\n", sum, entry.Name())
	}
	return os.WriteFile(filepath.Join(folder, list), []byte(sums.String()), 0o644)
}

func sha256OfFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return nil, err
	}
	return hash.Sum(nil), nil
}

// Bench runs the benchmarks, which print their numbers beside those of other programs measured in the same run. Run it on an idle
// machine.
func Bench() error {
	return sh.RunV("go", "test", "-run", "^$", "-bench", ".", "-benchtime", "1x", "-p", "1",
		"./pkg/distribution", "./pkg/objective", "./pkg/nvml", "./pkg/recorder", "./pkg/remote/...", "./pkg/querycache", "./tests/blackbox")
}
