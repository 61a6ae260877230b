package target_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/settings"
	"github.com/coldhit/modelserving-datasource/pkg/target"
	"github.com/coldhit/modelserving-datasource/tests/captures"
)

var limits = settings.ScrapeLimits{BodyBytes: 1 << 20, Samples: 10_000, Labels: 30, LabelNameLength: 100, LabelValueLength: 200}

func probe(t *testing.T, configured settings.Target, embedded settings.Embedded) target.Result {
	t.Helper()
	if embedded.ScrapeTimeout == 0 {
		embedded.ScrapeTimeout = 5 * time.Second
	}
	client, err := target.New(configured, embedded)
	require.NoError(t, err)
	defer client.Close()
	return client.Probe(context.Background(), limits)
}

// fails probes a server with secrets everywhere and demands that the sentence holds none of them.
func fails(t *testing.T, url string, embedded settings.Embedded, want target.Problem, words ...string) {
	t.Helper()
	address := strings.Replace(url, "://", "://hidden-user:hidden-password@", 1) + "/metrics?token=hidden-token"
	result := probe(t, settings.Target{URL: address, APIKey: "hidden-key"}, embedded)
	require.NotNil(t, result.Err)
	require.Equal(t, want, result.Err.Problem, result.Err.Sentence)
	require.NotContains(t, result.Err.Sentence, "hidden")
	for _, word := range words {
		require.Contains(t, result.Err.Sentence, word)
	}
}

func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

func page(content string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		_, _ = w.Write([]byte(content))
	}
}

func TestRealPages(t *testing.T) {
	for name, want := range map[string]struct{ samples, models int }{
		"1-metrics-all-idle":       {samples: 293, models: 6},
		"9-metrics-default-loaded": {samples: 113, models: 6},
	} {
		t.Run(name, func(t *testing.T) {
			content := captures.Recording(t, "triton", name)
			for _, contentType := range []string{"text/plain; version=0.0.4", "text/plain; version=1.0.0", "text/plain;charset=utf-8", "", "nonsense"} {
				url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
					w.Header()["Content-Type"] = []string{contentType}
					_, _ = w.Write(content)
				})
				result := probe(t, settings.Target{URL: url}, settings.Embedded{})
				require.Nil(t, result.Err)
				require.Equal(t, want.samples, result.Page.Samples)
				require.Contains(t, result.Page.Metrics, "nv_inference_request_success")
				require.Len(t, result.Page.Values("model"), want.models)
				require.Empty(t, result.Page.Values("nothing"))
			}
		})
	}
}

func TestBadPages(t *testing.T) {
	good := "# HELP a A.\n# TYPE a counter\na 1\n\nb{c=\"d\"} 2\n"
	for name, test := range map[string]struct {
		content string
		want    target.Problem
		words   string
	}{
		"garbled":               {good + "this is { not a sample\nc 3\n", target.Garbled, "line 6"},
		"garbled at the end":    {good + "c three\n", target.Garbled, "line 6"},
		"breaks off":            {good + "c{d=\"e", target.HalfWritten, "line 6"},
		"no sample at all":      {"hello there\n", target.NotMetrics, "port and path"},
		"html without the type": {"  <!DOCTYPE html><html></html>", target.NotMetrics, "not with a metrics page"},
		"empty":                 {"", target.Empty, "is empty"},
		"blank":                 {"\n \n", target.Empty, "is empty"},
		"only comments":         {"# HELP a A.\n# TYPE a counter\n", target.Empty, "no samples"},
		"too many samples":      {manySamples(10_001), target.TooManySamples, "10000"},
		"too many labels":       {"a{" + manyLabels(28) + "} 1\n", target.LabelLimit, "limit is 30"},
		"long label name":       {"a{" + strings.Repeat("n", 101) + "=\"x\"} 1\n", target.LabelLimit, "limit is 100"},
		"long label value":      {"a{x=\"" + strings.Repeat("n", 201) + "\"} 1\n", target.LabelLimit, "limit is 200"},
		"too large":             {strings.Repeat("# a comment\n", 100_000), target.TooLarge, "1048576"},
	} {
		t.Run(name, func(t *testing.T) {
			fails(t, serve(t, page(test.content)), settings.Embedded{}, test.want, test.words)
		})
	}
}

func manySamples(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "a{i=\"%d\"} 1\n", i)
	}
	return b.String()
}

func manyLabels(n int) string {
	pairs := make([]string, n)
	for i := range pairs {
		pairs[i] = fmt.Sprintf("l%d=\"x\"", i)
	}
	return strings.Join(pairs, ",")
}

func TestBadServers(t *testing.T) {
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(code)
			_, _ = fmt.Fprint(w, r.Header, r.URL)
		}
	}
	for name, test := range map[string]struct {
		handler http.HandlerFunc
		want    target.Problem
		words   string
	}{
		"html": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = w.Write([]byte("sign in"))
		}, target.NotMetrics, "metrics page"},
		"json":         {page(`[{"name":"x"}]`), target.NotMetrics, "metrics page"},
		"unauthorized": {status(401), target.Unauthorized, "does not accept the API key"},
		"forbidden":    {status(403), target.Forbidden, "403"},
		"not found":    {status(404), target.NotFound, "404"},
		"failing":      {status(500), target.UnexpectedStatus, "500 Internal Server Error"},
		"redirect":     {status(307), target.Redirected, "307"},
		"breaks off by length": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte("a 1\n"))
		}, target.HalfWritten, "ended before"},
		"gzip bomb": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			bomb := gzip.NewWriter(w)
			zeros := bytes.Repeat([]byte("# zero\n"), 10_000)
			for range 1000 {
				if _, err := bomb.Write(zeros); err != nil {
					return
				}
			}
		}, target.TooLarge, "larger than the limit"},
		"endless": {func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := w.Write(bytes.Repeat([]byte("# more\n"), 1000)); err != nil {
					return
				}
			}
		}, target.TooLarge, "larger than the limit"},
		"closes at once": {func(w http.ResponseWriter, _ *http.Request) {
			connection, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				_ = connection.Close()
			}
		}, target.Unreachable, "closed the connection"},
	} {
		t.Run(name, func(t *testing.T) {
			fails(t, serve(t, test.handler), settings.Embedded{}, test.want, test.words)
		})
	}
}

func TestKeyIsAskedFor(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Api-Key k" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		page("a 1\n")(w, r)
	})
	without := probe(t, settings.Target{URL: url}, settings.Embedded{})
	require.Equal(t, target.Unauthorized, without.Err.Problem)
	require.Contains(t, without.Err.Sentence, "none is set")
	with := probe(t, settings.Target{URL: url, APIKey: "k", AuthScheme: "Api-Key"}, settings.Embedded{})
	require.Nil(t, with.Err)
}

func TestRedirectsNeverCarryTheKey(t *testing.T) {
	var leaked []string
	other := serve(t, func(w http.ResponseWriter, r *http.Request) {
		leaked = append(leaked, r.Header.Get("Authorization"))
		page("a 1\n")(w, r)
	})
	url := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other, http.StatusTemporaryRedirect) })
	with := probe(t, settings.Target{URL: url, APIKey: "k"}, settings.Embedded{})
	require.Equal(t, target.Redirected, with.Err.Problem)
	require.Empty(t, leaked)
	without := probe(t, settings.Target{URL: url}, settings.Embedded{})
	require.Nil(t, without.Err)
	require.Equal(t, []string{""}, leaked)
}

func TestUnreachable(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := "http://" + listener.Addr().String()
	require.NoError(t, listener.Close())
	fails(t, address, settings.Embedded{}, target.Refused, "refused the connection", listener.Addr().String())
	fails(t, "http://no-such-host.invalid:9", settings.Embedded{}, target.UnknownHost, "no-such-host.invalid")
}

func TestSlow(t *testing.T) {
	stop := make(chan struct{})
	t.Cleanup(func() { close(stop) })
	wait := func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-stop:
		case <-r.Context().Done():
		}
	}
	trickle := func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("a 1\n"))
		w.(http.Flusher).Flush()
		wait(w, r)
	}
	for name, handler := range map[string]http.HandlerFunc{"no answer": wait, "half an answer": trickle} {
		t.Run(name, func(t *testing.T) {
			fails(t, serve(t, handler), settings.Embedded{ScrapeTimeout: 100 * time.Millisecond}, target.Timeout, "100ms")
		})
	}
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		client, err := target.New(settings.Target{URL: serve(t, wait)}, settings.Embedded{ScrapeTimeout: time.Minute})
		require.NoError(t, err)
		time.AfterFunc(20*time.Millisecond, cancel)
		result := client.Probe(ctx, limits)
		require.Equal(t, target.Cancelled, result.Err.Problem)
		require.ErrorIs(t, result.Err, context.Canceled)
	})
}

func TestTLS(t *testing.T) {
	server := httptest.NewTLSServer(page("a 1\n"))
	t.Cleanup(server.Close)
	authority := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))

	t.Run("unknown authority", func(t *testing.T) {
		fails(t, server.URL, settings.Embedded{}, target.UnknownAuthority, "CA certificate")
	})
	t.Run("trusted", func(t *testing.T) {
		require.Nil(t, probe(t, settings.Target{URL: server.URL}, settings.Embedded{CACertificate: authority}).Err)
	})
	t.Run("not verified", func(t *testing.T) {
		require.Nil(t, probe(t, settings.Target{URL: server.URL, InsecureSkipVerify: true}, settings.Embedded{}).Err)
	})
	t.Run("another name", func(t *testing.T) {
		url := strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
		fails(t, url, settings.Embedded{CACertificate: authority}, target.CertificateMismatch, "localhost")
	})
	t.Run("expired", func(t *testing.T) {
		expired := httptest.NewUnstartedServer(page("a 1\n"))
		certificate, pem := expiredCertificate(t)
		expired.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
		expired.StartTLS()
		t.Cleanup(expired.Close)
		fails(t, expired.URL, settings.Embedded{CACertificate: pem}, target.CertificateExpired, "expired")
	})
	t.Run("plain HTTP to a TLS server", func(t *testing.T) {
		fails(t, strings.Replace(server.URL, "https", "http", 1), settings.Embedded{}, target.TLSServer, "https://")
	})
	t.Run("TLS to a plain HTTP server", func(t *testing.T) {
		fails(t, strings.Replace(serve(t, page("a 1\n")), "http", "https", 1), settings.Embedded{}, target.PlainHTTPServer, "http://")
	})
}

// An answer in another protocol, or one that its protocol ended, is explained as what it is.
func TestOtherProtocols(t *testing.T) {
	abort := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	half := func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, 2, r.ProtoMajor)
		_, _ = w.Write([]byte("a 1\n"))
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	for name, handler := range map[string]http.HandlerFunc{"reset before the response": abort, "reset within the response": half} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewUnstartedServer(handler)
			server.EnableHTTP2 = true
			server.Config.ErrorLog = log.New(io.Discard, "", 0)
			server.StartTLS()
			t.Cleanup(server.Close)
			u, err := url.Parse(server.URL)
			require.NoError(t, err)
			// Scraping speaks HTTP/2, and gets these errors.
			response, err := server.Client().Get(server.URL)
			explain := target.Subject{URL: u}.Explain
			if err == nil {
				_, err = io.ReadAll(response.Body)
				explain = target.Subject{URL: u}.ExplainReading
			}
			reason := explain(err)
			require.Equal(t, target.StreamReset, reason.Problem, err)
			require.Contains(t, reason.Sentence, "the HTTP/2 stream was reset (INTERNAL_ERROR). See the log of the server")
		})
	}
	for name, test := range map[string]struct {
		answer  string
		problem target.Problem
		words   string
	}{
		"HTTP/2 without TLS":  {"\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x80", target.HTTP2Server, "as gRPC ports do"},
		"a TLS alert":         {"\x15\x03\x01\x00\x02\x02\x46", target.TLSServer, "speaks TLS only. Write the URL with https://."},
		"a closed connection": {"", target.Unreachable, "If it speaks TLS only, write the URL with https://."},
		"words of Apache": {"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\nReason: You're speaking plain HTTP to an SSL-enabled server port.", target.TLSServer,
			"https://"},
		"words of nginx":    {"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n<h1>400</h1>The plain HTTP request was sent to HTTPS port", target.TLSServer, "https://"},
		"no words with 400": {"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", target.UnexpectedStatus, "If the server speaks TLS only, write the URL with https://."},
	} {
		t.Run(name, func(t *testing.T) {
			fails(t, answering(t, test.answer), settings.Embedded{}, test.problem, test.words)
		})
	}
	t.Run("a client certificate is required", func(t *testing.T) {
		server := httptest.NewUnstartedServer(page("a 1\n"))
		server.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
		server.Config.ErrorLog = log.New(io.Discard, "", 0)
		server.StartTLS()
		t.Cleanup(server.Close)
		embedded := settings.Embedded{CACertificate: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))}
		fails(t, server.URL, embedded, target.TLSFailed, "client certificate")
	})
}

// answering is the address of a server that answers every connection with these bytes and closes it.
func answering(t *testing.T, answer string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = http.ReadRequest(bufio.NewReader(c))
				_, _ = io.WriteString(c, answer)
			}()
		}
	}()
	return "http://" + l.Addr().String()
}

func TestContentsOfAPage(t *testing.T) {
	t.Parallel()
	url := serve(t, page("# TYPE a counter\na{x=\"1\",y=\"\"} 1\na{x=\"2\"} 1\na{x=\"1\",z=\"3\"} 1\nb 1\n"))
	result := probe(t, settings.Target{URL: url}, settings.Embedded{})
	require.Nil(t, result.Err)
	series, types := result.Page.Contents()
	require.Equal(t, map[string]map[string][]string{"a": {"x": {"1", "2"}, "z": {"3"}}, "b": {}}, series)
	require.Equal(t, map[string]string{"a": "counter"}, types)
}
