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

var errNoAddress = errors.New("no usable address in the server's network: it has none but loopback and link-local ones; " +
	"set metrics.address in a rule of your own")

// host is where the process's network can be reached from here: loopback if it is this program's own, else one of the addresses that
// it has: POD_IP if that is one, or that at which most connections are open, or the first. What a process says of itself is not to be
// believed, so that none has this program call on others.
func (a *Attributor) host(p *process) (string, error) {
	if a.sharesNetwork(p) {
		return "127.0.0.1", nil
	}
	var all []net.IP
	if a.settings.Addresses != nil {
		var err error
		if all, err = a.settings.Addresses(p.PID); err != nil {
			return "", err
		}
		all = slices.DeleteFunc(all, func(ip net.IP) bool { return !ip.IsGlobalUnicast() })
	}
	if said := net.ParseIP(p.variable("POD_IP")); slices.ContainsFunc(all, said.Equal) {
		return said.String(), nil
	}
	sockets, err := p.sockets()
	if err != nil {
		return "", err
	}
	if most := mostConnected(sockets); most != "" {
		return most, nil
	}
	if len(all) == 0 {
		return "", errNoAddress
	}
	return all[0].String(), nil
}

// mostConnected is the address at which most connections are open; empty if there are none.
func mostConnected(sockets []tcpSocket) string {
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
	return most
}

// sharesNetwork is whether the process is in this program's network namespace.
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
		return a.sharesSockets(self, p)
	}
	return own["net"].Inode == theirs["net"].Inode
}

// sharesSockets is whether the process sees sockets that this program sees, which have one number whoever sees them. Everybody may
// look at them. Where one of the two sees none, they are taken to be in one network.
func (a *Attributor) sharesSockets(self procfs.Proc, p *process) bool {
	own, err := (&process{Proc: self, root: a.settings.Procfs}).sockets()
	if err != nil {
		return true
	}
	theirs, err := p.sockets()
	if err != nil {
		return true
	}
	seen := map[uint64]bool{}
	for _, s := range own {
		seen[s.inode] = s.inode != 0
	}
	others := false
	for _, s := range theirs {
		if seen[s.inode] {
			return true
		}
		others = others || s.inode != 0
	}
	return !others || len(seen) == 0
}

// hostOf is where a server of the process is asked that says it listens at an address, which may be empty. What a process
// says is not trusted: unless it listens there itself, nobody is asked, so that no process has this program call on others.
func (a *Attributor) hostOf(p *process, said string, port uint16) (string, error) {
	ip := net.ParseIP(strings.Trim(said, "[]"))
	if said == "" || said == "*" || said == "localhost" || (ip != nil && (ip.IsUnspecified() || ip.IsLoopback())) {
		return a.host(p)
	}
	if ip == nil {
		return "", fmt.Errorf("invalid IP address %q", said)
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
	return "", fmt.Errorf("no listener at %s in the server's network", net.JoinHostPort(ip.String(), strconv.Itoa(int(port))))
}
