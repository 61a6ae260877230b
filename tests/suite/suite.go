// Package suite runs the project's checks and tests one after the other, all of them or some, and counts the results.
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

// tally counts the tests of one step. A step without tests of its own has only zeros.
type tally struct{ passed, failed, skipped int }

// step is one check, or one set of tests.
type step struct {
	// name is one word, so that it can be typed on a command line.
	name string
	// needs are the names of the steps that have to pass before this one can run. They come earlier in the list.
	needs []string
	run   func(context.Context) (tally, error)
}

// outcome is the result of a step.
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
	// browserFiles are the files of the browser tests to run. All run if there are none.
	browserFiles []string
}

// ErrFailed reports that a step failed. The reason has been printed.
var ErrFailed = errors.New("the tests failed")

// Run runs everything, also after a failure, and fails unless everything passed and nothing was skipped. Its last line is
// "N passed, N failed".
func Run(ctx context.Context, root string, out *progress.Printer) error {
	return run(ctx, root, out, func(s *suite) ([]step, error) { return s.steps(), nil })
}

// RunSteps runs the named steps, and before them the ones that they need.
func RunSteps(ctx context.Context, root string, out *progress.Printer, names ...string) error {
	return run(ctx, root, out, func(s *suite) ([]step, error) { return selectSteps(s.steps(), names) })
}

// RunUnit runs the unit tests of Go and of the web part. It starts no server and builds no plugin.
func RunUnit(ctx context.Context, root string, out *progress.Printer) error {
	return run(ctx, root, out, func(s *suite) ([]step, error) {
		web, err := selectSteps(s.steps(), []string{stepJest})
		return append([]step{{name: "go-unit", run: s.goUnit}}, web...), err
	})
}

// RunLint runs the linters and type checks of Go and of the web part.
func RunLint(ctx context.Context, root string, out *progress.Printer) error {
	return RunSteps(ctx, root, out, stepGoLint, stepGoVet, stepTypecheck, stepESLint, stepProse, stepTypecheckEndToEnd)
}

// RunEndToEnd builds the plugin and runs the browser tests, only those of the given files of tests/e2e if there are any.
func RunEndToEnd(ctx context.Context, root string, out *progress.Printer, files ...string) error {
	return run(ctx, root, out, func(s *suite) ([]step, error) {
		s.browserFiles = files
		return selectSteps(s.steps(), []string{stepEndToEnd})
	})
}

// RunTorchServe runs only the test against a real TorchServe, which is too large for Run.
func RunTorchServe(ctx context.Context, root string, out *progress.Printer) error {
	return run(ctx, root, out, func(s *suite) ([]step, error) { return []step{{name: "torchserve", run: s.liveTest(torchServe)}}, nil })
}

// Steps returns the names of all steps, in the order in which Run runs them.
func Steps() []string {
	var names []string
	for _, s := range (&suite{}).steps() {
		names = append(names, s.name)
	}
	return names
}

func run(ctx context.Context, root string, out *progress.Printer, selected func(*suite) ([]step, error)) error {
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
	steps, err := selected(s)
	if err != nil {
		return err
	}
	return summarize(out, runSteps(ctx, out, steps))
}

// The tests against real model servers, and the build tags that enable them.
const (
	liveTests    = "./tests/modelservers"
	modelServers = "modelservers"
	torchServe   = "torchserve"
)

func (s *suite) liveTest(tag string) func(context.Context) (tally, error) {
	return s.goTest("go test "+tag, "-count", "1", "-tags", tag, liveTests)
}

// unlessCrashed runs a step once more if a real Triton crashed in it, because the result then says nothing about the plugin. A
// second crash is a failure.
func (s *suite) unlessCrashed(run func(context.Context) (tally, error)) func(context.Context) (tally, error) {
	return func(ctx context.Context) (tally, error) {
		counts, err := run(ctx)
		if err == nil || ctx.Err() != nil || !triton.IsCrash(err) && !strings.Contains(err.Error(), modelservers.Crashed) {
			return counts, err
		}
		s.out.Printf("   Triton crashed, so this runs once more: %v", err)
		return run(ctx)
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
