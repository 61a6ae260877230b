package attribution

import (
	"errors"
	"fmt"
	"net"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/procfs"
)

// States of sockets in procfs.
const (
	established = 1
	listening   = 10
)

// tcpSocket is one line of a process's /proc/<pid>/net/tcp or tcp6: a socket of its network namespace.
type tcpSocket struct {
	address net.IP
	port    uint16
	state   uint64
	inode   uint64
}

// sockets are those of the process's network namespace.
func (p *process) sockets() ([]tcpSocket, error) {
	own, err := procfs.NewFS(path.Join(p.root, strconv.Itoa(p.PID)))
	if err != nil {
		return nil, err
	}
	v4, err := own.NetTCP()
	if err != nil {
		return nil, err
	}
	// A host without IPv6 has no such file.
	v6, _ := own.NetTCP6()
	var out []tcpSocket
	for _, line := range slices.Concat(v4, v6) {
		out = append(out, tcpSocket{line.LocalAddr, uint16(line.LocalPort), line.St, line.Inode})
	}
	return out, nil
}

// listensOn is whether the process itself, not another of its network namespace, listens on the port.
func (p *process) listensOn(port uint16) (bool, error) {
	if p.ports == nil {
		sockets, err := p.sockets()
		if err != nil {
			return false, err
		}
		files, err := p.FileDescriptorTargets()
		if err != nil {
			return false, err
		}
		p.ports = map[uint16]bool{}
		for _, s := range sockets {
			if s.state == listening && slices.Contains(files, fmt.Sprintf("socket:[%d]", s.inode)) {
				p.ports[s.port] = true
			}
		}
	}
	return p.ports[port], nil
}

var errNoAddress = errors.New("the address of the server's network is not known: nobody is connected to it, and it has no variable POD_IP; " +
	"set metrics.address in a rule of your own, or POD_IP in the server's environment")

// host is where the process's network can be reached from here: loopback if it is this program's own, else an address of its
// own at which somebody is connected to it.
func (a *Attributor) host(p *process) (string, error) {
	if a.sharesNetwork(p) {
		return "127.0.0.1", nil
	}
	// Never this host itself: what a process says of itself is not to be believed.
	if ip := net.ParseIP(p.variable("POD_IP")); ip.IsGlobalUnicast() {
		return ip.String(), nil
	}
	sockets, err := p.sockets()
	if err != nil {
		return "", err
	}
	counts := map[string]int{}
	var most string
	for _, s := range sockets {
		if s.state != established || !s.address.IsGlobalUnicast() {
			continue
		}
		address := s.address.String()
		counts[address]++
		if most == "" || counts[address] > counts[most] || (counts[address] == counts[most] && strings.Compare(address, most) < 0) {
			most = address
		}
	}
	if most == "" {
		return "", errNoAddress
	}
	return most, nil
}

// sharesNetwork is whether the process is in this program's network namespace. Where that must not be known, it is taken to be.
func (a *Attributor) sharesNetwork(p *process) bool {
	self, err := a.proc.Self()
	if err != nil {
		return true
	}
	own, err := self.Namespaces()
	if err != nil {
		return true
	}
	theirs, err := p.Namespaces()
	if err != nil {
		return true
	}
	return own["net"].Inode == theirs["net"].Inode
}

// hostOf is where a server of the process is asked that says it listens at an address, which may be empty. What a process
// says is not trusted: unless it listens there itself, nobody is asked, so that no process has this program call on others.
func (a *Attributor) hostOf(p *process, said string, port uint16) (string, error) {
	ip := net.ParseIP(strings.Trim(said, "[]"))
	if said == "" || said == "*" || said == "localhost" || (ip != nil && (ip.IsUnspecified() || ip.IsLoopback())) {
		return a.host(p)
	}
	if ip == nil {
		return "", fmt.Errorf("its address %q is no IP address", said)
	}
	sockets, err := p.sockets()
	if err != nil {
		return "", err
	}
	for _, s := range sockets {
		if s.state == listening && s.port == port && s.address.Equal(ip) {
			return ip.String(), nil
		}
	}
	return "", fmt.Errorf("nobody listens at %s in the server's network", net.JoinHostPort(ip.String(), strconv.Itoa(int(port))))
}
