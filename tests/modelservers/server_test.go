//go:build modelservers || torchserve

package modelservers

import (
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/demo/freeport"
	"github.com/coldhit/modelserving-datasource/demo/prerequisite"
	"github.com/coldhit/modelserving-datasource/demo/progress"
	"github.com/coldhit/modelserving-datasource/demo/pythonenv"
	"github.com/coldhit/modelserving-datasource/demo/stack"
	"github.com/coldhit/modelserving-datasource/demo/supervise"
	"github.com/coldhit/modelserving-datasource/demo/triton"
)

//go:embed programs
var programs embed.FS

const (
	// The pinned packages have wheels for these Pythons, 3.11 and 3.12.
	oldestPython = 11
	newestPython = 12
	// readyTimeout bounds a start; the slowest, Ray Serve, takes some 20 s on two free cores.
	readyTimeout = 3 * time.Minute
	pollEvery    = 250 * time.Millisecond
	// mostStarts is how often a server is started that ends before it is ready.
	mostStarts = 3
)

// installed is a model server's virtual environment and a copy of its programs in a folder that the test may write to.
type installed struct {
	t      *testing.T
	name   string
	cache  string
	folder string
	env    *pythonenv.Environment
}

// install makes a server's virtual environment, once for each list of requirements.
func install(t *testing.T, name string) *installed {
	t.Helper()
	cache, err := stack.CacheFolder()
	require.NoError(t, err)
	python, _, err := prerequisite.Python(t.Context(), oldestPython, newestPython)
	require.NoError(t, err)
	requirements, err := programs.ReadFile("programs/" + name + "/requirements.txt")
	require.NoError(t, err)
	env, err := pythonenv.Make(t.Context(), pythonenv.Spec{
		Name: name, Cache: cache, Python: python, Requirements: requirements, Out: progress.NewPrinter(t.Output()),
	})
	require.NoError(t, err)
	folder := filepath.Join(scratch, name)
	// What a server started may write for a moment longer than it lives.
	t.Cleanup(func() {
		require.Eventually(t, func() bool { return os.RemoveAll(folder) == nil }, stopGrace, pollEvery, "%s cannot be removed", folder)
	})
	own, err := fs.Sub(programs, "programs/"+name)
	require.NoError(t, err)
	require.NoError(t, os.CopyFS(folder, own))
	return &installed{t: t, name: name, cache: cache, folder: folder, env: env}
}

// command is a program of the virtual environment.
func (i *installed) command(name string) string { return filepath.Join(i.env.Bin, name) }

// run runs a program to its end, in the server's folder.
func (i *installed) run(name string, args ...string) {
	i.t.Helper()
	err := supervise.Run(i.t.Context(), supervise.Spec{
		Name: name, Path: i.command(name), Args: args, Dir: i.folder, Env: i.env.Variables(), LogPath: i.log(name),
	}, time.Minute, func(time.Duration, string) {})
	require.NoError(i.t, err)
}

func (i *installed) log(program string) string {
	return filepath.Join(i.cache, "logs", "modelservers-"+i.name+"-"+program+".log")
}

// start starts the server, until the test ends, and returns when readyURL answers 200. A server that ends before that is
// started again, because a busy host makes Ray miss its own deadlines; one that hangs is not.
func (i *installed) start(readyURL string, variables []string, program string, args ...string) {
	i.t.Helper()
	spec := supervise.Spec{
		Name: i.name, Path: i.command(program), Args: args, Dir: i.folder, Env: i.env.Variables(variables...), LogPath: i.log("server"),
	}
	for attempt := 1; ; attempt++ {
		process, err := running.Start(spec)
		require.NoError(i.t, err)
		i.t.Cleanup(func() { process.Stop(stopGrace) })
		begin := time.Now()
		err = process.AwaitOK(i.t.Context(), readyURL, readyTimeout)
		i.t.Logf("%s, start %d, took %.1f s: %v", i.name, attempt, time.Since(begin).Seconds(), err)
		if err == nil {
			return
		}
		var ended *supervise.ExitError
		require.ErrorAs(i.t, err, &ended)
		require.Less(i.t, attempt, mostStarts, "%v", err)
	}
}

// stopAfter stops a Triton, and all else that runs, when the test has ended, and says where it ended before that.
func stopAfter(t *testing.T, server *triton.Server) {
	t.Cleanup(func() {
		err := server.Err()
		if triton.IsCrash(err) {
			t.Log(Crashed)
		}
		if err != nil {
			t.Log(err)
		}
		running.Stop(stopGrace)
	})
}

// write writes a file into the server's folder.
func (i *installed) write(name, content string) {
	i.t.Helper()
	path := filepath.Join(i.folder, name)
	require.NoError(i.t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(i.t, os.WriteFile(path, []byte(content), 0o644))
}

func ports(t *testing.T, count int) []int {
	t.Helper()
	found, err := freeport.Find(count)
	require.NoError(t, err)
	return found
}

// loopback is a URL on this host.
func loopback(port int, path string) string { return fmt.Sprintf("http://127.0.0.1:%d%s", port, path) }
