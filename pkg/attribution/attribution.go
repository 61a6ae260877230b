// Package attribution finds out whose the processes on a GPU are: their container, their pod, and the model or models that
// they run. What a process uses is shared out among its models so that the parts add up to the whole.
package attribution

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

// Process is what the driver tells of one process on one device.
type Process struct {
	// Device is the uuid of the GPU or MIG device.
	Device string
	// GPU is the driver's index of the GPU, and Product its name.
	GPU, Product   string
	PID            uint32
	MemoryBytes    uint64
	HasMemory      bool
	Utilization    float64 // share of the time in which the process computes, 0 to 1
	HasUtilization bool
}

// Owner is where a process comes from. What is not known, or does not apply, is empty.
type Owner struct {
	// Name is the process's own, as the kernel has it (15 bytes at most).
	Name string
	// Container is the container's name in its pod, else the first digits of its id.
	Container, Pod, Namespace string
	// CgroupID is the container's id, or the systemd service of a process in no container.
	CgroupID string
}

// Provenance of a share.
const (
	// Measured is a reading of the driver's that belongs to one model as a whole, or to none.
	Measured = "measured"
	// Estimated is a part of a reading, in proportion to what the server says that it computed for each model.
	Estimated = "estimated"
)

// ModelShare is one model's part of a process on a device. Model is empty for what belongs to no model that is known.
type ModelShare struct {
	Device, Model, Version, Server string
	MemoryBytes                    float64
	Utilization                    float64 // share of the time, 0 to 1
	HasMemory, HasUtilization      bool
	Provenance                     string
	PID                            uint32
}

// Settings of an Attributor. Zero values stand for the defaults.
type Settings struct {
	// Procfs is where the proc file system of the processes is mounted: /proc.
	Procfs string
	// Rules are held against processes in order: DefaultRules.
	Rules []Rule
	// PodName names a pod by its uid; nil, or two empty strings, if it is not known.
	PodName func(uid string) (namespace, name string)
	// Addresses lists the addresses of the network that a process is in; nil if they are not known.
	Addresses func(pid int) ([]net.IP, error)
	// Interval is how often servers with several models are asked what they computed: 5 s.
	Interval time.Duration
	// Window is how far back a model's computing counts for its share: 15 s.
	Window time.Duration
	// Timeout bounds one answer of a server: 2 s.
	Timeout time.Duration
}

const (
	// rereadAfter is how long a process is taken to run what it ran: some change their command lines.
	rereadAfter = 10 * time.Second
	// rememberFor is how long a process is remembered that has ended: the driver's samples reach back.
	rememberFor = time.Minute
)

// Attributor knows the processes of a host. It is safe for concurrent use.
type Attributor struct {
	settings Settings
	proc     procfs.FS
	pages    *pages

	mutex sync.Mutex
	known map[uint32]*knownProcess
	// anySeen is whether a process of the driver's was ever found here.
	anySeen bool
	// hidden is whether processes of others are hidden, known once it was asked.
	hidden *bool
}

// knownProcess is a process that was read.
type knownProcess struct {
	started    uint64
	read, seen time.Time
	owner      Owner
	claim      claim
}

// New fails if there is no proc file system, or a default rule is not valid.
func New(s Settings) (*Attributor, error) {
	if s.Procfs == "" {
		s.Procfs = procfs.DefaultMountPoint
	}
	if s.Rules == nil {
		known, err := DefaultRules()
		if err != nil {
			return nil, err
		}
		s.Rules = known
	}
	for _, d := range []struct {
		set   *time.Duration
		value time.Duration
	}{{&s.Interval, 5 * time.Second}, {&s.Window, 15 * time.Second}, {&s.Timeout, 2 * time.Second}} {
		if *d.set == 0 {
			*d.set = d.value
		}
		if *d.set < 0 {
			return nil, fmt.Errorf("invalid duration %s: interval, window and timeout must be above zero", *d.set)
		}
	}
	proc, err := procfs.NewFS(s.Procfs)
	if err != nil {
		return nil, fmt.Errorf("no procfs at %s: set --path.procfs: %w", s.Procfs, err)
	}
	client, err := newHTTPClient(s.Timeout)
	if err != nil {
		return nil, fmt.Errorf("HTTP client for metrics pages: %w", err)
	}
	return &Attributor{
		settings: s, proc: proc, known: map[uint32]*knownProcess{},
		pages: &pages{client: client, settings: s, known: map[pageKey]*page{}, wake: make(chan struct{}, 1)},
	}, nil
}

// Run asks servers for what they compute until the context ends, whose error it answers. Without it, what a process of
// several models uses belongs to none.
func (a *Attributor) Run(ctx context.Context) error {
	defer a.pages.client.CloseIdleConnections()
	a.pages.run(ctx, a)
	return ctx.Err()
}

// Attribute names the owner of each process that can be read, and shares each process out among models: for each process and
// device, the shares add up to exactly what it uses, memory in whole bytes. Problems are *Problem; they, and a context that
// ends early, leave shares without a model, never out.
func (a *Attributor) Attribute(ctx context.Context, processes []Process) (map[uint32]Owner, []ModelShare, []error) {
	var found processErrors
	met := a.lookUpAll(ctx, processes, &found)
	owners := map[uint32]Owner{}
	uses := map[int]*use{}
	for _, p := range processes {
		if m := met[p.PID]; m != nil {
			owners[p.PID] = m.owner
			if uses[m.claim.owner] == nil {
				uses[m.claim.owner] = &use{on: map[string]uint64{}}
			}
			uses[m.claim.owner].add(p)
		}
	}
	var shares []ModelShare
	for _, p := range processes {
		m := met[p.PID]
		if m == nil {
			shares = append(shares, wholeShare(p, claim{}))
			continue
		}
		if m.claim.problem != nil {
			found.add(m.claim.problem, p.PID)
		}
		shares = append(shares, a.share(p, m.claim, uses[m.claim.owner], &found)...)
	}
	return owners, shares, found.errors()
}

// lookUpAll reads the processes that are not known, each once. Those that cannot be read are missing.
func (a *Attributor) lookUpAll(ctx context.Context, processes []Process, found *processErrors) map[uint32]*knownProcess {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	out := map[uint32]*knownProcess{}
	seen := map[uint32]bool{}
	var unseen processErrors
	for _, p := range processes {
		if seen[p.PID] {
			continue
		}
		if ctx.Err() != nil {
			break
		}
		seen[p.PID] = true
		m, problem := a.lookUp(p.PID)
		if m != nil {
			out[p.PID] = m
		}
		if problem != nil {
			unseen.add(problem, p.PID)
		}
	}
	a.anySeen = a.anySeen || len(out) > 0
	for _, p := range unseen.order {
		if p.Kind == ProcessGone && !a.anySeen {
			p = &ProcessError{Kind: NoProcessVisible, PIDs: p.PIDs, cause: p.cause, Sentence: fmt.Sprintf(
				"None of the driver's processes is in %s: it belongs to another process namespace than the driver's. "+
					"Run in the host's (hostPID in Kubernetes, --pid=host in docker), or mount the host's and set --path.procfs.", a.settings.Procfs)}
		}
		for _, pid := range p.PIDs {
			found.add(p, pid)
		}
	}
	for pid, m := range a.known {
		if time.Since(m.seen) > rememberFor {
			delete(a.known, pid)
		}
	}
	return out
}

// lookUp answers what is known of a process. One that has just ended is still known.
func (a *Attributor) lookUp(pid uint32) (*knownProcess, *ProcessError) {
	m := a.known[pid]
	started, err := a.started(pid)
	var problem *ProcessError
	switch {
	case err != nil && isGone(err) && m == nil && a.hidesProcesses():
		return nil, &ProcessError{Kind: NoPermission, cause: err, Sentence: "Processes of other users are hidden: " + a.settings.Procfs +
			" is mounted with hidepid. Run as root or with the capability SYS_PTRACE, or as a member of the mount's group."}
	case err != nil && isGone(err):
		return m, unreadable("A process", err)
	case err != nil:
		return m, unreadable("The state of a process", err)
	case m != nil && m.started != started:
		problem = &ProcessError{Kind: ProcessReplaced, Sentence: "Another process has the process id of one that ended. Earlier readings may belong to either."}
	case m != nil && time.Since(m.read) < rereadAfter:
		m.seen = time.Now()
		return m, nil
	}
	p, err := a.read(int(pid))
	if err != nil {
		delete(a.known, pid)
		return nil, unreadable("The command line or the control groups of a process", err)
	}
	now := time.Now()
	m = &knownProcess{started: p.started, read: now, seen: now, owner: a.ownerOf(p), claim: a.claimOf(p)}
	a.known[pid] = m
	return m, problem
}

func (a *Attributor) started(pid uint32) (uint64, error) {
	proc, err := a.proc.Proc(int(pid))
	if err != nil {
		return 0, err
	}
	stat, err := proc.Stat()
	return stat.Starttime, err
}

func isGone(err error) bool { return errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ESRCH) }
