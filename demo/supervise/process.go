// Package supervise starts other programs, each in a process group of its own, and sees to it that they end, with all
// that they started.
package supervise

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// Spec says what to start.
type Spec struct {
	// Name is what the program is called in messages.
	Name string
	Path string
	Args []string
	// Env is the whole environment; nil means this process's own.
	Env []string
	Dir string
	// LogPath is the file that takes the program's output; it is overwritten.
	LogPath string
	// Cleanup, where set, is called after the program's end for what does not end with its process group.
	Cleanup func()
}

// Process is a started program. Its methods may be used from several goroutines.
type Process struct {
	spec    Spec
	pid     int
	command *exec.Cmd
	done    chan struct{}
	err     error
	// stopped is set before Stop ends the program.
	stopped atomic.Bool
}

// Start starts a program in a process group of its own, so that a Ctrl-C at the terminal reaches only this process,
// which then ends the others in order. Should this process be killed, the kernel ends the program.
func Start(spec Spec) (*Process, error) {
	if err := os.MkdirAll(filepath.Dir(spec.LogPath), 0o755); err != nil {
		return nil, fmt.Errorf("log folder of %s: %w", spec.Name, err)
	}
	log, err := os.Create(spec.LogPath)
	if err != nil {
		return nil, fmt.Errorf("log of %s: %w", spec.Name, err)
	}
	command := exec.Command(spec.Path, spec.Args...) //nolint:noctx // Stop ends it, with its children
	command.Env, command.Dir = spec.Env, spec.Dir
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = newGroupAttributes()

	p := &Process{spec: spec, command: command, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The kernel ties the child to the thread that started it, so that thread has to live as long as the child.
		runtime.LockOSThread()
		defer log.Close()
		err := command.Start()
		if err == nil {
			p.pid = command.Process.Pid
		}
		started <- err
		if err != nil {
			return
		}
		p.err = command.Wait()
		// What the program started goes with it.
		_ = syscall.Kill(-p.pid, syscall.SIGKILL)
		if spec.Cleanup != nil {
			spec.Cleanup()
		}
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.Name, err)
	}
	return p, nil
}

// PID is the process id, and that of the process group.
func (p *Process) PID() int { return p.pid }

// Name is the name in the spec.
func (p *Process) Name() string { return p.spec.Name }

// LogPath is the file of the program's output.
func (p *Process) LogPath() string { return p.spec.LogPath }

// Done is closed when the program has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// shownLines is how much of a program's output an error quotes.
const shownLines = 40

// ExitError is the error of a program that ended by itself.
type ExitError struct {
	// Name is that of the spec, Output the end of what the program wrote, with the file that has all of it.
	Name, Output string
	// Status is nil after status 0.
	Status error
}

func (e *ExitError) Error() string {
	status := "ended"
	if e.Status != nil {
		status = "ended with " + e.Status.Error()
	}
	return fmt.Sprintf("%s %s\n%s", e.Name, status, e.Output)
}

func (e *ExitError) Unwrap() error { return e.Status }

// Crashed says whether the program brought itself down, by a failed assertion or a wrong access to memory.
func (e *ExitError) Crashed() bool {
	var exit *exec.ExitError
	if !errors.As(e.Status, &exit) {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && slices.Contains([]syscall.Signal{syscall.SIGABRT, syscall.SIGBUS, syscall.SIGSEGV}, status.Signal())
}

// Err is an *ExitError. Call it after Done is closed.
func (p *Process) Err() error {
	return &ExitError{Name: p.spec.Name, Status: p.err, Output: p.outputEnd()}
}

// outputEnd is the end of what the program wrote so far.
func (p *Process) outputEnd() string {
	return fmt.Sprintf("the end of %s:\n%s", p.spec.LogPath, LastLines(p.spec.LogPath, shownLines))
}

// Stop terminates the program's group and kills it after the grace period. It returns when the program is gone.
func (p *Process) Stop(grace time.Duration) {
	select {
	case <-p.done:
		return
	default:
	}
	p.stopped.Store(true)
	_ = syscall.Kill(-p.pid, syscall.SIGTERM)
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
		_ = syscall.Kill(-p.pid, syscall.SIGKILL)
		<-p.done
	}
}

// Run starts a program and waits for its end. When the context ends first, the program is stopped. While it runs,
// alive is called every interval with the time that it has taken so far and the last line that it wrote.
func Run(ctx context.Context, spec Spec, interval time.Duration, alive func(elapsed time.Duration, lastLine string)) error {
	p, err := Start(spec)
	if err != nil {
		return err
	}
	begin := time.Now()
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-p.done:
			if p.err != nil {
				return p.Err()
			}
			return nil
		case <-ctx.Done():
			p.Stop(2 * time.Second)
			return context.Cause(ctx)
		case <-ticker.C:
			alive(time.Since(begin), LastLines(spec.LogPath, 1))
		}
	}
}

// tailBytes bounds how much of a log is read to find its last lines.
const tailBytes = 16 << 10

// LastLines are the last lines of a file, at most count of them, without empty ones. Where the file cannot be read,
// it says so instead.
func LastLines(path string, count int) string {
	file, err := os.Open(path)
	if err != nil {
		return "(" + err.Error() + ")"
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && info.Size() > tailBytes {
		if _, err := file.Seek(-tailBytes, io.SeekEnd); err != nil {
			return "(" + err.Error() + ")"
		}
	}
	content, err := io.ReadAll(io.LimitReader(file, tailBytes))
	if err != nil {
		return "(" + err.Error() + ")"
	}
	var lines []string
	for line := range strings.SplitSeq(string(content), "\n") {
		if line = strings.TrimRight(line, " \r\t"); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines[max(0, len(lines)-count):], "\n")
}

// ErrParentGone is the cause of a context that ended because the process that started this one is no more.
var ErrParentGone = errors.New("the process that started this one has ended")

// WithParent is a context that also ends when this process's parent does: whoever started it can no longer stop it.
func WithParent(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(parent)
	starter := os.Getppid()
	go func() {
		ticker := time.NewTicker(200 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				if os.Getppid() != starter {
					cancel(ErrParentGone)
					return
				}
			}
		}
	}()
	return ctx, func() { cancel(context.Canceled) }
}
