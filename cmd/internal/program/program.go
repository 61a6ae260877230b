// Package program starts and ends the project's own programs and sets up their logs.
package program

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
)

// Main runs a program with the arguments of the process until it ends or a signal ends its context. It logs to standard error. An
// error is printed there, too, and makes the exit status 1. The flag -help is no error.
func Main(name string, run func(ctx context.Context, args []string, output io.Writer) error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, name+":", err)
		os.Exit(1)
	}
}

// LogHandler writes log lines from level debug on if debug is set, else from level info.
func LogHandler(output io.Writer, debug bool) slog.Handler {
	level := slog.LevelInfo
	if debug {
		level = slog.LevelDebug
	}
	return slog.NewTextHandler(output, &slog.HandlerOptions{Level: level})
}
