package suite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/demo/progress"
	"github.com/coldhit/modelserving-datasource/demo/supervise"
	"github.com/coldhit/modelserving-datasource/demo/triton"
	"github.com/coldhit/modelserving-datasource/tests/modelservers"
)

func TestReadGoTest(t *testing.T) {
	counts, failures, err := readGoTest(strings.NewReader(`{"Action":"start","Package":"p"}
{"Action":"output","Package":"p","Test":"TestGood","Output":"fine\n"}
{"Action":"pass","Package":"p","Test":"TestGood"}
{"Action":"output","Package":"p","Test":"TestBad","Output":"the reason\n"}
{"Action":"fail","Package":"p","Test":"TestBad"}
{"Action":"skip","Package":"p","Test":"TestLazy"}
{"Action":"fail","Package":"p"}
{"ImportPath":"q","Action":"build-output","Output":"q.go:1: broken\n"}
{"Action":"pass","Package":"r"}
`))
	require.NoError(t, err)
	require.Equal(t, tally{passed: 1, failed: 1, skipped: 1}, counts)
	require.Equal(t, "the reason\nq.go:1: broken\n", strings.Join(failures, ""))
}

func passing(context.Context) (tally, error) { return tally{passed: 2}, nil }

func TestAFailedStepFailsWhatNeedsItAndNothingElse(t *testing.T) {
	out := progress.NewPrinter(t.Output())
	outcomes := runSteps(t.Context(), out, []step{
		{name: "install", run: func(context.Context) (tally, error) { return tally{}, errors.New("no network") }},
		{name: "dependent", needs: []string{"install"}, run: passing},
		{name: "dependent of that", needs: []string{"dependent"}, run: passing},
		{name: "independent", run: passing},
	})
	require.ErrorContains(t, outcomes[1].err, `"install" failed`)
	require.ErrorContains(t, outcomes[2].err, `"dependent" failed`)
	require.NoError(t, outcomes[3].err)
	require.ErrorIs(t, summarize(out, outcomes), ErrFailed)
}

func TestSelectedStepsBringWhatTheyNeed(t *testing.T) {
	steps := []step{{name: "packages"}, {name: "build", needs: []string{"packages"}}, {name: "other"}, {name: "browser", needs: []string{"build"}}}
	names := func(selected ...string) []string {
		found, err := selectSteps(steps, selected)
		require.NoError(t, err)
		var names []string
		for _, s := range found {
			names = append(names, s.name)
		}
		return names
	}
	require.Equal(t, []string{"packages", "build", "browser"}, names("browser"))
	require.Equal(t, []string{"packages", "other"}, names("other", "packages"))
	_, err := selectSteps(steps, []string{"typo"})
	require.ErrorContains(t, err, `no step "typo"`)
	require.ErrorContains(t, err, stepJest, "the error lists the steps")
}

func TestStepsCanBeSelectedOneByOne(t *testing.T) {
	steps := (&suite{}).steps()
	seen := map[string]bool{}
	for _, s := range steps {
		require.NotContains(t, s.name, " ", "a name is typed on a command line")
		require.False(t, seen[s.name], "%s is there twice", s.name)
		for _, need := range s.needs {
			require.True(t, seen[need], "%s needs %s, which does not come before it", s.name, need)
		}
		seen[s.name] = true
	}
	for _, name := range []string{stepGoLint, stepGoVet, stepTypecheck, stepESLint, stepTypecheckEndToEnd, stepEndToEnd, stepJest} {
		require.True(t, seen[name], name)
	}
}

func TestUnitTestsStartNoServers(t *testing.T) {
	const module = "github.com/coldhit/modelserving-datasource"
	require.Equal(t, []string{module + "/pkg/plan", module + "/tests/captures"}, unitPackages([]string{
		module + "/pkg/plan", module + "/tests/blackbox", module + "/tests/blackbox/driver", module + "/tests/captures", module + "/tests/agreement",
	}))
	for _, folder := range serverTests {
		require.DirExists(t, filepath.Join("..", "..", folder))
	}
}

func TestASkippedTestIsAFailure(t *testing.T) {
	out := progress.NewPrinter(t.Output())
	outcomes := runSteps(t.Context(), out, []step{{name: "lazy", run: func(context.Context) (tally, error) { return tally{passed: 1, skipped: 1}, nil }}})
	require.ErrorContains(t, outcomes[0].err, "1 tests were skipped")
	require.ErrorIs(t, summarize(out, outcomes), ErrFailed)
}

func TestAllPassed(t *testing.T) {
	out := progress.NewPrinter(t.Output())
	require.NoError(t, summarize(out, runSteps(t.Context(), out, []step{{name: "good", run: passing}})))
}

func TestAStepRunsOnceMoreWhereTritonCrashedAndOnlyThere(t *testing.T) {
	s := &suite{out: progress.NewPrinter(t.Output())}
	program := func(name, script string) error {
		process, err := supervise.Start(supervise.Spec{
			Name: name, Path: "/bin/sh", Args: []string{"-c", script}, LogPath: filepath.Join(t.TempDir(), "log"),
		})
		require.NoError(t, err)
		<-process.Done()
		return fmt.Errorf("the browser tests: %w", process.Err())
	}
	crash := program(triton.Name+" with models on demand", "kill -ABRT $$")
	for name, c := range map[string]struct {
		failures []error
		runs     int
		failed   bool
	}{
		"a crash":                   {failures: []error{crash}, runs: 2},
		"a crash in a Go test":      {failures: []error{errors.New("--- FAIL\n" + modelservers.Crashed)}, runs: 2},
		"two crashes":               {failures: []error{crash, crash}, runs: 2, failed: true},
		"a crash and a failed test": {failures: []error{crash, errors.New("wrong")}, runs: 2, failed: true},
		"a failed test":             {failures: []error{errors.New("wrong")}, runs: 1, failed: true},
		"another program's crash":   {failures: []error{program("plugin", "kill -ABRT $$")}, runs: 1, failed: true},
		"a server that was ended":   {failures: []error{program(triton.Name, "kill -KILL $$")}, runs: 1, failed: true},
	} {
		runs := 0
		_, err := s.unlessCrashed(func(context.Context) (tally, error) {
			runs++
			if runs <= len(c.failures) {
				return tally{failed: 1}, c.failures[runs-1]
			}
			return tally{passed: 1}, nil
		})(t.Context())
		require.Equal(t, c.runs, runs, name)
		require.Equal(t, c.failed, err != nil, name)
	}
}

func TestVerdict(t *testing.T) {
	require.NoError(t, verdict("tool", "log", tally{passed: 1}, nil))
	require.ErrorContains(t, verdict("tool", "log", tally{}, nil), "ran no test")
	require.ErrorContains(t, verdict("tool", "log", tally{passed: 1, failed: 1}, nil), "1 tests failed")
	failure := errors.New("exit status 1")
	require.ErrorIs(t, verdict("tool", "log", tally{passed: 1}, failure), failure)
}

func TestReadReport(t *testing.T) {
	path := filepath.Join(t.TempDir(), "report.json")
	var report struct{ Count int }
	require.ErrorContains(t, readReport(path, &report), "no such file")
	require.NoError(t, os.WriteFile(path, []byte("{"), 0o600))
	require.ErrorContains(t, readReport(path, &report), path)
	require.NoError(t, os.WriteFile(path, []byte(`{"count": 3}`), 0o600))
	require.NoError(t, readReport(path, &report))
	require.Equal(t, 3, report.Count)
}
