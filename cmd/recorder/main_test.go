package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/coldhit/modelserving-datasource/cmd/internal/program"
	"github.com/coldhit/modelserving-datasource/tests/logbuffer"
)

const patience = time.Minute

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		program.Main("modelserving-recorder", run)
		return
	}
	goleak.VerifyTestMain(m)
}

var addresses = regexp.MustCompile(`listen=(\S+) admin=(\S+)`)

// start runs the program and answers the addresses that it listens at, and a function that stops it and answers its error.
func start(t *testing.T, config string) (listen, admin string, log *logbuffer.Buffer, stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	log = &logbuffer.Buffer{}
	ended := make(chan error, 1)
	path := write(t, "listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\ndebug: true\n"+config)
	go func() { ended <- run(ctx, []string{"-config", path}, log) }()
	var once sync.Once
	var result error
	stop = func() error {
		once.Do(func() {
			cancel()
			result = <-ended
		})
		return result
	}
	t.Cleanup(func() { _ = stop() })
	require.Eventually(t, func() bool { return addresses.MatchString(log.String()) }, patience, time.Millisecond, "it does not start")
	found := addresses.FindStringSubmatch(log.String())
	return found[1], found[2], log, stop
}

func get(t *testing.T, client *http.Client, address string) (int, string) {
	t.Helper()
	response, err := client.Get(address)
	require.NoError(t, err)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return response.StatusCode, string(body)
}

// awaitMetrics waits until the metrics page has all these samples, and answers the page. A request is counted a moment after its
// response.
func awaitMetrics(t *testing.T, client *http.Client, admin string, samples ...string) (page string) {
	t.Helper()
	lacks := func(sample string) bool { return !strings.Contains(page, sample) }
	for begin := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		var status int
		status, page = get(t, client, "http://"+admin+"/metrics")
		require.Equal(t, http.StatusOK, status)
		missing := slices.IndexFunc(samples, lacks)
		if missing < 0 {
			return page
		}
		require.Less(t, time.Since(begin), patience, "%s is not in\n%s", samples[missing], page)
	}
}

// tryGet answers the body, or the error in its place.
func tryGet(client *http.Client, address string) string {
	response, err := client.Get(address)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err.Error()
	}
	return string(body)
}

func newClient(t *testing.T, config *tls.Config) *http.Client {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: config != nil}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience}
}

func TestProgramRecordsWithTLSOnBothSides(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "answer")
	}))
	t.Cleanup(server.Close)
	folder := t.TempDir()
	ca := filepath.Join(folder, "ca.pem")
	require.NoError(t, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600))
	roots, certificate, key := ownCertificate(t, folder)
	listen, admin, log, stop := start(t, fmt.Sprintf("upstream: %s\nupstream_tls: {ca: %s}\ntls: {certificate: %s, key: %s}", server.URL, ca, certificate, key))
	client := newClient(t, &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12})

	status, body := get(t, client, "https://"+listen+"/predictions/m?secret=hidden")
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "answer", body)
	page := awaitMetrics(t, client, admin, `modelserving_requests_total{code="200",model="m",protocol="http",start="unknown",start_source="none",version=""} 1`)
	require.Contains(t, page, "go_goroutines")
	_, page = get(t, client, "http://"+admin+"/models")
	require.Contains(t, page, `"model": "m"`)
	status, _ = get(t, client, "http://"+admin+"/healthz")
	require.Equal(t, http.StatusOK, status)
	require.NoError(t, stop())
	require.NotContains(t, log.String(), "hidden")
}

func TestProgramPassesGRPCOnWithTLS(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // else the recorder looks only so long for the model in it
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set(http.TrailerPrefix+"Grpc-Status", "5")
		_, _ = io.WriteString(w, r.Proto)
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	roots, certificate, key := ownCertificate(t, t.TempDir())
	listen, admin, _, _ := start(t, fmt.Sprintf("upstream: %s\nupstream_tls: {insecure_skip_verify: true}\ntls: {certificate: %s, key: %s}", server.URL, certificate, key))
	client := newClient(t, &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12})
	ask := func(contentType string) (*http.Response, string) {
		response, err := client.Post("https://"+listen+"/inference.GRPCInferenceService/ModelInfer", contentType, strings.NewReader("\x00\x00\x00\x00\x03\x0a\x01m"))
		require.NoError(t, err)
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		return response, string(body)
	}
	response, proto := ask("application/grpc")
	require.Equal(t, "HTTP/2.0", proto, "gRPC goes on over HTTP/2")
	require.Equal(t, "5", response.Trailer.Get("Grpc-Status"))
	_, proto = ask("text/plain")
	require.Equal(t, "HTTP/1.1", proto, "all else over HTTP/1.1")
	awaitMetrics(t, newClient(t, nil), admin, `modelserving_requests_total{code="NotFound",model="m",protocol="grpc",start="unknown",start_source="none",version=""} 1`)
}

// ownCertificate writes a certificate for 127.0.0.1 that signs itself.
func ownCertificate(t *testing.T, folder string) (roots *x509.CertPool, certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
	}
	signed, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	require.NoError(t, err)
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	certificate, key = filepath.Join(folder, "certificate.pem"), filepath.Join(folder, "key.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signed})
	require.NoError(t, os.WriteFile(certificate, text, 0o600))
	require.NoError(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}), 0o600))
	roots = x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(text))
	return roots, certificate, key
}

func TestProgramLetsRequestsEnd(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-release
		_, _ = io.WriteString(w, "late")
	}))
	t.Cleanup(server.Close)
	listen, admin, _, stop := start(t, "upstream: "+server.URL)
	client := newClient(t, nil)
	answered := make(chan string)
	go func() { answered <- tryGet(client, "http://"+listen+"/predictions/m") }()
	<-arrived
	stopped := make(chan error)
	go func() { stopped <- stop() }()
	require.Eventually(t, func() bool {
		status, _ := get(t, client, "http://"+admin+"/healthz")
		return status == http.StatusServiceUnavailable
	}, patience, time.Millisecond)
	close(release)
	require.Equal(t, "late", <-answered)
	require.NoError(t, <-stopped)
}

func TestProgramCutsOffWhatOutlastsTheGrace(t *testing.T) {
	arrived := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
	}))
	t.Cleanup(server.Close)
	listen, _, log, stop := start(t, "shutdown_grace: 50ms\nupstream: "+server.URL)
	client := newClient(t, nil)
	answered := make(chan string)
	go func() { answered <- tryGet(client, "http://"+listen+"/predictions/m") }()
	<-arrived
	go func() { _ = stop() }()
	require.Contains(t, <-answered, "is shutting down")
	require.NoError(t, stop())
	require.Contains(t, log.String(), "outlast the shutdown grace")
}

func TestProgramAsksTheManagementAPIAndReadiness(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v2/repository/index", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `[{"name":"m","version":"1","state":"READY"}]`)
	})
	mux.HandleFunc("POST /v2/models/m/infer", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") })
	mux.HandleFunc("GET /v2/health/ready", func(http.ResponseWriter, *http.Request) {})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	listen, admin, _, _ := start(t, fmt.Sprintf("upstream: %[1]s\ncold: {management: {protocol: open_inference_v2, url: %[1]s, interval: 5ms}, "+
		"readiness: {url: %[1]s/v2/health/ready, interval: 5ms}}", server.URL))
	client := newClient(t, nil)
	awaitMetrics(t, client, admin, `modelserving_recorder_polls_total{outcome="success",start_source="management"}`,
		`modelserving_recorder_polls_total{outcome="success",start_source="scale_from_zero"}`)
	response, err := client.Post("http://"+listen+"/v2/models/m/infer", "application/json", strings.NewReader("{}"))
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	awaitMetrics(t, client, admin, `modelserving_requests_total{code="200",model="m",protocol="http",start="hot",start_source="management",version=""} 1`)
}
