package blackbox

import (
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/tests/blackbox/driver"
	"github.com/coldhit/modelserving-datasource/tests/captures"
)

// serve answers every request with one page.
func serve(t *testing.T, contentType, body string) *httptest.Server {
	t.Helper()
	return handle(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		_, _ = io.WriteString(w, body)
	})
}

func handle(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

// protected asks for a key, as a bearer token, and answers Triton's page to who has it.
func protected(t *testing.T, key string) *httptest.Server {
	t.Helper()
	return handle(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+key {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = w.Write(captures.Recording(t, "triton", "2-metrics-all-loaded"))
	})
}

func overTLS(t *testing.T) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(captures.Recording(t, "triton", "2-metrics-all-loaded"))
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // it complains of clients that do not trust it
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// refusing is an address that nothing listens on until the test ends: the near end of a connection, so that no other test is
// given its port.
func refusing(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	held, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, held.Close()) })
	return "http://" + held.LocalAddr().String()
}

// unmanaged is a target whose management endpoint does not answer, whatever else runs on this machine.
func unmanaged(t testing.TB, id, url string) map[string]any {
	t.Helper()
	one := driver.Target(id, url)
	one["managementUrl"] = refusing(t)
	return one
}

// halfWritten promises more than it sends.
func halfWritten(t *testing.T) *httptest.Server {
	t.Helper()
	return handle(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100000")
		_, _ = w.Write(captures.Recording(t, "triton", "2-metrics-all-loaded")[:500])
	})
}

func slow(t *testing.T) *httptest.Server {
	t.Helper()
	return handle(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-time.After(time.Minute):
		}
	})
}

type finding struct {
	URL     string   `json:"url"`
	Answers bool     `json:"answers"`
	Problem string   `json:"problem"`
	Server  string   `json:"server"`
	Models  int      `json:"models"`
	Missing []string `json:"missing"`
}

type details struct {
	VerboseMessage string    `json:"verboseMessage"`
	Targets        []finding `json:"targets"`
}

func detailsOf(t *testing.T, r *backend.CheckHealthResult) details {
	t.Helper()
	var d details
	require.NoError(t, json.Unmarshal(r.JSONDetails, &d), string(r.JSONDetails))
	return d
}

func TestHealthSaysWhyATargetDoesNotAnswer(t *testing.T) {
	t.Parallel()
	const triton = "nv_inference_request_success{model=\"a\",version=\"1\"} 1\n"
	plain := serve(t, "text/plain", triton)
	cases := []struct{ id, url, profile, problem string }{
		{"refused", refusing(t), "", "refused the connection: nothing listens there. Check the URL's host and port and that the server is running."},
		{"authority", overTLS(t).URL, "", "is signed by an authority that is not trusted here. Add the authority's certificate as CA certificate."},
		{"plain", "https" + plain.URL[len("http"):], "", "does not speak TLS. If it serves plain HTTP, write the URL with http://."},
		{"tls", "http" + overTLS(t).URL[len("https"):], "", "speaks TLS only. Write the URL with https://."},
		{"nokey", protected(t, "right").URL, "", "asks for an API key (HTTP 401) and none is set."},
		{"wrongkey", protected(t, "right").URL, "", "does not accept the API key (HTTP 401). Check the key and its scheme."},
		{"html", serve(t, "text/html", "<!doctype html><title>Login</title>").URL, "", "answers, but not with a metrics page. Check the URL's port and path."},
		{"json", serve(t, "application/json", `{"status": "ok"}`).URL, "", "answers, but not with a metrics page."},
		{"empty", serve(t, "text/plain", "").URL, "", "is empty. Check the path (usually /metrics) and that metrics are enabled in the server."},
		{"comments", serve(t, "text/plain", "# HELP a b\n").URL, "", "has no samples. Check the path (usually /metrics) and that metrics are enabled in the server."},
		{"garbled", serve(t, "text/plain", triton+"}{ \xff garbage\n"+triton).URL, "", "cannot be read from line 2 on: it is not in Prometheus's text format."},
		{"half", halfWritten(t).URL, "", "ended before the page was complete."},
		{"brokenoff", serve(t, "text/plain", triton+`nv_inference_request_success{model="b`).URL, "", "breaks off in line 2. The server may have been stopped while writing."},
		{"notfound", handle(t, http.NotFound).URL, "", "does not exist on the server (HTTP 404)."},
		{"unknown", serve(t, "text/plain", "other_metric 1\n").URL, "", "serves metrics, but none of the"},
		{"wrongprofile", serve(t, "text/plain", "other_metric 1\n").URL, "triton", "does not serve metrics of NVIDIA Triton Inference Server: none of nv_inference_request_success,"},
		{"noprofile", plain.URL, "nosuch", `Unknown profile "nosuch" for http://`},
		{"slow", slow(t).URL, "", "did not answer in full within 5s. Check that the server is reachable and not overloaded, or allow a longer timeout."},
	}
	s := driver.Embedded("health")
	var targets []map[string]any
	for _, c := range cases {
		one := unmanaged(t, c.id, c.url+"/metrics")
		one["profile"] = c.profile
		targets = append(targets, one)
	}
	good := unmanaged(t, "good", plain.URL+"/good")
	s.JSON["targets"], s.JSON["interval"] = append(targets, good), "5s" // and so the timeout, which a busy machine needs for all at once
	s.Secrets = map[string]string{"apiKey.wrongkey": "wrong-key-never-shown"}
	p := driver.Start(t, binary, t.TempDir())
	r := p.Check(s)
	require.Equal(t, backend.HealthStatusError, r.Status)
	require.Contains(t, r.Message, "18 of 19 targets have a problem: ")
	require.Contains(t, r.Message, "and 9 more")
	require.NotContains(t, r.Message, "\n")
	found := detailsOf(t, r)
	require.Len(t, found.Targets, len(cases)+1)
	for i, c := range cases {
		require.Contains(t, found.Targets[i].Problem, c.problem, c.id)
		require.False(t, found.Targets[i].Answers, c.id)
		require.Contains(t, found.VerboseMessage, found.Targets[i].Problem)
	}
	require.Empty(t, found.Targets[len(cases)].Problem)
	require.True(t, found.Targets[len(cases)].Answers)
	require.NotContains(t, r.Message+string(r.JSONDetails)+p.Log.String(), "wrong-key-never-shown")

	// A panel over the same data source shows the good target's data and names the bad ones.
	unanswered := regexp.MustCompile(`1[0-9] of 19 targets are down, for example \S+ `)
	require.Eventually(t, func() bool {
		answer := p.Ask(s, time.Minute, query("requests", nil, "model"))["A"]
		_, there := driver.Find(answer, map[string]string{"model": "a"})
		return there && unanswered.MatchString(driver.Notices(answer))
	}, waitForScrape, pollEvery)
}

func TestHealthOverTLSAndWithKeys(t *testing.T) {
	t.Parallel()
	server := overTLS(t)
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	p := driver.Start(t, binary, t.TempDir())

	trusted := driver.Embedded("trusted", unmanaged(t, "one", server.URL+"/metrics"))
	trusted.Secrets = map[string]string{"caCertificate": string(authority)}
	requireHealthy(t, p, trusted)

	skipping := unmanaged(t, "one", server.URL+"/metrics")
	skipping["insecureSkipVerify"] = true
	requireHealthy(t, p, driver.Embedded("skipping", skipping))

	keyed := driver.Embedded("keyed", unmanaged(t, "one", protected(t, "right").URL+"/metrics"))
	keyed.Secrets = map[string]string{"apiKey.one": "right\n"}
	requireHealthy(t, p, keyed)

	broken := driver.Embedded("broken", unmanaged(t, "one", server.URL+"/metrics"))
	broken.Secrets = map[string]string{"caCertificate": "not a certificate"}
	r := p.Check(broken)
	require.Equal(t, backend.HealthStatusError, r.Status)
	require.Contains(t, r.Message, "CA certificate")
	require.NotContains(t, r.Message, "not a certificate")
}

func requireHealthy(t *testing.T, p *driver.Plugin, s driver.Source) {
	t.Helper()
	r := p.Check(s)
	require.Equal(t, backend.HealthStatusOk, r.Status, r.Message)
	require.Contains(t, r.Message, "1 target is up: NVIDIA Triton Inference Server with 6 models.")
	require.Eventually(t, func() bool {
		_, found := driver.Find(p.Ask(s, time.Minute, promQL("nv_inference_request_success"))["A"], map[string]string{"model": "fast"})
		return found
	}, waitForScrape, pollEvery, "scraping reads what health reads")
}
