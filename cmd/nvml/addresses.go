//go:build linux && cgo

package main

import (
	"bufio"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// networks knows the addresses that processes' networks have, from procfs, as the kernel has them and whatever processes say.
type networks struct{ procfs string }

// addressesOf lists the addresses addressesOf the network that a process is in, IPv4 first, each once.
func (n networks) addressesOf(pid int) ([]net.IP, error) {
	folder := filepath.Join(n.procfs, strconv.Itoa(pid), "net")
	v4, err := readAddresses(filepath.Join(folder, "fib_trie"), localAddresses)
	if err != nil {
		return nil, err
	}
	v6, err := readAddresses(filepath.Join(folder, "if_inet6"), interfaceAddresses)
	if err != nil && !errors.Is(err, os.ErrNotExist) { // a host without IPv6 has no such file
		return nil, err
	}
	return append(v4, v6...), nil
}

func readAddresses(path string, parse func(io.Reader) ([]net.IP, error)) ([]net.IP, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	return parse(file)
}

// localAddresses reads fib_trie: a line "|-- <address>", and below it what routes there are to it, of which "/32 host LOCAL" is one to
// this network itself. Tables repeat each other.
func localAddresses(r io.Reader) ([]net.IP, error) {
	var found []net.IP
	var address net.IP
	known := map[string]bool{}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if leaf, ok := strings.CutPrefix(line, "|-- "); ok {
			address = net.ParseIP(leaf)
			continue
		}
		if line == "/32 host LOCAL" && address != nil && !known[address.String()] {
			known[address.String()] = true
			found = append(found, address)
		}
	}
	return found, lines.Err()
}

// interfaceAddresses reads if_inet6, whose lines begin with an address in hexadecimal.
func interfaceAddresses(r io.Reader) ([]net.IP, error) {
	var found []net.IP
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		digits, _, _ := strings.Cut(lines.Text(), " ")
		if raw, err := hex.DecodeString(digits); err == nil && len(raw) == net.IPv6len {
			found = append(found, net.IP(raw))
		}
	}
	return found, lines.Err()
}
