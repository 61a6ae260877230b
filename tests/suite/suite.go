// Package suite runs all of the project's checks and tests one after the other and counts what they found.
package suite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/coldhit/modelserving-datasource/demo/pluginbuild"
	"github.com/coldhit/modelserving-datasource/demo/progress"
	"github.com/coldhit/modelserving-datasource/demo/stack"
	"github.com/coldhit/modelserving-datasource/demo/supervise"
	"github.com/coldhit/modelserving-datasource/demo/triton"
	"github.com/coldhit/modelserving-datasource/tests/modelservers"
)

// tally is what one step found. A step without tests of its own has only zeros.
type tally struct{ passed, failed, skipped int }

// step is one check, or one set of tests.
type step struct {
	name string
	// needs are names of steps without which this one cannot run.
	needs []string
	run   func(context.Context) (tally, error)
}

// outcome is how a step went.
type outcome struct {
	step  step
	tally tally
	err   error
	took  time.Duration
}

type suite struct {
	root, cache, logs string
	out               *progress.Printer
	builder           pluginbuild.Builder
}

// ErrFailed says that something failed; what it was has been printed.
var ErrFailed = errors.New("the tests failed")

// Run runs everything, also after a failure, and fails unless everything passed and nothing was skipped. Its last line is
// "N passed, N failed".
func Run(ctx context.Context, root string, out *progress.Printer) error {
	return run(ctx, root, out, (*suite).steps)
}

// RunTorchServe runs the test against a real TorchServe alone, which is too large for Run.
func RunTorchServe(ctx context.Context, root string, out *progress.Printer) error {
	return run(ctx, root, out, func(s *suite) []step { return []step{{name: "TorchServe", run: s.liveTest(torchServe)}} })
}

func run(ctx context.Context, root string, out *progress.Printer, steps func(*suite) []step) error {
	ctx, stopSignals := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stopSignals()
	ctx, release := supervise.WithParent(ctx)
	defer release()
	cache, err := stack.CacheFolder()
	if err != nil {
		return err
	}
	logs := filepath.Join(cache, "logs")
	s := &suite{root: root, cache: cache, logs: logs, out: out, builder: pluginbuild.Builder{Root: root, Logs: logs, Out: out}}
	return summarize(out, runSteps(ctx, out, steps(s)))
}

// The tests against real model servers, and the build tags that switch them on.
const (
	liveTests    = "./tests/modelservers"
	modelServers = "modelservers"
	torchServe   = "torchserve"
)

func (s *suite) liveTest(tag string) func(context.Context) (tally, error) {
	return s.goTest("go test "+tag, "-tags", tag, liveTests)
}

// unlessCrashed runs a step once more where a real Triton crashed in it: its tests say nothing about the plugin then. A second
// crash is a failure.
func (s *suite) unlessCrashed(run func(context.Context) (tally, error)) func(context.Context) (tally, error) {
	return func(ctx context.Context) (tally, error) {
		counts, err := run(ctx)
		if err == nil || ctx.Err() != nil || !triton.Crashed(err) && !strings.Contains(err.Error(), modelservers.Crashed) {
			return counts, err
		}
		s.out.Printf("   Triton crashed, so this runs once more: %v", err)
		return run(ctx)
	}
}

func (s *suite) steps() []step {
	const web, compat, plugin = "npm packages", "npm packages for Grafana 10.1", "build"
	return []step{
		{name: "gofmt", run: s.gofmt},
		{name: "go vet", run: s.vet},
		{name: "go test", run: s.goTest("go test", "./...")},
		{name: web, run: s.dependencies(".")},
		{name: "typecheck", needs: []string{web}, run: s.npm("typecheck")},
		{name: "lint", needs: []string{web}, run: s.npm("lint")},
		{name: "lint of the documentation", needs: []string{web}, run: s.npm("lint:prose")},
		{name: "jest", needs: []string{web}, run: s.jest("test:ci")},
		{name: compat, run: s.dependencies("compat/grafana-10.1")},
		{name: "typecheck for Grafana 10.1", needs: []string{web, compat}, run: s.npm("compat:typecheck")},
		{name: "jest for Grafana 10.1", needs: []string{web, compat}, run: s.jest("compat:test")},
		{name: plugin, needs: []string{web}, run: s.build},
		{name: "typecheck of the browser tests", needs: []string{web}, run: s.browserTypecheck},
		{name: "check of the bundle", needs: []string{plugin}, run: s.npm("check:bundle")},
		{name: "end to end", needs: []string{plugin}, run: s.unlessCrashed(s.endToEnd)},
		{name: "model servers", run: s.unlessCrashed(s.liveTest(modelServers))},
	}
}

func runSteps(ctx context.Context, out *progress.Printer, steps []step) []outcome {
	var outcomes []outcome
	var broken []string
	for _, current := range steps {
		result := outcome{step: current}
		begin := time.Now()
		missing := slices.IndexFunc(current.needs, func(name string) bool { return slices.Contains(broken, name) })
		switch {
		case ctx.Err() != nil:
			result.err = fmt.Errorf("not run: %w", context.Cause(ctx))
		case missing >= 0:
			result.err = fmt.Errorf("not run, because %q failed", current.needs[missing])
		default:
			out.Printf("== %s", current.name)
			result.tally, result.err = current.run(ctx)
		}
		result.took = time.Since(begin)
		if result.err == nil && result.tally.skipped > 0 {
			result.err = fmt.Errorf("%d tests were skipped; a test that cannot run has to fail and say why", result.tally.skipped)
		}
		if result.err != nil {
			broken = append(broken, current.name)
			out.Printf("== %s FAILED: %v", current.name, result.err)
		}
		outcomes = append(outcomes, result)
	}
	return outcomes
}

// summarize prints a line for each step and the totals. A failed step in which no test failed counts as one failure.
func summarize(out *progress.Printer, outcomes []outcome) error {
	var total tally
	out.Printf("== summary")
	for _, o := range outcomes {
		total.passed += o.tally.passed
		total.failed += o.tally.failed
		verdict := "ok"
		if o.err != nil {
			verdict = "FAILED"
			if o.tally.failed == 0 {
				total.failed++
			}
		}
		counts := ""
		if o.tally != (tally{}) {
			counts = fmt.Sprintf("%d passed, %d failed", o.tally.passed, o.tally.failed)
		}
		out.Printf("%s", strings.TrimRight(fmt.Sprintf("%-32s %-7s %6.1f s  %s", o.step.name, verdict, o.took.Seconds(), counts), " "))
	}
	// Mage prints errors on the standard error output, so this is the last line of the standard output.
	fmt.Printf("%d passed, %d failed\n", total.passed, total.failed)
	if total.failed > 0 {
		return ErrFailed
	}
	return nil
}
