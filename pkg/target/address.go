// Package target talks to one metrics endpoint: it builds the HTTP client that a target's settings ask for, reads the
// metrics page once to see what is there, and says in a sentence why a page cannot be read.
package target

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
)

// ParseURL reads a target's address. It must be absolute, http or https, with a host; a fragment is dropped.
// The error never repeats the address, which may hold secrets.
func ParseURL(address string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSpace(address))
	if err != nil {
		return nil, errors.New("the URL cannot be read: write it as http://host:port/path")
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("the URL must start with http:// or https://")
	}
	if u.Hostname() == "" {
		return nil, errors.New("the URL names no host: write it as http://host:port/path")
	}
	u.Fragment, u.RawFragment = "", ""
	return u, nil
}

// Instance is the host and port of a URL, with the scheme's port when the URL names none.
func Instance(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = "80"
		if u.Scheme == "https" {
			port = "443"
		}
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// TrustedRoots is the system's certificate pool with the PEM certificates added to it.
func TrustedRoots(pem string) (*x509.CertPool, error) {
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("read the system's certificates: %w", err)
	}
	if !pool.AppendCertsFromPEM([]byte(pem)) {
		return nil, errors.New("the CA certificate holds no PEM certificate: it must contain -----BEGIN CERTIFICATE-----")
	}
	return pool, nil
}
