package suite

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/coldhit/modelserving-datasource/demo/supervise"
)

// command runs a program in the project's root. Its output goes to a log, whose path is answered, and the end of that
// into the error.
func (s *suite) command(ctx context.Context, name string, env []string, path string, args ...string) (log string, err error) {
	log = filepath.Join(s.logs, "test-"+strings.NewReplacer(" ", "-", ":", "-", "/", "-").Replace(name)+".log")
	err = supervise.Run(ctx, supervise.Spec{Name: name, Path: path, Args: args, Dir: s.root, LogPath: log, Env: append(os.Environ(), env...)},
		20*time.Second, func(elapsed time.Duration, last string) {
			if len(last) > 120 {
				last = last[:120] + "…"
			}
			s.out.Printf("   %s is at work since %.0f s: %s", name, elapsed.Seconds(), last)
		})
	return log, err
}

// goSources are the folders and files at the root with Go code.
var goSources = []string{"Magefile.go", "cmd", "dashboards", "demo", "pkg", "tests"}

func (s *suite) gofmt(ctx context.Context) (tally, error) {
	command := exec.CommandContext(ctx, "gofmt", append([]string{"-l"}, goSources...)...)
	command.Dir = s.root
	output, err := command.CombinedOutput()
	if err != nil {
		return tally{}, fmt.Errorf("gofmt: %w: %s", err, output)
	}
	if len(output) > 0 {
		return tally{}, fmt.Errorf("these files are not formatted; run gofmt -w on them:\n%s", output)
	}
	return tally{}, nil
}

func (s *suite) vet(ctx context.Context) (tally, error) {
	if _, err := s.command(ctx, "go vet", nil, "go", "vet", "./..."); err != nil {
		return tally{}, err
	}
	if _, err := s.command(ctx, "go vet Magefile.go", nil, "go", "vet", "-tags", "mage", "."); err != nil {
		return tally{}, err
	}
	for _, tag := range []string{modelServers, torchServe} {
		if _, err := s.command(ctx, "go vet "+tag, nil, "go", "vet", "-tags", tag, liveTests); err != nil {
			return tally{}, err
		}
	}
	return tally{}, nil
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
