package suite

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/coldhit/modelserving-datasource/demo/supervise"
)

// command runs a program in the project's root. It returns the path of the log with the program's output. An error contains the
// end of that log.
func (s *suite) command(ctx context.Context, name string, env []string, path string, args ...string) (log string, err error) {
	log = filepath.Join(s.logs, "test-"+strings.NewReplacer(" ", "-", ":", "-", "/", "-").Replace(name)+".log")
	err = supervise.Run(ctx, supervise.Spec{Name: name, Path: path, Args: args, Dir: s.root, LogPath: log, Env: append(os.Environ(), env...)},
		20*time.Second, func(elapsed time.Duration, last string) {
			if len(last) > 120 {
				last = last[:120] + "…"
			}
			s.out.Printf("   %s is still running (%.0f s): %s", name, elapsed.Seconds(), last)
		})
	return log, err
}

// goLint runs golangci-lint over all Go code. It is a tool of a module of its own, so that its many dependencies are not the
// plugin's. It reports what gofmt and go vet would, too.
func (s *suite) goLint(ctx context.Context) (tally, error) {
	// A low GOGC halves the memory that loading all types takes.
	_, err := s.command(ctx, stepGoLint, []string{"GOGC=50"},
		"go", "tool", "-modfile="+filepath.Join("tools", "go.mod"), "golangci-lint", "run", "--allow-parallel-runners", "./...")
	return tally{}, err
}

// goVet checks that the tests against TorchServe compile alone. The linter compiles them together with those against the other
// model servers, and no other step compiles them.
func (s *suite) goVet(ctx context.Context) (tally, error) {
	_, err := s.command(ctx, "go vet "+torchServe, nil, "go", "vet", "-tags", torchServe, liveTests)
	return tally{}, err
}

func (s *suite) dependencies(folder string) func(context.Context) (tally, error) {
	return func(ctx context.Context) (tally, error) { return tally{}, s.builder.Dependencies(ctx, folder) }
}

func (s *suite) npm(script string) func(context.Context) (tally, error) {
	return func(ctx context.Context) (tally, error) {
		_, err := s.command(ctx, "npm run "+script, nil, "npm", "run", "--silent", script)
		return tally{}, err
	}
}

func (s *suite) build(ctx context.Context) (tally, error) { return tally{}, s.builder.Build(ctx) }
