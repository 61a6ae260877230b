package attribution_test

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/attribution"
)

// TestAddresses has servers in networks of their own, and servers that say what is not so. The reader's network is 1.
func TestAddresses(t *testing.T) {
	for name, c := range map[string]struct {
		proc    proc
		said    string
		want    string
		problem string
		// has are the addresses of the process's network.
		has []string
		// unknown is whether the process's namespaces must not be read.
		unknown bool
	}{
		"this network":              {want: "127.0.0.1"},
		"this network, any address": {said: "0.0.0.0", want: "127.0.0.1"},
		"this network, loopback":    {said: "127.0.0.2", want: "127.0.0.1"},
		"an address that it has":    {said: "10.0.0.5", proc: proc{tcp: []string{socket("0500000A:1F42", 10, 5)}}, want: "10.0.0.5"},
		"an address, another port":  {said: "10.0.0.5", proc: proc{tcp: []string{socket("0500000A:1F43", 10, 5)}}, problem: "no listener at 10.0.0.5:8002"},
		"an address of others":      {said: "192.0.2.1", problem: "no listener at 192.0.2.1:8002"},
		"a name":                    {said: "metadata.internal", problem: "invalid IP address"},
		"another network, with connections": {want: "10.0.0.7", proc: proc{network: 2, tcp: []string{
			socket("00000000:1F42", 10, 5), socket("0100007F:1F42", 1, 6), socket("0700000A:1F42", 1, 7), socket("0700000A:1F40", 1, 8), socket("0800000A:1F40", 1, 9)}}},
		"another network, without":             {proc: proc{network: 2, tcp: []string{socket("0100007F:1F42", 1, 5)}}, problem: "no usable address"},
		"another network, without connections": {proc: proc{network: 2}, has: []string{"127.0.0.1", "169.254.0.5", "10.0.0.9", "fd00::9"}, want: "10.0.0.9"},
		"another network, of loopback":         {proc: proc{network: 2}, has: []string{"127.0.0.1", "::1"}, problem: "no usable address"},
		"a network that must not be known, this one": {want: "127.0.0.1", unknown: true, proc: proc{network: 2, tcp: []string{
			socket("00000000:1F42", 10, 1), socket("0700000A:1F42", 1, 7)}}},
		"a network that must not be known, another one": {want: "10.0.0.7", unknown: true, proc: proc{network: 2, tcp: []string{
			socket("00000000:1F42", 10, 5), socket("0700000A:1F42", 1, 7)}}},
		"a network that must not be known, without sockets": {want: "127.0.0.1", unknown: true, proc: proc{network: 2}},
		"another network, told":                             {proc: proc{network: 2, environment: []string{"POD_IP=10.0.0.9"}}, has: []string{"10.0.0.8", "10.0.0.9"}, want: "10.0.0.9"},
		"another network, told an address of others":        {proc: proc{network: 2, environment: []string{"POD_IP=10.0.0.1"}}, has: []string{"10.0.0.8", "10.0.0.9"}, want: "10.0.0.8"},
		"another network, told what cannot be known":        {proc: proc{network: 2, environment: []string{"POD_IP=10.0.0.1"}}, problem: "no usable address"},
		"another network, told an address of this host":     {proc: proc{network: 2, environment: []string{"POD_IP=127.0.0.1"}}, has: []string{"127.0.0.1"}, problem: "no usable address"},
		"another network, told one of the link":             {proc: proc{network: 2, environment: []string{"POD_IP=169.254.169.254"}}, has: []string{"169.254.169.254"}, problem: "no usable address"},
	} {
		t.Run(name, func(t *testing.T) {
			tr := newTree(t)
			tr.self(5)
			c.proc.pid, c.proc.parent, c.proc.arguments = 11, 1, []string{"tritonserver"}
			tr.add(c.proc)
			if c.unknown {
				require.NoError(t, os.RemoveAll(filepath.Join(tr.root, "11", "ns")))
			}
			settings := attribution.Settings{Procfs: tr.root}
			if c.has != nil {
				settings.Addresses = func(pid int) (all []net.IP, err error) {
					require.Equal(t, 11, pid)
					for _, a := range c.has {
						all = append(all, net.ParseIP(a))
					}
					return all, nil
				}
			}
			host, err := attribution.HostOf(attributor(t, settings), 11, c.said, 8002)
			if c.problem != "" {
				require.ErrorContains(t, err, c.problem)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, host)
		})
	}
}
