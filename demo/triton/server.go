package triton

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/coldhit/modelserving-datasource/demo/fleet"
	"github.com/coldhit/modelserving-datasource/demo/freeport"
	"github.com/coldhit/modelserving-datasource/demo/supervise"
)

// Name is what the server's process is called.
const Name = "tritonserver"

// IsCrash reports whether an error is the crash of a server. Triton's Python backend does so now and then, with a
// lock_exception of boost (triton-inference-server/server, issues 5949 and 8882).
func IsCrash(err error) bool {
	var ended *supervise.ExitError
	return errors.As(err, &ended) && strings.HasPrefix(ended.Name, Name) && ended.Crashed()
}

// Server is a running Triton.
type Server struct {
	// HTTP and GRPC are the base URLs of inference and model control, Metrics is the URL to scrape.
	HTTP, GRPC, Metrics string
	process             *supervise.Process
}

// cacheBytes is the size of the response cache.
const cacheBytes = 10 << 20

// usualPorts are those of HTTP, gRPC and metrics that Triton has by default, onDemandPorts those of a second server.
var (
	usualPorts    = []int{8000, 8001, 8002}
	onDemandPorts = []int{8010, 8011, 8012}
)

// options say how a server is started.
type options struct {
	// name is what the server is called in messages.
	name   string
	folder string
	models []fleet.Model
	// onDemand loads no model at the start.
	onDemand bool
	// ports are taken if all are free, else others.
	ports []int
}

// Start starts the server on loopback ports, its usual ones if they are free, and has it load all models; WaitReady waits
// until it has.
func Start(group *supervise.Group, installation *Installation, folder string, models []fleet.Model) (*Server, error) {
	return start(group, installation, options{name: Name, folder: folder, models: models, ports: usualPorts})
}

// StartOnDemand starts a server that has no model in memory until a request loads one.
func StartOnDemand(group *supervise.Group, installation *Installation, folder string, models []fleet.Model) (*Server, error) {
	return start(group, installation, options{
		name: Name + " with models on demand", folder: folder, models: models, onDemand: true, ports: onDemandPorts,
	})
}

func start(group *supervise.Group, installation *Installation, o options) (*Server, error) {
	repository := filepath.Join(o.folder, "models")
	if err := WriteRepository(repository, o.models); err != nil {
		return nil, fmt.Errorf("write the model repository: %w", err)
	}
	// With the same ports at every start, the server is the same replica.
	ports, err := freeport.Prefer(o.ports...)
	if err != nil {
		return nil, err
	}
	memoryPrefix := fmt.Sprintf("modelserving-%d-", ports[0])
	args := []string{
		"--model-repository=" + repository,
		"--backend-directory=" + installation.Backends,
		"--backend-config=python,shm-default-byte-size=1048576",
		"--backend-config=python,shm-region-prefix-name=" + memoryPrefix,
		"--cache-directory=" + installation.Caches,
		fmt.Sprintf("--cache-config=local,size=%d", cacheBytes),
		"--model-control-mode=explicit",
		"--http-address=127.0.0.1", fmt.Sprintf("--http-port=%d", ports[0]),
		"--grpc-address=127.0.0.1", fmt.Sprintf("--grpc-port=%d", ports[1]),
		"--metrics-address=127.0.0.1", fmt.Sprintf("--metrics-port=%d", ports[2]),
		"--metrics-interval-ms=1000",
		"--metrics-config=summary_latencies=true",
		"--metrics-config=counter_latencies=true",
		"--log-info=false",
		"--exit-timeout-secs=1",
	}
	for _, model := range o.models {
		if !o.onDemand {
			args = append(args, "--load-model="+model.Name)
		}
	}
	process, err := group.Start(supervise.Spec{
		Name: o.name, Path: installation.Server, Args: args, Env: installation.Environment(), Dir: o.folder,
		LogPath: filepath.Join(o.folder, "triton.log"),
		Cleanup: func() { removeSharedMemory(memoryPrefix) },
	})
	if err != nil {
		return nil, err
	}
	return &Server{
		HTTP:    fmt.Sprintf("http://127.0.0.1:%d", ports[0]),
		GRPC:    fmt.Sprintf("http://127.0.0.1:%d", ports[1]),
		Metrics: fmt.Sprintf("http://127.0.0.1:%d/metrics", ports[2]),
		process: process,
	}, nil
}

// PID is the server's process.
func (s *Server) PID() int { return s.process.PID() }

// Err is nil while the server runs, and says how it ended after that.
func (s *Server) Err() error {
	select {
	case <-s.process.Done():
		return s.process.Err()
	default:
		return nil
	}
}

// sharedMemoryFolder is where Linux shows shared memory as files.
const sharedMemoryFolder = "/dev/shm"

// removeSharedMemory removes what the models' processes leave behind when they are killed. The name is this server's own, so
// that no other server on the host loses its memory.
func removeSharedMemory(prefix string) {
	left, err := filepath.Glob(filepath.Join(sharedMemoryFolder, prefix+"*"))
	if err != nil {
		return // the pattern is well formed
	}
	for _, path := range left {
		_ = os.Remove(path) // at worst it stays until the next boot
	}
}

// readyTimeout bounds the start; a dozen models take some ten seconds on two cores.
const readyTimeout = 3 * time.Minute

// WaitReady returns when all models are loaded.
func (s *Server) WaitReady(ctx context.Context) error {
	return s.process.AwaitOK(ctx, s.HTTP+"/v2/health/ready", readyTimeout)
}
