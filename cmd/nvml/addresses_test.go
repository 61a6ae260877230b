//go:build linux && cgo

package main

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

const trie = `Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     |-- 127.0.0.1
        /32 host LOCAL
     +-- 10.1.0.0/24 2 0 2
        |-- 10.1.0.0
           /24 link UNICAST
        |-- 10.1.0.7
           /32 host LOCAL
        |-- 10.1.0.255
           /32 link BROADCAST
Local:
     |-- 10.1.0.7
        /32 host LOCAL
`

func TestAddressesOfANetwork(t *testing.T) {
	t.Parallel()
	procfs := t.TempDir()
	folder := filepath.Join(procfs, "11", "net")
	require.NoError(t, os.MkdirAll(folder, 0o755))
	known := networks{procfs}
	_, err := known.addressesOf(11)
	require.ErrorIs(t, err, os.ErrNotExist)

	require.NoError(t, os.WriteFile(filepath.Join(folder, "fib_trie"), []byte(trie), 0o600))
	addresses, err := known.addressesOf(11)
	require.NoError(t, err, "a host without IPv6")
	require.Equal(t, "[127.0.0.1 10.1.0.7]", text(addresses))

	inet6 := "fd000000000000000000000000000007 04 40 20 80     eth0\nnonsense\n00000000000000000000000000000001 01 80 10 80       lo\n"
	require.NoError(t, os.WriteFile(filepath.Join(folder, "if_inet6"), []byte(inet6), 0o600))
	addresses, err = known.addressesOf(11)
	require.NoError(t, err)
	require.Equal(t, "[127.0.0.1 10.1.0.7 fd00::7 ::1]", text(addresses))
}

func text(addresses []net.IP) string {
	s := "["
	for i, a := range addresses {
		if i > 0 {
			s += " "
		}
		s += a.String()
	}
	return s + "]"
}

// TestAddressesOfThisNetwork has what the kernel itself writes.
func TestAddressesOfThisNetwork(t *testing.T) {
	t.Parallel()
	addresses, err := networks{"/proc"}.addressesOf(os.Getpid())
	require.NoError(t, err)
	own, err := net.InterfaceAddrs()
	require.NoError(t, err)
	for _, a := range own {
		ip, _, err := net.ParseCIDR(a.String())
		require.NoError(t, err)
		require.Contains(t, text(addresses), ip.String())
	}
}
