//go:build mage

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

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

// Test runs all checks and tests: Go, web, and end to end in a real Grafana with a real browser.
func Test(ctx context.Context) error {
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	return suite.Run(ctx, root, progress.NewPrinter(os.Stdout))
}

// TestTorchserve tests against a real TorchServe, which Test leaves out: it needs Java 17 and 5 GB in the cache folder.
func TestTorchserve(ctx context.Context) error {
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	return suite.RunTorchServe(ctx, root, progress.NewPrinter(os.Stdout))
}

// recorderPlatforms are those that the recorder is released for.
var recorderPlatforms = [][2]string{{"linux", "amd64"}, {"linux", "arm64"}, {"darwin", "arm64"}, {"windows", "amd64"}}

// Recorder builds the recorder, statically, for the platforms that it is released for, into artifacts.
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

// NVML builds the NVML endpoint for this host, into artifacts. It calls NVIDIA's library through cgo, so that it needs a C compiler
// and cannot be built for other platforms from here; the library itself is only needed where it runs.
func NVML() error {
	name := fmt.Sprintf("modelserving-nvml_%s_%s", runtime.GOOS, runtime.GOARCH)
	// Symbols are bound when they are first called: which of them exist is the driver's affair.
	flags := "-ldflags=-s -w -extldflags=-Wl,-z,lazy"
	return sh.RunWithV(map[string]string{"CGO_ENABLED": "1"}, "go", "build", "-trimpath", flags, "-o", filepath.Join("artifacts", name), "./cmd/nvml")
}

// Bench runs the benchmarks, which print their numbers beside those of peers measured in the same run. A quiet machine is
// needed for them to mean something.
func Bench() error {
	return sh.RunV("go", "test", "-run", "^$", "-bench", ".", "-benchtime", "1x", "-p", "1",
		"./pkg/distribution", "./pkg/objective", "./pkg/nvml", "./pkg/recorder", "./pkg/remote/...", "./pkg/incremental", "./tests/blackbox")
}
