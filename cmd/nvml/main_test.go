//go:build linux && cgo

package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/nvml"
	"github.com/coldhit/modelserving-datasource/tests/logbuffer"
)

var listening = regexp.MustCompile(`msg="Listening on" address=(\S+)`)

// start runs the program on a host without a driver until the test ends, and returns its address.
func start(t *testing.T, args ...string) string {
	ctx, cancel := context.WithCancel(context.Background())
	var log logbuffer.Buffer
	ended := make(chan error, 1)
	args = append([]string{"-web.listen-address", "127.0.0.1:0", "-library", "libnvidia-ml-that-is-nowhere.so.1"}, args...)
	go func() { ended <- run(ctx, args, &log) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	var address string
	require.Eventually(t, func() bool {
		if match := listening.FindStringSubmatch(log.String()); match != nil {
			address = match[1]
		}
		return address != ""
	}, 30*time.Second, 10*time.Millisecond, "%s", &log)
	return address
}

func get(t *testing.T, client *http.Client, request *http.Request) (int, string) {
	t.Helper()
	response, err := client.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(body)
}

func TestStartsAndExplainsItselfWithoutADriver(t *testing.T) {
	address := start(t)
	page := func(path string) (int, string) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+path, nil)
		require.NoError(t, err)
		return get(t, http.DefaultClient, request)
	}
	require.Eventually(t, func() bool {
		_, body := page("/-/health")
		return bytes.Contains([]byte(body), []byte("install NVIDIA's driver"))
	}, 30*time.Second, 10*time.Millisecond)
	for path, want := range map[string]struct {
		status int
		says   string
	}{
		"/metrics":                {http.StatusOK, "modelserving_nvml_up 0\n"},
		"/-/health":               {http.StatusServiceUnavailable, `"state": "down"`},
		"/-/live":                 {http.StatusOK, "ok"},
		"/":                       {http.StatusOK, "install NVIDIA&#39;s driver"},
		"/metrics?window=forever": {http.StatusBadRequest, "use a duration from"},
		"/nowhere":                {http.StatusNotFound, ""},
	} {
		status, body := page(path)
		require.Equal(t, want.status, status, path)
		require.Contains(t, body, want.says, path)
	}
}

// certificate writes a certificate for 127.0.0.1 and its key, and returns who trusts it.
func certificate(t *testing.T, folder string) *x509.CertPool {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	keyDER, err := x509.MarshalECPrivateKey(key)
	require.NoError(t, err)
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	require.NoError(t, os.WriteFile(filepath.Join(folder, "server.crt"), text, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "server.key"), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER}), 0o600))
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	return pool
}

// The password is "test"; the hash has the least cost that bcrypt allows.
const webConfig = `
tls_server_config: {cert_file: server.crt, key_file: server.key}
basic_auth_users: {prometheus: $2a$04$Eahbwj.0bF8RzZScq4hwE.FetXqGhaII1OFxd4cuv7lwKJprtvXqu}
`

func TestTLSAndUsers(t *testing.T) {
	folder := t.TempDir()
	trusted := certificate(t, folder)
	file := filepath.Join(folder, "web.yml")
	require.NoError(t, os.WriteFile(file, []byte(webConfig), 0o600))
	address := start(t, "-web.config.file", file)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS12}}}
	for _, path := range []string{"/metrics", "/-/health", "/-/live", "/"} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+address+path, nil)
		require.NoError(t, err)
		status, _ := get(t, client, request)
		require.Equal(t, http.StatusUnauthorized, status, path)
		request.SetBasicAuth("prometheus", "wrong")
		status, _ = get(t, client, request)
		require.Equal(t, http.StatusUnauthorized, status, path)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+address+"/metrics", nil)
	require.NoError(t, err)
	request.SetBasicAuth("prometheus", "test")
	status, body := get(t, client, request)
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, body, "modelserving_nvml_up 0\n")
}

func TestFlagsThatCannotBeMeant(t *testing.T) {
	folder := t.TempDir()
	rules := filepath.Join(folder, "rules.yml")
	require.NoError(t, os.WriteFile(rules, []byte("rules: 3"), 0o600))
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"names":        {[]string{"-names", "dcgm"}, "dcgm-exporter"},
		"argument":     {[]string{"start"}, "unexpected argument"},
		"web config":   {[]string{"-web.config.file", filepath.Join(folder, "none.yml")}, "web.config.file"},
		"rules":        {[]string{"-rules", filepath.Join(folder, "none.yml")}, "rules"},
		"broken rules": {[]string{"-rules", rules}, rules},
		"procfs":       {[]string{"-path.procfs", filepath.Join(folder, "none")}, "path.procfs"},
		"window":       {[]string{"-window", "1h"}, "use at most 5m0s"},
		"sampling":     {[]string{"-sample-interval", "1ms"}, "use at least 10ms"},
		"address":      {[]string{"-web.listen-address", "nowhere"}, "listen"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			require.ErrorContains(t, run(ctx, c.args, io.Discard), c.says)
			require.NoError(t, ctx.Err())
		})
	}
}

func TestStatusPageEscapesWhatItShows(t *testing.T) {
	page := statusHTML(nvml.Status{
		State: nvml.StateDegraded, DriverVersion: "<b>1</b>",
		GPUs:              []nvml.GPUStatus{{Device: nvml.Device{GPU: "0", Name: "<i>"}, Problem: "<script>"}, {MIG: true, Available: true, MIGDevices: make([]nvml.Device, 2)}},
		AttributionErrors: []string{"<script>alert(1)</script>"},
	})
	require.NotContains(t, page, "<script>")
	require.NotContains(t, page, "<b>")
	require.NotContains(t, page, "<i>")
	require.Contains(t, page, "MIG with 2 devices")
}
