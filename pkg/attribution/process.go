package attribution

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/prometheus/procfs"
)

// maxCommandLine bounds what expressions search, in bytes.
const maxCommandLine = 64 << 10

// process is one in procfs, read as far as it was asked for. It is not kept: its environment may hold secrets.
type process struct {
	procfs.Proc
	// root is procfs's own path, and started the start in clock ticks since boot, which with the number makes a process unique.
	root      string
	started   uint64
	parent    int
	name      string
	arguments []string
	cgroups   []string
	place     place

	environment    map[string]string
	environmentErr error
	ports          map[uint16]bool
}

// read reads a process. An error that is os.ErrNotExist means that it is gone.
func (a *Attributor) read(pid int) (*process, error) {
	proc, err := a.proc.Proc(pid)
	if err != nil {
		return nil, err
	}
	stat, err := proc.Stat()
	if err != nil {
		return nil, err
	}
	p := &process{Proc: proc, root: a.settings.Procfs, started: stat.Starttime, parent: stat.PPID, name: stat.Comm}
	if p.arguments, err = proc.CmdLine(); err != nil {
		return nil, err
	}
	groups, err := proc.Cgroups()
	if err != nil {
		return nil, err
	}
	for _, group := range groups {
		p.cgroups = append(p.cgroups, group.Path)
	}
	p.place = placeOf(p.cgroups)
	return p, nil
}

// commandLine is the arguments, joined by spaces.
func (p *process) commandLine() string {
	line := strings.Join(p.arguments, " ")
	return line[:min(len(line), maxCommandLine)]
}

// variable is one of the environment, empty if it is not set or cannot be read.
func (p *process) variable(name string) string {
	if p.environment == nil {
		p.environment = map[string]string{}
		lines, err := p.Environ()
		p.environmentErr = err
		for _, line := range lines {
			if key, value, ok := strings.Cut(line, "="); ok {
				p.environment[key] = value
			}
		}
	}
	return p.environment[name]
}

// flag is the value of an argument by name.
func (p *process) flag(name string) string {
	wanted := sameDashes(name)
	for i, argument := range p.arguments {
		key, value, inOne := strings.Cut(argument, "=")
		if sameDashes(key) != wanted {
			continue
		}
		if inOne {
			return value
		}
		if i+1 < len(p.arguments) && !strings.HasPrefix(p.arguments[i+1], "--") {
			return p.arguments[i+1]
		}
	}
	return ""
}

func sameDashes(flag string) string { return strings.ReplaceAll(flag, "_", "-") }

// argumentAfter is the first argument that is no flag behind the one whose file name is word.
func (p *process) argumentAfter(word string) string {
	for i, argument := range p.arguments {
		if argument[strings.LastIndexByte(argument, '/')+1:] != word {
			continue
		}
		if i+1 < len(p.arguments) && !strings.HasPrefix(p.arguments[i+1], "-") {
			return p.arguments[i+1]
		}
		return ""
	}
	return ""
}

// hidesProcesses is whether procfs is mounted so that processes of others look as if they were not there, as even the first one does.
func (a *Attributor) hidesProcesses() bool {
	if a.hidden == nil {
		_, err := a.proc.Proc(1)
		hidden := err != nil && a.mountedWithHidepid()
		a.hidden = &hidden
	}
	return *a.hidden
}

func (a *Attributor) mountedWithHidepid() bool {
	self, err := a.proc.Self()
	if err != nil {
		return false
	}
	mounts, err := self.MountInfo()
	if err != nil {
		return false
	}
	for _, m := range mounts {
		if m.FSType != "proc" || m.MountPoint != filepath.Clean(a.settings.Procfs) {
			continue
		}
		for _, options := range []map[string]string{m.Options, m.SuperOptions} {
			if slices.Contains([]string{"2", "4", "invisible", "ptraceable"}, options["hidepid"]) {
				return true
			}
		}
	}
	return false
}

// unreadable is the problem of a process that cannot be read.
func unreadable(what string, err error) *ProcessError {
	switch {
	case isGone(err):
		return &ProcessError{Kind: ProcessGone, cause: err,
			Sentence: "A process ended before it was looked up. Its readings in this scrape have no name."}
	case errors.Is(err, os.ErrPermission):
		return &ProcessError{Kind: NoPermission, cause: err, Sentence: fmt.Sprintf(
			"%s must not be read; run as root or with the capability SYS_PTRACE, and with the host's process namespace.", what)}
	}
	return &ProcessError{Kind: Unreadable, cause: err, Sentence: fmt.Sprintf("%s cannot be read: %s.", what, withoutPath(err))}
}

// withoutPath leaves the path with its process number away, so that the same reason reads the same.
func withoutPath(err error) string {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}
