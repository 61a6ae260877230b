//go:build linux

package blackbox

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/tests/blackbox/driver"
	"github.com/coldhit/modelserving-datasource/tests/fakenvml"
	"github.com/coldhit/modelserving-datasource/tests/logbuffer"
)

// nvmlEndpoint is the real program, built on a fake of NVIDIA's library.
type nvmlEndpoint struct{ program, folder string }

func buildNVMLEndpoint(t *testing.T) nvmlEndpoint {
	t.Helper()
	root := filepath.Join("..", "..")
	e := nvmlEndpoint{folder: t.TempDir()}
	e.program = filepath.Join(e.folder, "modelserving-nvml")
	require.NoError(t, fakenvml.Build(t.Context(), root, e.folder, fakenvml.Options{}))
	build := exec.CommandContext(t.Context(), "go", "build", "-o", e.program, "./cmd/nvml")
	build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=1")
	output, err := build.CombinedOutput()
	require.NoError(t, err, "%s", output)
	return e
}

var listensAt = regexp.MustCompile(`msg="Listening on" address=(\S+)`)

// start runs the program under some names until the test ends, and answers the URL of its metrics.
func (e nvmlEndpoint) start(t *testing.T, names, scenario string) string {
	t.Helper()
	var log logbuffer.Buffer
	command := exec.Command(e.program, "-web.listen-address", "127.0.0.1:0", "-names", names, "-library", filepath.Join(e.folder, fakenvml.LibraryName))
	command.Env = append(os.Environ(), fakenvml.ScenarioVariable+"="+scenario)
	command.Stderr, command.SysProcAttr = &log, &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	var address string
	require.Eventually(t, func() bool {
		if found := listensAt.FindStringSubmatch(log.String()); found != nil {
			address = found[1]
		}
		return address != ""
	}, waitForScrape, pollEvery, "%s", &log)
	return "http://" + address + "/metrics"
}

// TestTheNVMLEndpointUnderAllItsNames has hosts of which the endpoint tells under its own names, under dcgm-exporter's and under
// both: the plugin answers the same.
func TestTheNVMLEndpointUnderAllItsNames(t *testing.T) {
	t.Parallel()
	whole, divided := fakenvml.NewHost(3), fakenvml.NewHost(3)
	divided.Divide(2, 2)
	endpoint := buildNVMLEndpoint(t)
	p := driver.Start(t, binary, t.TempDir())
	const gib = fakenvml.GiB
	for names, host := range map[string]fakenvml.Scenario{"modelserving": divided, "dcgm-exporter": divided, "both": whole} {
		scenario := filepath.Join(t.TempDir(), "scenario")
		require.NoError(t, host.Write(scenario))
		s := driver.Embedded(names, unmanaged(t, "nvml", endpoint.start(t, names, scenario)))
		of := func(gpu int) map[string]string { return map[string]string{"gpu": host.GPUs[gpu].UUID} }
		byGPU := func(signal string, statistics ...string) map[string]any {
			return within("10s", query(signal, statistics, "gpu"))
		}
		eventually(t, p, s, byGPU("gpu_utilization", "mean"), of(0), of(1))
		eventually(t, p, s, byGPU("gpu_power"), of(0), of(1), of(2))
		answers := p.Ask(s, 30*time.Second, byGPU("gpu_utilization", "mean"), byGPU("gpu_memory"), byGPU("gpu_memory_usage"), byGPU("gpu_power"),
			within("10s", query("gpu_memory", nil)), within("10s", query("gpu_power", nil)))
		for gpu := range 2 {
			require.InDelta(t, float64(gpu)/10, driver.Value(t, answers["A"], of(gpu)), 1e-6, "%s: utilization of GPU %d", names, gpu)
			require.InDelta(t, float64(gpu+1)*gib, driver.Value(t, answers["B"], of(gpu)), 1, "%s: memory of GPU %d", names, gpu)
			require.InDelta(t, float64(gpu+1)/79, driver.Value(t, answers["C"], of(gpu)), 1e-9, "%s: memory usage of GPU %d", names, gpu)
			require.InDelta(t, 100*float64(gpu+1), driver.Value(t, answers["D"], of(gpu)), 1e-6, "%s: power of GPU %d", names, gpu)
		}
		require.InDelta(t, float64(1+2+3)*gib, driver.Value(t, answers["E"], nil), 1, "%s: nothing counts twice, nor is anything missing", names)
		require.InDelta(t, 100+200+300, driver.Value(t, answers["F"], nil), 1e-6, names)
		require.Contains(t, p.Check(s).Message, map[string]string{"modelserving": "NVML endpoint", "dcgm-exporter": "dcgm-exporter", "both": "NVML endpoint"}[names])
	}
}
