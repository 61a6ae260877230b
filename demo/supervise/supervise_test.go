package supervise

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// shell is a spec that runs a script with /bin/sh.
// patience bounds waits that end by themselves.
const patience = time.Minute

func shell(t *testing.T, name, script string) Spec {
	return Spec{Name: name, Path: "/bin/sh", Args: []string{"-c", script}, LogPath: filepath.Join(t.TempDir(), name+".log")}
}

// alive says whether a process exists and is not just waiting to be reaped.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z")
}

// pidIn waits for a process id in a file.
func pidIn(t *testing.T, path string) int {
	var pid int
	require.Eventually(t, func() bool {
		content, err := os.ReadFile(path)
		if err != nil {
			return false
		}
		pid, err = strconv.Atoi(strings.TrimSpace(string(content)))
		return err == nil
	}, patience, 10*time.Millisecond)
	return pid
}

func TestStopEndsTheProgramAndWhatItStarted(t *testing.T) {
	child := filepath.Join(t.TempDir(), "child")
	p, err := Start(shell(t, "parent", `sleep 300 & echo $! > `+child+`; wait`))
	require.NoError(t, err)
	pid := pidIn(t, child)
	require.True(t, alive(pid))
	p.Stop(5 * time.Second)
	require.False(t, alive(p.PID()))
	require.Eventually(t, func() bool { return !alive(pid) }, patience, 10*time.Millisecond)
}

func TestStopKillsWhatDoesNotEnd(t *testing.T) {
	ready := filepath.Join(t.TempDir(), "ready")
	p, err := Start(shell(t, "stubborn", `trap "" TERM; echo $$ > `+ready+`; while true; do sleep 1; done`))
	require.NoError(t, err)
	pidIn(t, ready)
	begin := time.Now()
	p.Stop(300 * time.Millisecond)
	require.False(t, alive(p.PID()))
	require.Less(t, time.Since(begin), patience)
}

func TestADeadParentLeavesNoChildren(t *testing.T) {
	child := filepath.Join(t.TempDir(), "child")
	p, err := Start(shell(t, "parent", `sleep 300 & echo $! > `+child+`; wait`))
	require.NoError(t, err)
	pid := pidIn(t, child)
	require.NoError(t, syscall.Kill(p.PID(), syscall.SIGKILL))
	<-p.Done()
	require.ErrorContains(t, p.Err(), "parent ended with signal: killed")
	require.Eventually(t, func() bool { return !alive(pid) }, patience, 10*time.Millisecond)
}

func TestACrashIsToldFromOtherEnds(t *testing.T) {
	for script, crashed := range map[string]bool{
		"kill -ABRT $$": true, "kill -SEGV $$": true, "kill -BUS $$": true,
		"kill -KILL $$": false, "kill -TERM $$": false, "exit 134": false, "exit 0": false,
	} {
		p, err := Start(shell(t, "program", script))
		require.NoError(t, err)
		<-p.Done()
		var ended *ExitError
		require.ErrorAs(t, p.Err(), &ended)
		require.Equal(t, crashed, ended.Crashed(), script)
	}
}

func TestGroupReportsTheFirstDeathWithItsLastLines(t *testing.T) {
	var group Group
	survivor, err := group.Start(shell(t, "survivor", "sleep 300"))
	require.NoError(t, err)
	_, err = group.Start(shell(t, "victim", "echo first; echo the reason >&2; exit 3"))
	require.NoError(t, err)
	died := <-group.Deaths()
	require.Equal(t, "victim", died.Name())
	require.ErrorContains(t, died.Err(), "exit status 3")
	require.ErrorContains(t, died.Err(), "the reason")
	group.Stop(5 * time.Second)
	require.False(t, alive(survivor.PID()))
}

func TestAProgramThatIsStoppedIsNoDeath(t *testing.T) {
	var group Group
	stopped, err := group.Start(shell(t, "stopped", "sleep 300"))
	require.NoError(t, err)
	stopped.Stop(5 * time.Second)
	_, err = group.Start(shell(t, "victim", "exit 3"))
	require.NoError(t, err)
	require.Equal(t, "victim", (<-group.Deaths()).Name())
}

func TestRunReportsProgressAndStopsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	reason := errors.New("enough")
	spec := shell(t, "worker", "echo at work; sleep 300")
	err := Run(ctx, spec, 20*time.Millisecond, func(_ time.Duration, last string) {
		if last == "at work" {
			cancel(reason)
		}
	})
	require.ErrorIs(t, err, reason)
}

func TestRunFailsWithTheEndOfTheOutput(t *testing.T) {
	err := Run(t.Context(), shell(t, "worker", "echo what went wrong; exit 1"), time.Hour, func(time.Duration, string) {})
	require.ErrorContains(t, err, "what went wrong")
	_, err = Start(Spec{Name: "nothing", Path: "/nonexistent/program", LogPath: filepath.Join(t.TempDir(), "log")})
	require.ErrorContains(t, err, "start nothing")
}

func TestLastLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	require.NoError(t, os.WriteFile(path, []byte(strings.Repeat("x", 2*tailBytes)+"\none\n\ntwo\r\n"), 0o600))
	require.Equal(t, "one\ntwo", LastLines(path, 2))
	require.Equal(t, "two", LastLines(path, 1))
	require.Contains(t, LastLines(path+"no", 1), "no such file")
}

func TestLockIsHeldByOneAndWaitedFor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	first, err := TryLock(path)
	require.NoError(t, err)
	_, err = TryLock(path)
	require.ErrorIs(t, err, ErrLocked)

	waiting, taken := make(chan struct{}), make(chan error, 1)
	go func() {
		lock, err := WaitLock(t.Context(), path, func() { close(waiting) })
		if err == nil {
			lock.Unlock()
		}
		taken <- err
	}()
	<-waiting
	first.Unlock()
	require.NoError(t, <-taken)
}

// The helper process is this test binary: it starts a program of its own under the supervision of this package and then
// waits for its parent's end.
const helperVariable = "SUPERVISE_TEST_HELPER"

func TestMain(m *testing.M) {
	if folder := os.Getenv(helperVariable); folder != "" {
		runHelper(folder)
		return
	}
	os.Exit(m.Run())
}

func runHelper(folder string) {
	ctx, release := WithParent(context.Background())
	defer release()
	p, err := Start(Spec{Name: "grandchild", Path: "/bin/sleep", Args: []string{"300"}, LogPath: filepath.Join(folder, "log")})
	if err != nil {
		panic(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "grandchild"), []byte(strconv.Itoa(p.PID())), 0o600); err != nil {
		panic(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "helper"), []byte(strconv.Itoa(os.Getpid())), 0o600); err != nil {
		panic(err)
	}
	<-ctx.Done()
	p.Stop(time.Second)
	if errors.Is(context.Cause(ctx), ErrParentGone) {
		_ = os.WriteFile(filepath.Join(folder, "parent-gone"), nil, 0o600)
	}
}

func TestProgramsEndWithAKilledSupervisor(t *testing.T) {
	folder := t.TempDir()
	helper := exec.Command(os.Args[0])
	helper.Env = append(os.Environ(), helperVariable+"="+folder)
	require.NoError(t, helper.Start())
	grandchild := pidIn(t, filepath.Join(folder, "grandchild"))
	pidIn(t, filepath.Join(folder, "helper"))
	require.True(t, alive(grandchild))
	require.NoError(t, helper.Process.Kill())
	require.Error(t, helper.Wait())
	require.Eventually(t, func() bool { return !alive(grandchild) }, patience, 10*time.Millisecond)
}

func TestASupervisorNoticesItsParentsEnd(t *testing.T) {
	folder := t.TempDir()
	parent := exec.Command("/bin/sh", "-c", helperVariable+"="+folder+" "+os.Args[0]+" & wait")
	require.NoError(t, parent.Start())
	grandchild := pidIn(t, filepath.Join(folder, "grandchild"))
	pidIn(t, filepath.Join(folder, "helper"))
	require.NoError(t, parent.Process.Kill())
	require.Error(t, parent.Wait())
	require.Eventually(t, func() bool {
		_, err := os.Stat(filepath.Join(folder, "parent-gone"))
		return err == nil && !alive(grandchild)
	}, patience, 20*time.Millisecond)
}
