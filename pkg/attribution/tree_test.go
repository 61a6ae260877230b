package attribution_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// tree is a proc file system of a test's making.
type tree struct {
	t    testing.TB
	root string
}

func newTree(t testing.TB) tree {
	t.Helper()
	return tree{t, t.TempDir()}
}

// proc is a process in a tree.
type proc struct {
	pid, parent int
	started     uint64
	name        string
	arguments   []string
	environment []string
	cgroup      string
	// mounts are the roots of its mounts, tcp lines of its network's sockets without their numbers.
	mounts, tcp []string
	// network is its network namespace; 1 is that of the reader.
	network int
	// files are what its descriptors point to.
	files []string
}

func (tr tree) write(pid int, name, content string) {
	tr.t.Helper()
	path := filepath.Join(tr.root, strconv.Itoa(pid), name)
	require.NoError(tr.t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(tr.t, os.WriteFile(path, []byte(content), 0o644))
}

func (tr tree) link(pid int, name, target string) {
	tr.t.Helper()
	path := filepath.Join(tr.root, strconv.Itoa(pid), name)
	require.NoError(tr.t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(tr.t, os.Symlink(target, path))
}

func (tr tree) add(p proc) {
	tr.t.Helper()
	if p.name == "" {
		p.name = filepath.Base(strings.Fields(p.arguments[0] + " x")[0])
	}
	if p.cgroup == "" {
		p.cgroup = "0::/user.slice"
	}
	if p.network == 0 {
		p.network = 1
	}
	tr.remove(p.pid)
	tr.write(p.pid, "stat", stat(p))
	tr.write(p.pid, "cmdline", strings.Join(p.arguments, "\x00")+"\x00")
	tr.write(p.pid, "cgroup", p.cgroup+"\n")
	environment := ""
	for _, line := range p.environment {
		environment += line + "\x00"
	}
	tr.write(p.pid, "environ", environment)
	mounts := ""
	for i, root := range p.mounts {
		mounts += fmt.Sprintf("%d 1 8:1 %s /dev/termination-log rw,relatime - ext4 /dev/sda1 rw\n", 100+i, root)
	}
	tr.write(p.pid, "mountinfo", mounts)
	table := "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
	for i, line := range p.tcp {
		table += fmt.Sprintf("%4d: %s\n", i, line)
	}
	tr.write(p.pid, "net/tcp", table)
	tr.link(p.pid, "ns/net", fmt.Sprintf("net:[%d]", p.network))
	tr.write(p.pid, "fd/.keep", "")
	require.NoError(tr.t, os.Remove(filepath.Join(tr.root, strconv.Itoa(p.pid), "fd", ".keep")))
	for i, target := range p.files {
		tr.link(p.pid, fmt.Sprintf("fd/%d", i), target)
	}
}

func (tr tree) remove(pid int) {
	tr.t.Helper()
	require.NoError(tr.t, os.RemoveAll(filepath.Join(tr.root, strconv.Itoa(pid))))
}

// self makes a process of the tree the one that reads it.
func (tr tree) self(pid int) {
	tr.t.Helper()
	tr.add(proc{pid: pid, parent: 1, arguments: []string{"modelserving-nvml"}, tcp: []string{socket("00000000:2514", 10, 1), socket("0700000A:1F42", 6, 0)}})
	require.NoError(tr.t, os.Symlink(strconv.Itoa(pid), filepath.Join(tr.root, "self")))
}

// stat is a line of /proc/<pid>/stat with what matters here.
func stat(p proc) string {
	fields := make([]string, 49)
	for i := range fields {
		fields[i] = "0"
	}
	fields[0], fields[1], fields[19] = "S", strconv.Itoa(p.parent), strconv.FormatUint(p.started+1, 10)
	return fmt.Sprintf("%d (%s) %s\n", p.pid, p.name[:min(15, len(p.name))], strings.Join(fields, " "))
}

// socket is a line of /proc/<pid>/net/tcp: local address and port in hexadecimal, state and inode.
func socket(local string, state, inode int) string {
	return fmt.Sprintf("%s 0100007F:9C40 %02X 00000000:00000000 00:00000000 00000000     0        0 %d 1 0000000000000000 100 0 0 10 0",
		local, state, inode)
}
