//go:build linux && cgo

package main

import (
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzAddresses reads procfs's lists of a network's addresses.
func FuzzAddresses(f *testing.F) {
	f.Add("Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 10.0.0.5\n        /32 host LOCAL\n     |-- 127.0.0.1\n        /32 host LOCAL\n     |-- 10.0.0.5\n        /32 host LOCAL\n")
	f.Add("fe80000000000000021122fffe334455 02 40 20 80 eth0\n00000000000000000000000000000001 01 80 10 80 lo\n")
	f.Add("|-- x\n/32 host LOCAL\n")
	f.Add(strings.Repeat("x", 70_000))
	f.Fuzz(func(t *testing.T, text string) {
		v4, err := localAddresses(strings.NewReader(text))
		if err == nil {
			requireAddresses(t, v4, text)
		}
		v6, err := interfaceAddresses(strings.NewReader(text))
		if err == nil {
			require.LessOrEqual(t, len(v6), strings.Count(text, "\n")+1)
			for _, address := range v6 {
				require.Len(t, address, net.IPv6len)
			}
		}
	})
}

func requireAddresses(t *testing.T, found []net.IP, text string) {
	t.Helper()
	seen := map[string]bool{}
	for _, address := range found {
		require.NotNil(t, address.To16())
		require.False(t, seen[address.String()], "each once")
		seen[address.String()] = true
	}
	require.LessOrEqual(t, len(found), strings.Count(text, "|-- "))
}
