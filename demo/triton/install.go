// Package triton installs and starts an NVIDIA Triton Inference Server that serves the demo's models on the CPU.
package triton

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/coldhit/modelserving-datasource/demo/progress"
	"github.com/coldhit/modelserving-datasource/demo/supervise"
)

//go:embed requirements.txt
var requirements []byte

// Installation is an installed server.
type Installation struct {
	// Server is the tritonserver binary, Backends and Caches what it is told to load from.
	Server, Backends, Caches string
	// sitePackages is where the Python packages are, binFolder has the python that runs the models.
	sitePackages, binFolder string
	libraryPath             string
}

// Install makes a virtual environment with the server in the cache folder, once for each Python version and list of
// requirements. Python must be a version that prerequisite.Python accepts.
func Install(ctx context.Context, cache, python string, out *progress.Printer) (*Installation, error) {
	version, libraries, err := describePython(ctx, python)
	if err != nil {
		return nil, err
	}
	hash := sha256.Sum256(requirements)
	folder := filepath.Join(cache, fmt.Sprintf("triton-python%s-%s", version, hex.EncodeToString(hash[:4])))
	installation := describe(folder, version, libraries)
	complete := filepath.Join(folder, ".complete")
	lock, err := supervise.WaitLock(ctx, folder+".lock", func() { out.Printf("Triton: waiting for another installation") })
	if err != nil {
		return nil, err
	}
	defer lock.Unlock()
	if _, err := os.Stat(complete); err == nil {
		return installation, nil
	}
	out.Printf("Triton: installing nvidia-pytriton into %s", folder)
	// A virtual environment cannot be moved, so it is made in place and only counts with its mark.
	if err := os.RemoveAll(folder); err != nil {
		return nil, err
	}
	if err := installPackages(ctx, cache, folder, python, out); err != nil {
		return nil, err
	}
	if err := installation.arrangeBackend(version); err != nil {
		return nil, err
	}
	if err := installation.checkLibraries(ctx, version); err != nil {
		return nil, err
	}
	return installation, os.WriteFile(complete, nil, 0o644)
}

func installPackages(ctx context.Context, cache, folder, python string, out *progress.Printer) error {
	alive := func(elapsed time.Duration, last string) {
		out.Printf("Triton: still installing after %.0f s: %s", elapsed.Seconds(), last)
	}
	logs := filepath.Join(cache, "logs")
	err := supervise.Run(ctx, supervise.Spec{Name: "python -m venv", Path: python, Args: []string{"-m", "venv", folder},
		LogPath: filepath.Join(logs, "venv.log")}, 10*time.Second, alive)
	if err != nil {
		return err
	}
	list := filepath.Join(folder, "requirements.txt")
	if err := os.WriteFile(list, requirements, 0o644); err != nil {
		return err
	}
	return supervise.Run(ctx, supervise.Spec{Name: "pip install", Path: filepath.Join(folder, "bin", "python"),
		Args:    []string{"-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:", "-r", list},
		LogPath: filepath.Join(logs, "pip.log")}, 10*time.Second, alive)
}

// describePython answers the version (major.minor) and the folder of the shared libraries.
func describePython(ctx context.Context, python string) (version, libraries string, err error) {
	command := exec.CommandContext(ctx, python, "-c",
		"import sys, sysconfig; print('%d.%d' % sys.version_info[:2]); print(sysconfig.get_config_var('LIBDIR') or '')")
	var stderr bytes.Buffer
	command.Stderr = &stderr
	output, err := command.Output()
	if err != nil {
		return "", "", fmt.Errorf("ask %s for its version: %w: %s", python, err, strings.TrimSpace(stderr.String()))
	}
	version, libraries, _ = strings.Cut(strings.TrimRight(string(output), "\n"), "\n")
	return version, libraries, nil
}

func describe(folder, version, libraries string) *Installation {
	sitePackages := filepath.Join(folder, "lib", "python"+version, "site-packages")
	server := filepath.Join(sitePackages, "pytriton", "tritonserver")
	libraryPath := filepath.Join(sitePackages, "nvidia_pytriton.libs")
	if libraries != "" {
		libraryPath += string(os.PathListSeparator) + libraries
	}
	return &Installation{
		Server:       filepath.Join(server, "bin", "tritonserver"),
		Backends:     filepath.Join(folder, "backends"),
		Caches:       filepath.Join(server, "caches"),
		sitePackages: sitePackages,
		binFolder:    filepath.Join(folder, "bin"),
		libraryPath:  libraryPath,
	}
}

// arrangeBackend puts the Python backend and the stub for this Python version into one folder, where Triton wants them.
func (i *Installation) arrangeBackend(version string) error {
	server := filepath.Join(i.sitePackages, "pytriton", "tritonserver")
	folder := filepath.Join(i.Backends, "python")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for _, source := range []string{
		filepath.Join(server, "backends", "python", "libtriton_python.so"),
		filepath.Join(server, "backends", "python", "triton_python_backend_utils.py"),
		filepath.Join(server, "python_backend_stubs", version, "triton_python_backend_stub"),
	} {
		if _, err := os.Stat(source); err != nil {
			return fmt.Errorf("nvidia-pytriton lacks a file that the demo needs (Python %s): %w", version, err)
		}
		if err := os.Symlink(source, filepath.Join(folder, filepath.Base(source))); err != nil {
			return err
		}
	}
	return nil
}

// checkLibraries finds out before the start whether the loader will find everything, because Triton itself only says
// that a model could not be loaded.
func (i *Installation) checkLibraries(ctx context.Context, version string) error {
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
				advice = "on Debian or Ubuntu: apt-get install libpython" + version
			}
			return fmt.Errorf("the library %sis missing, which %s needs; %s", library, filepath.Base(binary), advice)
		}
	}
	return nil
}

// Environment is the environment to start the server with.
func (i *Installation) Environment() []string {
	env := os.Environ()
	return append(env,
		"PATH="+i.binFolder+string(os.PathListSeparator)+os.Getenv("PATH"),
		"PYTHONPATH="+i.sitePackages,
		"PYTHONDONTWRITEBYTECODE=1",
		"LD_LIBRARY_PATH="+i.libraryPath,
	)
}
