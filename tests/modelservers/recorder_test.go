//go:build modelservers

package modelservers

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/demo/stack"
	"github.com/coldhit/modelserving-datasource/demo/supervise"
)

// recorderProgram builds the recorder, once for all tests.
var recorderProgram = sync.OnceValues(func() (string, error) {
	program := filepath.Join(scratch, "modelserving-recorder")
	build := exec.Command("go", "build", "-o", program, "./cmd/recorder")
	build.Dir = filepath.Join("..", "..")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("the recorder does not build: %w\n%s", err, output)
	}
	return program, nil
})

// recording is a running recorder.
type recording struct {
	t *testing.T
	// address is host and port that requests go to, metrics the URL to scrape.
	address, metrics string
}

// record starts the recorder with a configuration, but for its addresses.
func record(t *testing.T, name, config string) *recording {
	t.Helper()
	program, err := recorderProgram()
	require.NoError(t, err)
	cache, err := stack.CacheFolder()
	require.NoError(t, err)
	free := ports(t, 2)
	r := &recording{t: t, address: fmt.Sprintf("127.0.0.1:%d", free[0]), metrics: loopback(free[1], "/metrics")}
	path := filepath.Join(scratch, name+".yaml")
	require.NoError(t, os.WriteFile(path, fmt.Appendf(nil, "listen: %s\nadmin: 127.0.0.1:%d\n%s", r.address, free[1], config), 0o600))
	process, err := running.Start(supervise.Spec{
		Name: name, Path: program, Args: []string{"-config", path}, Dir: scratch, LogPath: filepath.Join(cache, "logs", "modelservers-"+name+".log"),
	})
	require.NoError(t, err)
	t.Cleanup(func() { process.Stop(stopGrace) })
	require.NoError(t, process.AwaitOK(t.Context(), loopback(free[1], "/healthz"), readyTimeout))
	return r
}

func (r *recording) url() string { return "http://" + r.address }

// count sums the requests that were counted with labels, a regular expression over what is between the braces.
func (r *recording) count(labels string) int {
	r.t.Helper()
	response, err := http.Get(r.metrics)
	require.NoError(r.t, err)
	defer response.Body.Close()
	page, err := io.ReadAll(response.Body)
	require.NoError(r.t, err)
	sum := 0.0
	for _, found := range regexp.MustCompile(`(?m)^modelserving_requests_total\{([^}]*)\} (\S+)`).FindAllSubmatch(page, -1) {
		if regexp.MustCompile(labels).Match(found[1]) {
			value, err := strconv.ParseFloat(string(found[2]), 64)
			require.NoError(r.t, err)
			sum += value
		}
	}
	return int(sum)
}

// await waits until so many requests were counted with labels; the verdict about one may come after its response.
func (r *recording) await(labels string, want int) {
	r.t.Helper()
	require.Eventually(r.t, func() bool { return r.count(labels) == want }, scrapeTimeout, pollEvery, "not %d requests with %s", want, labels)
}
