// Package freeport finds loopback ports that nobody listens on.
package freeport

import (
	"fmt"
	"net"
)

// Find returns count different free ports. Another process could take one before it is used; the caller's program then
// fails to start and says so.
func Find(count int) ([]int, error) {
	ports := make([]int, 0, count)
	for range count {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		defer listener.Close() // held until all are found, so that they differ
		ports = append(ports, listener.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

// Prefer returns the wanted ports if all of them are free, else as many others.
func Prefer(wanted ...int) ([]int, error) {
	for _, port := range wanted {
		if _, err := FindFrom(port, port); err != nil {
			return Find(len(wanted))
		}
	}
	return wanted, nil
}

// FindFrom returns the first free port in [first, last].
func FindFrom(first, last int) (int, error) {
	for port := first; port <= last; port++ {
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		return port, listener.Close()
	}
	return 0, fmt.Errorf("no port from %d to %d is free", first, last)
}
