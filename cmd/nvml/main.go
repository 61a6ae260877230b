//go:build linux && cgo

// The NVML endpoint: GPU readings by device, process, container, pod and model for Prometheus or the plugin. See docs/nvml.md.
package main

import (
	"context"
	"io"
	"log/slog"
	"os"

	nvidia "github.com/NVIDIA/go-nvml/pkg/nvml"

	"github.com/coldhit/modelserving-datasource/cmd/internal/program"
	"github.com/coldhit/modelserving-datasource/pkg/nvml"
)

func main() { program.Main("modelserving-nvml", run) }

// run reads and answers until the context ends.
func run(ctx context.Context, args []string, output io.Writer) error {
	c, err := readConfig(args, output)
	if err != nil {
		return err
	}
	logger := slog.New(program.LogHandler(output, c.debug))
	attributor, err := c.attributor(logger)
	if err != nil {
		return err
	}
	library := nvidia.New(nvidia.WithLibraryPath(c.library))
	hostname, err := os.Hostname()
	if err != nil {
		return err
	}
	settings := nvml.Settings{
		Library: library, Lookup: library.Extensions().LookupSymbol, Attributor: attributor,
		SampleInterval: c.sampleInterval, Window: c.window, DiscoveryInterval: c.discoveryInterval, RetryInterval: c.retryInterval,
		Hostname: hostname, Logger: logger,
	}
	monitor, err := nvml.New(settings)
	if err != nil {
		return err
	}
	return serve(ctx, c, monitor, attributor, logger)
}
