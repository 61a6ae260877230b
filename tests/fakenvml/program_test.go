//go:build linux

package fakenvml_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/tests/fakenvml"
	"github.com/coldhit/modelserving-datasource/tests/logbuffer"
)

const (
	patience = 2 * time.Minute
	often    = 50 * time.Millisecond
	// waits is the environment variable that makes this program a process that only waits for its input to end.
	waits = "FAKENVML_TEST_PROCESS"
)

// built has what all tests use: folders with the fake as new and as old drivers have it, and the program.
var built struct{ library, oldLibrary, program string }

func TestMain(m *testing.M) {
	if os.Getenv(waits) != "" {
		_, _ = io.Copy(io.Discard, os.Stdin)
		return
	}
	os.Exit(buildAndRun(m))
}

func buildAndRun(m *testing.M) int {
	folder, err := os.MkdirTemp("", "fakenvml-")
	if err == nil {
		defer func() { _ = os.RemoveAll(folder) }()
		err = build(folder)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

func build(folder string) error {
	root := filepath.Join("..", "..")
	built.library, built.oldLibrary = filepath.Join(folder, "new"), filepath.Join(folder, "old")
	built.program = filepath.Join(folder, "modelserving-nvml")
	// A program that runs as somebody else has to get there.
	if err := os.Chmod(folder, 0o755); err != nil {
		return err
	}
	for path, options := range map[string]fakenvml.Options{built.library: {}, built.oldLibrary: {OldDriver: true}} {
		if err := os.Mkdir(path, 0o755); err != nil {
			return err
		}
		if err := fakenvml.Build(context.Background(), root, path, options); err != nil {
			return err
		}
	}
	command := exec.Command("go", "build", "-o", built.program, "./cmd/nvml")
	command.Dir, command.Env = root, append(os.Environ(), "CGO_ENABLED=1")
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("go build ./cmd/nvml: %w\n%s", err, output)
	}
	return nil
}

// program is a running NVML endpoint.
type program struct {
	t        *testing.T
	address  string
	pid      int
	scenario string
	log      logbuffer.Buffer
	ended    chan struct{}
}

var listensAt = regexp.MustCompile(`msg="Listening on" address=(\S+)`)

type startOptions struct {
	scenario fakenvml.Scenario
	// library is the folder of the library, empty for none.
	library string
	args    []string
	user    *syscall.Credential
}

func start(t *testing.T, o startOptions) *program {
	t.Helper()
	folder, err := os.MkdirTemp("", "fakenvml-run-") //nolint:usetesting // other users have to reach it, which t.TempDir denies
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	require.NoError(t, os.Chmod(folder, 0o755))
	p := &program{t: t, scenario: filepath.Join(folder, "scenario"), ended: make(chan struct{})}
	p.set(o.scenario)
	args := append([]string{"-web.listen-address", "127.0.0.1:0", "-discovery-interval", "200ms", "-retry-interval", "200ms", "-window", "3s"}, o.args...)
	command := exec.Command(built.program, args...)
	command.Env = append(os.Environ(), "LD_LIBRARY_PATH="+o.library, fakenvml.ScenarioVariable+"="+p.scenario)
	command.Stderr = &p.log
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Credential: o.user}
	require.NoError(t, command.Start())
	p.pid = command.Process.Pid
	var result error
	go func() {
		result = command.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		select {
		case <-p.ended:
		case <-time.After(patience):
			_ = command.Process.Kill()
			<-p.ended
			t.Error("the program did not end when it was asked to")
		}
		if result != nil || t.Failed() {
			t.Errorf("the program ended with %v:\n%s", result, p.log.String())
		}
	})
	require.Eventually(t, func() bool {
		select {
		case <-p.ended:
			require.FailNow(t, "the program ended at once", p.log.String())
		default:
		}
		found := listensAt.FindStringSubmatch(p.log.String())
		if found == nil {
			return false
		}
		p.address = found[1]
		code, _ := p.get("/-/live")
		return code == http.StatusOK
	}, patience, often)
	return p
}

func (p *program) set(s fakenvml.Scenario) {
	p.t.Helper()
	require.NoError(p.t, s.Write(p.scenario))
}

// client keeps no connection, so that windows are those of first scrapes.
var client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 30 * time.Second}

// get answers 0 if nobody answers.
func (p *program) get(path string) (int, string) {
	response, err := client.Get("http://" + p.address + path)
	if err != nil {
		return 0, ""
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, ""
	}
	return response.StatusCode, string(body)
}

// page is a scrape.
type page map[string]*dto.MetricFamily

func (p *program) scrape() page {
	p.t.Helper()
	code, body := p.get("/metrics")
	require.Equal(p.t, http.StatusOK, code, "the program always answers scrapes")
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(body))
	require.NoError(p.t, err)
	return families
}

// until scrapes until what is seen is as wanted, and answers that scrape.
func (p *program) until(what string, wanted func(page) bool) page {
	p.t.Helper()
	var last page
	require.Eventually(p.t, func() bool {
		last = p.scrape()
		return wanted(last)
	}, patience, often, what)
	return last
}

// status is what /-/health says.
type status struct {
	State             string
	Problem           string
	Unsupported       []string
	AttributionErrors []string `json:"attribution_errors"`
	GPUs              []struct {
		GPU, Problem string
		Available    bool
		MIG          bool
	}
}

func (p *program) health() (int, status) {
	p.t.Helper()
	code, body := p.get("/-/health")
	var s status
	require.NoError(p.t, json.Unmarshal([]byte(body), &s), body)
	return code, s
}

// sum adds all series of a metric that have the labels, and counts them. Labels are name, value, name, value …
func (pg page) sum(metric string, labels ...string) (total float64, count int) {
	for _, m := range pg[metric].GetMetric() {
		if !has(m, labels) {
			continue
		}
		count++
		total += m.GetGauge().GetValue() + m.GetCounter().GetValue()
	}
	return total, count
}

func has(m *dto.Metric, labels []string) bool {
	for i := 0; i < len(labels); i += 2 {
		found := false
		for _, l := range m.GetLabel() {
			found = found || (l.GetName() == labels[i] && l.GetValue() == labels[i+1])
		}
		if !found {
			return false
		}
	}
	return true
}

func (pg page) value(metric string, labels ...string) float64 {
	total, _ := pg.sum(metric, labels...)
	return total
}

func (pg page) count(metric string, labels ...string) int {
	_, n := pg.sum(metric, labels...)
	return n
}

// process starts a process that waits, with arguments of its own, until the test or stop ends it.
func process(t *testing.T, arguments ...string) (pid int, stop func()) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	command := exec.Command(self)
	command.Args, command.Env = arguments, []string{waits + "=1"}
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	input, err := command.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	stop = sync.OnceFunc(func() {
		_ = input.Close()
		_ = command.Wait()
	})
	t.Cleanup(stop)
	return command.Process.Pid, stop
}
