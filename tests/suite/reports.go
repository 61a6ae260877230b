package suite

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// serverTests are the folders whose tests build or start the plugin's binary or a real server.
var serverTests = []string{"tests/agreement", "tests/blackbox", "tests/e2e", "tests/fakenvml", "tests/modelservers"}

// slowTests matches the tests elsewhere that build or install a real program: VictoriaMetrics, a Python environment.
const slowTests = "VictoriaMetrics|TestAnEnvironmentIsMadeOnce"

// goUnit runs the Go tests that need neither the plugin's binary nor a real server. Packages that have not changed are not run
// again.
func (s *suite) goUnit(ctx context.Context) (tally, error) {
	listing := exec.CommandContext(ctx, "go", "list", "./...")
	listing.Dir = s.root
	output, err := listing.Output()
	if err != nil {
		if exited := (*exec.ExitError)(nil); errors.As(err, &exited) {
			err = fmt.Errorf("%w: %s", err, exited.Stderr)
		}
		return tally{}, fmt.Errorf("list the packages: %w", err)
	}
	packages := unitPackages(strings.Fields(string(output)))
	return s.goTest("go test of units", append([]string{"-skip", slowTests}, packages...)...)(ctx)
}

// unitPackages leaves out the packages in the folders of serverTests.
func unitPackages(packages []string) []string {
	return slices.DeleteFunc(slices.Clone(packages), func(name string) bool {
		return slices.ContainsFunc(serverTests, func(folder string) bool {
			return strings.Contains(name+"/", "/"+folder+"/")
		})
	})
}

// goTest runs go test with more arguments. It counts tests and subtests.
func (s *suite) goTest(name string, args ...string) func(context.Context) (tally, error) {
	return func(ctx context.Context) (tally, error) {
		log, runErr := s.command(ctx, name, nil, "go", append([]string{"test", "-json", "-timeout", "20m"}, args...)...)
		file, err := os.Open(log)
		if err != nil {
			return tally{}, errors.Join(runErr, err)
		}
		defer file.Close()
		counts, failures, err := readGoTest(file)
		if err != nil {
			return counts, err
		}
		switch {
		case runErr != nil && len(failures) > 0:
			return counts, fmt.Errorf("the full output is in %s\n%s", log, strings.Join(failures, ""))
		case runErr != nil:
			return counts, runErr
		case counts.passed == 0:
			return counts, errors.New("no Go test ran")
		}
		return counts, nil
	}
}

// keptOutput bounds what is kept of one test's or package's output.
const keptOutput = 200

// readGoTest reads the output of go test -json: the counts, and what the tests and packages that failed wrote.
func readGoTest(input io.Reader) (counts tally, failures []string, err error) {
	type subject struct{ pkg, test string }
	outputs := map[subject][]string{}
	scanner := bufio.NewScanner(input)
	scanner.Buffer(nil, 16<<20)
	for scanner.Scan() {
		var event struct{ Action, Package, ImportPath, Test, Output string }
		if json.Unmarshal(scanner.Bytes(), &event) != nil {
			event.Action, event.Output = "output", scanner.Text()+"\n" // go's own messages
		}
		if event.Action == "build-output" {
			failures = append(failures, event.Output)
			continue
		}
		key := subject{event.Package, event.Test}
		isTest := event.Test != ""
		switch event.Action {
		case "output":
			outputs[key] = append(outputs[key], event.Output)
			if excess := len(outputs[key]) - keptOutput; excess > 0 {
				outputs[key] = outputs[key][excess:]
			}
			continue
		case "pass":
			if isTest {
				counts.passed++
			}
		case "skip":
			if isTest {
				counts.skipped++
				failures = append(failures, outputs[key]...)
			}
		case "fail":
			if isTest {
				counts.failed++
			}
			failures = append(failures, outputs[key]...)
		default:
			continue
		}
		delete(outputs, key)
	}
	failures = append(failures, outputs[subject{}]...)
	return counts, failures, scanner.Err()
}

// jest runs a script that is jest and takes its arguments.
func (s *suite) jest(script string) func(context.Context) (tally, error) {
	return func(ctx context.Context) (tally, error) {
		report := filepath.Join(s.logs, "jest-"+strings.ReplaceAll(script, ":", "-")+".json")
		if err := os.RemoveAll(report); err != nil {
			return tally{}, err
		}
		log, runErr := s.command(ctx, "npm run "+script, nil, "npm", "run", "--silent", script, "--", "--json", "--outputFile="+report)
		var result struct{ NumPassedTests, NumFailedTests, NumPendingTests, NumTodoTests int }
		if err := readReport(report, &result); err != nil {
			return tally{}, errors.Join(runErr, err)
		}
		counts := tally{passed: result.NumPassedTests, failed: result.NumFailedTests, skipped: result.NumPendingTests + result.NumTodoTests}
		return counts, verdict("jest", log, counts, runErr)
	}
}

// readReport reads a JSON report.
func readReport(path string, into any) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("the report of the tests: %w", err)
	}
	if err := json.Unmarshal(content, into); err != nil {
		return fmt.Errorf("the report %s: %w", path, err)
	}
	return nil
}

// verdict fails where the tool failed, where it ran nothing, and where it does not agree with its own report.
func verdict(tool, log string, counts tally, runErr error) error {
	switch {
	case runErr != nil:
		return runErr
	case counts.failed > 0:
		return fmt.Errorf("%d tests failed although %s went through; see %s", counts.failed, tool, log)
	case counts.passed == 0:
		return fmt.Errorf("%s ran no test", tool)
	}
	return nil
}
