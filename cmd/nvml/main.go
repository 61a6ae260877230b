//go:build linux && cgo

// The NVML endpoint: GPU readings by device, process, container, pod and model for Prometheus or the plugin. See docs/nvml.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	nvidia "github.com/NVIDIA/go-nvml/pkg/nvml"

	"github.com/coldhit/modelserving-datasource/pkg/nvml"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "modelserving-nvml:", err)
		os.Exit(1)
	}
}

// run reads and answers until the context ends.
func run(ctx context.Context, args []string, output io.Writer) error {
	c, err := readConfig(args, output)
	if err != nil {
		return err
	}
	level := slog.LevelInfo
	if c.debug {
		level = slog.LevelDebug
	}
	logger := slog.New(slog.NewTextHandler(output, &slog.HandlerOptions{Level: level}))
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
		SampleEvery: c.sampleEvery, Window: c.window, DiscoverEvery: c.discoverEvery, RetryEvery: c.retryEvery,
		Hostname: hostname, Logger: logger,
	}
	monitor, err := nvml.New(settings)
	if err != nil {
		return err
	}
	return serve(ctx, c, monitor, attributor, logger)
}
