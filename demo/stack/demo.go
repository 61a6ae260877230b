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
	ctx, stopSignals := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stopSignals()
	ctx, release := supervise.WithParent(ctx)
	defer release()
	cache, err := CacheFolder()
	if err != nil {
		return err
	}
	s, err := Start(ctx, Options{
		Root: root, Cache: cache, Folder: filepath.Join(cache, "demo"),
		Port:    func() (int, error) { return freeport.FindFrom(firstPort, lastPort) },
		Reloads: true, Bursts: true, Out: out,
	})
	if err != nil {
		if ctx.Err() != nil {
			out.Printf("Stopped before the demo was up")
			return nil
		}
		return err
	}
	defer func() {
		out.Printf("Stopping")
		s.Stop()
		out.Printf("All is stopped")
	}()
	out.Printf("Ready:  %s", s.DashboardURL)
	out.Printf("To edit, log in as %s with the password %s. Ctrl-C stops everything.", grafana.AdminUser, grafana.AdminPassword)
	return s.Wait(ctx)
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
