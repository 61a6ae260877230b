package freeport

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFindAnswersDifferentPorts(t *testing.T) {
	ports, err := Find(3)
	require.NoError(t, err)
	require.Len(t, ports, 3)
	require.NotEqual(t, ports[0], ports[1])
	require.NotEqual(t, ports[1], ports[2])
	require.NotEqual(t, ports[0], ports[2])
}

func TestFindFromPassesOverWhatIsTaken(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	taken := listener.Addr().(*net.TCPAddr).Port
	_, err = FindFrom(taken, taken)
	require.ErrorContains(t, err, "is free")
	port, err := FindFrom(taken, taken+50)
	require.NoError(t, err)
	require.Greater(t, port, taken)
}
