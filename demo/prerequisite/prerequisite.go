// Package prerequisite checks that the host has what the demo and the tests need, and says how to install what is missing.
package prerequisite

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// Host is what the checks found on this host.
type Host struct {
	// Python is a Python that Triton's package works with.
	Python string
	// Versions names what was found, for the person at the terminal.
	Versions string
}

const (
	oldestNode = 20
	// nvidia-pytriton has a backend for these Pythons, 3.8 to 3.12, and numpy 1 a package.
	oldestPython  = 8
	newestPython  = 12
	oldestGlibc   = 35 // 2.35
	installNode   = "on Debian or Ubuntu: curl -fsSL https://deb.nodesource.com/setup_22.x | sudo bash - && sudo apt-get install -y nodejs"
	installPython = "on Debian 12 or Ubuntu 22.04 and 24.04: sudo apt-get install -y python3 python3-venv libpython3-dev; elsewhere, with uv (https://docs.astral.sh/uv): uv python install 3.12"
	installGCC    = "on Debian or Ubuntu: sudo apt-get install -y gcc libc6-dev"
	probeTimeout  = 20 * time.Second
	pythonProbe   = "import sys, venv, ensurepip; print('%d.%d.%d' % sys.version_info[:3])"
)

// Check looks at the whole host and names everything that is missing in one error.
func Check(ctx context.Context) (Host, error) {
	var found Host
	var problems []error
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		problems = append(problems, fmt.Errorf("this is %s/%s: the demo needs linux/amd64, the only platform with a binary of Triton: run it on such a host or virtual machine",
			runtime.GOOS, runtime.GOARCH))
	} else if err := checkGlibc(ctx); err != nil {
		problems = append(problems, err)
	}
	if _, err := exec.LookPath("go"); err != nil {
		problems = append(problems, errors.New("go is not on PATH: install it from https://go.dev/dl and add its bin folder to PATH"))
	}
	if _, err := exec.LookPath("gcc"); err != nil {
		problems = append(problems, errors.New("gcc is not on PATH, the build of the NVML endpoint needs it: "+installGCC))
	}
	node, err := checkNode(ctx)
	if err != nil {
		problems = append(problems, err)
	}
	python, pythonVersion, err := Python(ctx, oldestPython, newestPython)
	if err != nil {
		problems = append(problems, err)
	}
	if len(problems) > 0 {
		return found, fmt.Errorf("missing prerequisites:\n%w", errors.Join(problems...))
	}
	found.Python = python
	found.Versions = fmt.Sprintf("%s, Node %s, Python %s", strings.Replace(runtime.Version(), "go", "Go ", 1), node, pythonVersion)
	return found, nil
}

var versionPattern = regexp.MustCompile(`(\d+)\.(\d+)(?:\.\d+)?`)

// version runs a command and reads the first version number in its output.
func version(ctx context.Context, name string, args ...string) (text string, major, minor int, err error) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	output, err := exec.CommandContext(ctx, name, args...).Output()
	if err != nil {
		return "", 0, 0, fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	match := versionPattern.FindStringSubmatch(string(output))
	if match == nil {
		return "", 0, 0, fmt.Errorf("no version in the output of %s %s: %q", name, strings.Join(args, " "), output)
	}
	major, _ = strconv.Atoi(match[1]) // the pattern has digits only
	minor, _ = strconv.Atoi(match[2])
	return match[0], major, minor, nil
}

func checkGlibc(ctx context.Context) error {
	text, major, minor, err := version(ctx, "getconf", "GNU_LIBC_VERSION")
	if err != nil {
		return fmt.Errorf("Triton needs the GNU C library 2.%d or newer (Debian 12, Ubuntu 22.04), none found: %w", oldestGlibc, err)
	}
	if major == 2 && minor < oldestGlibc {
		return fmt.Errorf("the GNU C library is %s, Triton needs 2.%d or newer: use Debian 12, Ubuntu 22.04 or later", text, oldestGlibc)
	}
	return nil
}

func checkNode(ctx context.Context) (string, error) {
	text, major, _, err := version(ctx, "node", "--version")
	if err != nil {
		return "", fmt.Errorf("Node.js %d or newer is not on PATH: %s", oldestNode, installNode)
	}
	if major < oldestNode {
		return "", fmt.Errorf("Node.js %s is too old, %d or newer is needed: %s", text, oldestNode, installNode)
	}
	if _, _, _, err := version(ctx, "npm", "--version"); err != nil {
		return "", fmt.Errorf("npm, a part of Node.js, is not on PATH: %s", installNode)
	}
	return text, nil
}

// Python finds a Python 3 on PATH whose minor version lies between oldest and newest and that can make virtual environments.
func Python(ctx context.Context, oldest, newest int) (path, version string, err error) {
	names := []string{"python3"} // the usual one first
	for minor := newest; minor >= oldest; minor-- {
		names = append(names, fmt.Sprintf("python3.%d", minor))
	}
	var seen []string
	for _, name := range names {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		text, problem := probePython(ctx, path, oldest, newest)
		if problem == "" {
			return path, text, nil
		}
		seen = append(seen, name+" "+problem)
	}
	if len(seen) == 0 {
		return "", "", fmt.Errorf("Python (3.%d to 3.%d) is not on PATH: %s", oldest, newest, installPython)
	}
	return "", "", fmt.Errorf("no suitable Python (3.%d to 3.%d, with venv): %s: %s", oldest, newest, strings.Join(seen, "; "), installPython)
}

func probePython(ctx context.Context, path string, oldest, newest int) (text, problem string) {
	text, major, minor, err := version(ctx, path, "-c", pythonProbe)
	switch {
	case err != nil:
		return "", "cannot make virtual environments (its venv or ensurepip module is missing)"
	case major != 3 || minor < oldest || minor > newest:
		return "", "is version " + text
	}
	return text, ""
}
