// Package pythonenv makes Python virtual environments in the cache folder, once for each Python version and list of
// requirements.
package pythonenv

import (
	"bytes"
	"context"
	"crypto/sha256"
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

// Spec says what an environment is to hold. All fields but Finish are required.
type Spec struct {
	// Name is what the environment is called in the cache folder and in messages.
	Name string
	// Cache is the folder that keeps environments between runs, with their logs in its folder logs.
	Cache string
	// Python is the interpreter that the environment is made with.
	Python string
	// Requirements is a pip requirements file that pins everything: what it does not list is not installed.
	Requirements []byte
	// Finish, where set, adds what pip does not; without it the environment does not count as made.
	Finish func(context.Context, *Environment) error
	Out    *progress.Printer
}

// Environment is a virtual environment.
type Environment struct {
	// Folder is where it is, Bin has its python and its commands, SitePackages its packages.
	Folder, Bin, SitePackages string
	// Version is Python's, such as 3.11; Libraries is the folder of Python's shared libraries, empty where Python does not say.
	Version, Libraries string
}

// Make returns the environment for the spec, and makes it first where the cache does not have it.
func Make(ctx context.Context, spec Spec) (*Environment, error) {
	version, libraries, err := describePython(ctx, spec.Python)
	if err != nil {
		return nil, err
	}
	hash := sha256.Sum256(spec.Requirements)
	folder := filepath.Join(spec.Cache, fmt.Sprintf("%s-python%s-%s", spec.Name, version, hex.EncodeToString(hash[:4])))
	environment := &Environment{
		Folder: folder, Bin: filepath.Join(folder, "bin"), SitePackages: filepath.Join(folder, "lib", "python"+version, "site-packages"),
		Version: version, Libraries: libraries,
	}
	complete := filepath.Join(folder, ".complete")
	lock, err := supervise.WaitLock(ctx, folder+".lock", func() { spec.Out.Printf("%s: waiting for another installation", spec.Name) })
	if err != nil {
		return nil, err
	}
	defer lock.Unlock()
	if _, err := os.Stat(complete); err == nil {
		return environment, nil
	}
	spec.Out.Printf("%s: installing into %s", spec.Name, folder)
	begin := time.Now()
	// A virtual environment cannot be moved, so it is made in place and only counts with its mark.
	if err := os.RemoveAll(folder); err != nil {
		return nil, err
	}
	if err := spec.install(ctx, environment); err != nil {
		return nil, err
	}
	if spec.Finish != nil {
		if err := spec.Finish(ctx, environment); err != nil {
			return nil, err
		}
	}
	spec.Out.Printf("%s: installed in %.0f s", spec.Name, time.Since(begin).Seconds())
	return environment, os.WriteFile(complete, nil, 0o644)
}

func (s *Spec) install(ctx context.Context, environment *Environment) error {
	alive := func(elapsed time.Duration, last string) {
		s.Out.Printf("%s: still running (%.0f s): %s", s.Name, elapsed.Seconds(), last)
	}
	logs := filepath.Join(s.Cache, "logs")
	err := supervise.Run(ctx, supervise.Spec{Name: "python -m venv", Path: s.Python, Args: []string{"-m", "venv", environment.Folder},
		LogPath: filepath.Join(logs, s.Name+"-venv.log")}, 10*time.Second, alive)
	if err != nil {
		return err
	}
	list := filepath.Join(environment.Folder, "requirements.txt")
	if err := os.WriteFile(list, s.Requirements, 0o644); err != nil {
		return err
	}
	return supervise.Run(ctx, supervise.Spec{Name: "pip install", Path: filepath.Join(environment.Bin, "python"),
		Args:    []string{"-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:", "-r", list},
		LogPath: filepath.Join(logs, s.Name+"-pip.log")}, 10*time.Second, alive)
}

// Variables is this process's environment with the virtual environment's commands first on PATH, and more variables.
func (e *Environment) Variables(more ...string) []string {
	env := append(os.Environ(),
		"PATH="+e.Bin+string(os.PathListSeparator)+os.Getenv("PATH"),
		"VIRTUAL_ENV="+e.Folder,
		"PYTHONDONTWRITEBYTECODE=1",
	)
	return append(env, more...)
}

// describePython returns the version (major.minor) and the folder of the shared libraries.
func describePython(ctx context.Context, python string) (version, libraries string, err error) {
	command := exec.CommandContext(ctx, python, "-c",
		"import sys, sysconfig; print('%d.%d' % sys.version_info[:2]); print(sysconfig.get_config_var('LIBDIR') or '')")
	var stderr bytes.Buffer
	command.Stderr = &stderr
	output, err := command.Output()
	if err != nil {
		return "", "", fmt.Errorf("read the version of %s: %w: %s", python, err, strings.TrimSpace(stderr.String()))
	}
	version, libraries, _ = strings.Cut(strings.TrimRight(string(output), "\n"), "\n")
	return version, libraries, nil
}
