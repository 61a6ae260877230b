package suite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/coldhit/modelserving-datasource/demo/freeport"
	"github.com/coldhit/modelserving-datasource/demo/stack"
)

// endToEnd starts the demo's stack on free ports and in a temporary folder, and runs the browser tests against it.
func (s *suite) endToEnd(ctx context.Context) (counts tally, err error) {
	browser, err := s.chromium(ctx)
	if err != nil {
		return tally{}, err
	}
	folder, err := os.MkdirTemp("", "modelserving-test-")
	if err != nil {
		return tally{}, err
	}
	defer func() {
		if err != nil {
			s.out.Printf("   the logs of Grafana and Triton are in %s", folder)
			return
		}
		err = os.RemoveAll(folder)
		_ = os.Remove(folder + ".lock")
	}()
	running, err := stack.Start(ctx, stack.Options{
		Root: s.root, Cache: s.cache, Folder: folder, Out: s.out,
		Port: func() (int, error) {
			ports, err := freeport.Find(1)
			if err != nil {
				return 0, err
			}
			return ports[0], nil
		},
	})
	if err != nil {
		return tally{}, err
	}
	defer running.Stop()
	return s.browserTests(ctx, running, browser)
}

// browserTests runs the browser tests against a stack, and stops them if one of its programs ends.
func (s *suite) browserTests(ctx context.Context, running *stack.Stack, browser string) (tally, error) {
	report := filepath.Join(s.logs, "playwright.json")
	if err := os.RemoveAll(report); err != nil {
		return tally{}, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() { cancel(running.Wait(ctx)) }()
	log, runErr := s.command(ctx, "playwright", []string{
		"GRAFANA_URL=" + running.GrafanaURL, "DASHBOARD_URL=" + running.DashboardURL, "COUNTS_URL=" + running.CountsURL,
		"TRITON_URL=" + running.TritonURL, "TRITON_METRICS_URL=" + running.MetricsURL, "DATA_SOURCE_UID=" + stack.DataSourceUID,
		"CHROMIUM=" + browser, "PLAYWRIGHT_JSON_OUTPUT_NAME=" + report,
	}, "npx", append([]string{"--no-install", "playwright", "test"}, s.browserFiles...)...)
	var result struct {
		Stats struct{ Expected, Unexpected, Flaky, Skipped int }
	}
	if err := readReport(report, &result); err != nil {
		return tally{}, errors.Join(runErr, err)
	}
	counts := tally{passed: result.Stats.Expected, failed: result.Stats.Unexpected + result.Stats.Flaky, skipped: result.Stats.Skipped}
	return counts, verdict("Playwright", log, counts, runErr)
}

// browserTypecheck checks the types in the browser tests, which Playwright leaves alone.
func (s *suite) browserTypecheck(ctx context.Context) (tally, error) {
	_, err := s.command(ctx, "tsc tests/e2e", nil, "npx", "--no-install", "tsc", "-p", filepath.Join("tests", "e2e"))
	return tally{}, err
}

// browsers are the names that Chromium has on PATH.
var browsers = []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"}

// chromium finds a Chromium on PATH. If there is none it installs one: the system's package if this process is allowed to, else
// Playwright's.
func (s *suite) chromium(ctx context.Context) (string, error) {
	if path := browserOnPath(); path != "" {
		s.out.Printf("   browser: %s", path)
		return path, nil
	}
	if apt, err := exec.LookPath("apt-get"); err == nil && os.Getuid() == 0 {
		s.out.Printf("   no Chromium on PATH (%v): installing the system's package with apt-get", browsers)
		quiet := []string{"DEBIAN_FRONTEND=noninteractive"}
		_, err := s.command(ctx, "apt-get update", quiet, apt, "update")
		if err == nil {
			_, err = s.command(ctx, "apt-get install chromium", quiet, apt, "install", "-y", "--no-install-recommends", "chromium")
		}
		if path := browserOnPath(); err == nil && path != "" {
			return path, nil
		}
		s.out.Printf("   apt-get did not install Chromium: %v", err)
	}
	s.out.Printf("   no Chromium on PATH (%v): installing Playwright's", browsers)
	if _, err := s.command(ctx, "playwright install", nil, "npx", "--no-install", "playwright", "install", "chromium"); err != nil {
		return "", fmt.Errorf("no Chromium was found and none can be installed. Install one (on Debian: sudo apt-get install chromium): %w", err)
	}
	return "", nil // Playwright finds the one that it installed
}

func browserOnPath() string {
	for _, name := range browsers {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}
