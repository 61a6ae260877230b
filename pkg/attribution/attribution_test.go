package attribution_test

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/coldhit/modelserving-datasource/pkg/attribution"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	container = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	podUID    = "2f1e0d3c-4b5a-4978-8a6b-7c8d9e0f1a2b"
	patience  = 60 * time.Second
	often     = 20 * time.Millisecond
)

func TestOwners(t *testing.T) {
	inPod := "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + strings.ReplaceAll(podUID, "-", "_") +
		".slice/cri-containerd-" + container + ".scope"
	mounts := []string{"/", "/lib/kubelet/pods/" + podUID + "/containers/server/1a2b3c4d"}
	tr := newTree(t)
	tr.add(proc{pid: 11, parent: 1, arguments: []string{"/opt/tritonserver"}, cgroup: inPod, mounts: mounts})
	tr.add(proc{pid: 12, parent: 1, arguments: []string{"a"}, cgroup: inPod, environment: []string{"HOSTNAME=chat-0"}})
	tr.add(proc{pid: 13, parent: 1, arguments: []string{"b"}, cgroup: inPod, environment: []string{"HOSTNAME=node", "POD_NAME=chat-1", "POD_NAMESPACE=llm"}})
	tr.add(proc{pid: 14, parent: 1, arguments: []string{"c"}, cgroup: "1:name=systemd:/docker/" + container + "\n0::/"})
	tr.add(proc{pid: 15, parent: 1, arguments: []string{"d"}, cgroup: "0::/system.slice/vllm.service"})

	owners, _, problems := attributor(t, attribution.Settings{Procfs: tr.root}).Attribute(t.Context(), using(11, 12, 13, 14, 15))
	require.Empty(t, problems)
	require.Equal(t, map[uint32]attribution.Owner{
		11: {Name: "tritonserver", Container: "server", CgroupID: container},
		12: {Name: "a", Container: container[:12], Pod: "chat-0", CgroupID: container},
		13: {Name: "b", Container: container[:12], Pod: "chat-1", Namespace: "llm", CgroupID: container},
		14: {Name: "c", Container: container[:12], CgroupID: container},
		15: {Name: "d", CgroupID: "vllm.service"},
	}, owners)

	named := attribution.Settings{Procfs: tr.root, PodName: func(uid string) (namespace, name string) {
		require.Equal(t, podUID, uid)
		return "production", "chat-7"
	}}
	owners, _, _ = attributor(t, named).Attribute(t.Context(), using(11))
	require.Equal(t, attribution.Owner{Name: "tritonserver", Container: "server", Pod: "chat-7", Namespace: "production", CgroupID: container}, owners[11])
}

func TestPodOfLogFolder(t *testing.T) {
	uid, namespace, pod := attribution.PodOfLogFolder("llm_chat-0_" + podUID)
	require.Equal(t, []string{podUID, "llm", "chat-0"}, []string{uid, namespace, pod})
	uid, namespace, pod = attribution.PodOfLogFolder("lost+found")
	require.Empty(t, uid+namespace+pod)
}

// problem is the one of a kind among errs.
func problem(t *testing.T, errs []error, kind attribution.ErrorKind) *attribution.ProcessError {
	t.Helper()
	for _, err := range errs {
		var p *attribution.ProcessError
		require.ErrorAs(t, err, &p)
		if p.Kind == kind {
			return p
		}
	}
	require.Failf(t, "no such problem", "%s is not among %v", kind, errs)
	return nil
}

func TestProcessesComeAndGo(t *testing.T) {
	tr := newTree(t)
	a := attributor(t, attribution.Settings{Procfs: tr.root})

	_, shares, problems := a.Attribute(t.Context(), using(11, 12))
	require.Equal(t, []uint32{11, 12}, problem(t, problems, attribution.NoProcessVisible).PIDs)
	require.ErrorContains(t, problems[0], "hostPID")
	require.Len(t, shares, 2, "what cannot be attributed is still there")
	require.Empty(t, shares[0].Model)
	require.Equal(t, 1000.0, shares[0].MemoryBytes)

	tr.add(proc{pid: 11, parent: 1, arguments: []string{"vllm", "serve", "first"}})
	_, shares, problems = a.Attribute(t.Context(), using(11, 12))
	require.Equal(t, "first", shares[0].Model)
	require.Equal(t, []uint32{12}, problem(t, problems, attribution.ProcessGone).PIDs)
	require.Len(t, problems, 1)

	tr.remove(11)
	_, shares, problems = a.Attribute(t.Context(), using(11))
	require.Equal(t, "first", shares[0].Model, "the driver's samples reach back, and so does what is known of processes")
	problem(t, problems, attribution.ProcessGone)

	tr.add(proc{pid: 11, parent: 1, started: 99, arguments: []string{"vllm", "serve", "second"}})
	_, shares, problems = a.Attribute(t.Context(), using(11))
	require.Equal(t, "second", shares[0].Model, "another process has the number")
	problem(t, problems, attribution.ProcessReplaced)
	_, _, problems = a.Attribute(t.Context(), using(11))
	require.Empty(t, problems)
}

func TestProcessOnSeveralDevices(t *testing.T) {
	tr := newTree(t)
	tr.add(proc{pid: 11, parent: 1, arguments: []string{"vllm", "serve", "m"}})
	_, shares, problems := attributor(t, attribution.Settings{Procfs: tr.root}).Attribute(t.Context(), []attribution.Process{
		{Device: "GPU-0", PID: 11, MemoryBytes: 5, HasMemory: true}, {Device: "MIG-1", PID: 11, Utilization: 0.25, HasUtilization: true},
	})
	require.Empty(t, problems)
	require.Equal(t, []attribution.ModelShare{
		{Device: "GPU-0", PID: 11, Server: "vllm", Model: "m", MemoryBytes: 5, HasMemory: true, Provenance: "measured"},
		{Device: "MIG-1", PID: 11, Server: "vllm", Model: "m", Utilization: 0.25, HasUtilization: true, Provenance: "measured"},
	}, shares)
}

// TestDamagedFiles has files of a process that are not what the kernel writes, or cannot be read.
func TestDamagedFiles(t *testing.T) {
	for _, file := range []string{"stat", "cgroup"} {
		tr := newTree(t)
		tr.add(proc{pid: 10, parent: 1, arguments: []string{"x"}})
		tr.add(proc{pid: 11, parent: 1, arguments: []string{"vllm", "serve", "m"}})
		tr.write(11, file, "nonsense")
		_, shares, problems := attributor(t, attribution.Settings{Procfs: tr.root}).Attribute(t.Context(), using(10, 11))
		require.Equal(t, []uint32{11}, problem(t, problems, attribution.Unreadable).PIDs)
		require.Len(t, shares, 2)
	}
	tr := newTree(t)
	tr.add(proc{pid: 11, parent: 1, arguments: []string{"x"}})
	require.NoError(t, os.Remove(tr.root+"/11/environ"))
	require.NoError(t, os.Mkdir(tr.root+"/11/environ", 0o755))
	_, _, problems := attributor(t, attribution.Settings{Procfs: tr.root}).Attribute(t.Context(), using(11))
	require.ErrorContains(t, problem(t, problems, attribution.Unreadable), "environment")
}

// TestHiddenProcesses has a procfs that hides the processes of others: that is not the same as processes that ended.
func TestHiddenProcesses(t *testing.T) {
	for name, c := range map[string]struct {
		options string
		// first is whether the first process is seen.
		first bool
		want  attribution.ErrorKind
	}{
		"hidden":                      {options: "rw,hidepid=invisible", want: attribution.NoPermission},
		"hidden, by number":           {options: "rw,gid=5,hidepid=2", want: attribution.NoPermission},
		"hidden from others":          {options: "rw,hidepid=2", first: true, want: attribution.ProcessGone},
		"listed, not to be looked at": {options: "rw,hidepid=1", want: attribution.ProcessGone},
		"not hidden":                  {options: "rw", want: attribution.ProcessGone},
	} {
		t.Run(name, func(t *testing.T) {
			tr := newTree(t)
			tr.self(5)
			tr.write(5, "mountinfo", "20 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n23 20 0:21 / "+tr.root+" rw,relatime - proc proc "+c.options+"\n")
			if c.first {
				tr.add(proc{pid: 1, arguments: []string{"init"}})
			}
			_, shares, problems := attributor(t, attribution.Settings{Procfs: tr.root}).Attribute(t.Context(), using(5, 11))
			require.Len(t, shares, 2)
			p := problem(t, problems, c.want)
			require.Equal(t, []uint32{11}, p.PIDs)
			if c.want == attribution.NoPermission {
				require.ErrorContains(t, p, "hidepid")
			}
		})
	}
}

// TestNoPermission reads as another user, whom the kernel forbids what it forbids.
func TestNoPermission(t *testing.T) {
	tr := newTree(t)
	tr.add(proc{pid: 11, parent: 1, arguments: []string{"x"}})
	require.NoError(t, os.Chmod(filepath.Dir(tr.root), 0o755))
	require.NoError(t, os.Chmod(tr.root+"/11/environ", 0))
	if os.Getuid() == 0 {
		// Root may read everything, but for a thread that opens files as somebody else.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		_, err := unix.SetfsuidRetUid(65534)
		require.NoError(t, err)
		defer func() { _, _ = unix.SetfsuidRetUid(0) }()
	}
	_, shares, problems := attributor(t, attribution.Settings{Procfs: tr.root}).Attribute(t.Context(), using(11))
	require.Len(t, shares, 1)
	require.ErrorContains(t, problem(t, problems, attribution.NoPermission), "SYS_PTRACE")
}

func TestContextEnds(t *testing.T) {
	tr := newTree(t)
	tr.add(proc{pid: 11, parent: 1, arguments: []string{"vllm", "serve", "m"}})
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	owners, shares, _ := attributor(t, attribution.Settings{Procfs: tr.root}).Attribute(ended, using(11))
	require.Empty(t, owners)
	require.Len(t, shares, 1)
}

func TestNewRefuses(t *testing.T) {
	_, err := attribution.New(attribution.Settings{Procfs: t.TempDir() + "/none"})
	require.ErrorContains(t, err, "--path.procfs")
	_, err = attribution.New(attribution.Settings{Interval: -1})
	require.ErrorContains(t, err, "above zero")
}
