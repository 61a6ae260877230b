package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/coldhit/modelserving-datasource/demo/freeport"
	"github.com/coldhit/modelserving-datasource/demo/grafana"
	"github.com/coldhit/modelserving-datasource/demo/progress"
	"github.com/coldhit/modelserving-datasource/demo/supervise"
)

// Grafana's usual port, and the last that is tried when others are taken.
const firstPort, lastPort = 3000, 3099

// RunDemo runs the demo of the project in root until it is interrupted (Ctrl-C, SIGTERM, SIGHUP, the end of the process
// that started this one) or one of its programs ends.
func RunDemo(ctx context.Context, root string, out *progress.Printer) error {
	return run(ctx, Options{Root: root, Out: out}, func(ctx context.Context, s *Stack) error { return s.Wait(ctx) })
}

// RunDev runs the demo like RunDemo, and rebuilds and reloads the plugin when its sources change.
func RunDev(ctx context.Context, root string, out *progress.Printer) error {
	return run(ctx, Options{Root: root, Out: out, Development: true}, func(ctx context.Context, s *Stack) error {
		return newDeveloper(s, root, out).run(ctx)
	})
}

// run starts the demo, calls wait and stops the demo when wait returns. It sets the options that are the same for all.
func run(ctx context.Context, options Options, wait func(context.Context, *Stack) error) error {
	ctx, stopSignals := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stopSignals()
	ctx, release := supervise.WithParent(ctx)
	defer release()
	cache, err := CacheFolder()
	if err != nil {
		return err
	}
	options.Cache, options.Folder = cache, filepath.Join(cache, "demo")
	options.Port = func() (int, error) { return freeport.FindFrom(firstPort, lastPort) }
	options.Reloads, options.Bursts = true, true
	out := options.Out
	s, err := Start(ctx, options)
	if err != nil {
		if ctx.Err() != nil {
			out.Printf("Stopped before the demo was ready")
			return nil
		}
		return err
	}
	defer func() {
		out.Printf("Stopping")
		s.Stop()
		out.Printf("Stopped")
	}()
	out.Printf("Ready:  %s", s.DashboardURL)
	out.Printf("To edit, log in as %s with the password %s. Press Ctrl-C to stop.", grafana.AdminUser, grafana.AdminPassword)
	return wait(ctx, s)
}

// dashboardUID reads the uid in a dashboard's file.
func dashboardUID(path string) (string, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	var dashboard struct{ UID string }
	if err := json.Unmarshal(content, &dashboard); err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	if dashboard.UID == "" {
		return "", errors.New(path + " has no uid")
	}
	return dashboard.UID, nil
}
