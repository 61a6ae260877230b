// Package triton installs and starts an NVIDIA Triton Inference Server that serves the demo's models on the CPU.
package triton

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/coldhit/modelserving-datasource/demo/progress"
	"github.com/coldhit/modelserving-datasource/demo/pythonenv"
)

//go:embed requirements.txt
var requirements []byte

// Installation is an installed server.
type Installation struct {
	// Server is the tritonserver binary, Backends and Caches the folders that it loads from.
	Server, Backends, Caches string
	// python runs the models.
	python      *pythonenv.Environment
	libraryPath string
}

// Install makes a virtual environment with the server in the cache folder, once for each Python version and list of
// requirements. Python must be a version that prerequisite.Check accepts.
func Install(ctx context.Context, cache, python string, out *progress.Printer) (*Installation, error) {
	environment, err := pythonenv.Make(ctx, pythonenv.Spec{
		Name: "triton", Cache: cache, Python: python, Requirements: requirements, Out: out,
		Finish: func(ctx context.Context, environment *pythonenv.Environment) error {
			installation := describe(environment)
			if err := installation.arrangeBackend(); err != nil {
				return err
			}
			return installation.checkLibraries(ctx)
		},
	})
	if err != nil {
		return nil, err
	}
	return describe(environment), nil
}

func describe(environment *pythonenv.Environment) *Installation {
	server := filepath.Join(environment.SitePackages, "pytriton", "tritonserver")
	libraryPath := filepath.Join(environment.SitePackages, "nvidia_pytriton.libs")
	if environment.Libraries != "" {
		libraryPath += string(os.PathListSeparator) + environment.Libraries
	}
	return &Installation{
		Server:      filepath.Join(server, "bin", "tritonserver"),
		Backends:    filepath.Join(environment.Folder, "backends"),
		Caches:      filepath.Join(server, "caches"),
		python:      environment,
		libraryPath: libraryPath,
	}
}

// arrangeBackend puts the Python backend and the stub for this Python version into one folder, where Triton wants them.
func (i *Installation) arrangeBackend() error {
	server := filepath.Join(i.python.SitePackages, "pytriton", "tritonserver")
	folder := filepath.Join(i.Backends, "python")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for _, source := range []string{
		filepath.Join(server, "backends", "python", "libtriton_python.so"),
		filepath.Join(server, "backends", "python", "triton_python_backend_utils.py"),
		filepath.Join(server, "python_backend_stubs", i.python.Version, "triton_python_backend_stub"),
	} {
		if _, err := os.Stat(source); err != nil {
			return fmt.Errorf("incomplete package nvidia-pytriton (Python %s): %w", i.python.Version, err)
		}
		if err := os.Symlink(source, filepath.Join(folder, filepath.Base(source))); err != nil {
			return err
		}
	}
	return nil
}

// checkLibraries finds out before the start whether the loader will find everything, because Triton itself only says
// that a model could not be loaded.
func (i *Installation) checkLibraries(ctx context.Context) error {
	for _, binary := range []string{i.Server, filepath.Join(i.Backends, "python", "triton_python_backend_stub")} {
		command := exec.CommandContext(ctx, "ldd", binary)
		command.Env = i.Environment()
		output, err := command.CombinedOutput()
		if err != nil {
			return fmt.Errorf("ldd %s: %w: %s", binary, err, output)
		}
		for line := range strings.SplitSeq(string(output), "\n") {
			library, missing := strings.CutSuffix(strings.TrimSpace(line), "=> not found")
			if !missing {
				continue
			}
			advice := "install the package of your system that has it"
			if strings.HasPrefix(library, "libpython") {
				advice = "on Debian or Ubuntu: apt-get install libpython" + i.python.Version
			}
			return fmt.Errorf("missing library %sof %s: %s", library, filepath.Base(binary), advice)
		}
	}
	return nil
}

// Environment is the environment to start the server with.
func (i *Installation) Environment() []string {
	return i.python.Variables("PYTHONPATH="+i.python.SitePackages, "LD_LIBRARY_PATH="+i.libraryPath)
}
