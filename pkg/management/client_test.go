package management_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/management"
	"github.com/coldhit/modelserving-datasource/pkg/settings"
)

func capture(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	return string(content)
}

// answers is what a server answers, by method and path; to anything else it says 404.
type answers map[string]string

func (a answers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer secret" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	answer, known := a[r.Method+" "+r.URL.Path]
	if !known {
		w.WriteHeader(http.StatusNotFound)
	}
	_, _ = w.Write([]byte(answer))
}

func client(t *testing.T, protocol string, handler http.Handler) *management.Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return clientAt(t, protocol, server.URL, "secret", 5*time.Second)
}

func clientAt(t *testing.T, protocol, url, key string, timeout time.Duration) *management.Client {
	t.Helper()
	p, known := management.Find(protocol)
	require.True(t, known)
	configured := settings.Target{URL: "http://127.0.0.1:1/metrics", ManagementURL: url, APIKey: key}
	c, err := management.New(p, configured, settings.Embedded{ScrapeTimeout: timeout}, 8000)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// wrong is the sentence for why a server's answer cannot be used.
func wrong(t *testing.T, protocol string, handler http.Handler) string {
	t.Helper()
	_, err := client(t, protocol, handler).List(t.Context())
	var problem *management.Problem
	require.ErrorAs(t, err, &problem)
	require.NotContains(t, err.Error(), "secret")
	return err.Error()
}

func everything(answer string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(answer)) })
}

func status(code int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) })
}

// signals begins the sentence about a protocol's problem.
var signals = map[string]string{
	"open_inference_v2": "For models_resident, model_loads and model_evictions: http://",
	"triton":            "For models_resident, model_loads, model_evictions, model_memory and age_at_eviction: http://",
	"torchserve":        "For models_resident, model_loads, model_evictions, replicas and model_memory: http://",
	"ray_serve":         "For models_resident, model_loads, model_evictions and replicas: http://",
}

func TestWhateverIsNotTheProtocolIsExplained(t *testing.T) {
	require.Len(t, signals, len(management.Protocols()))
	for _, protocol := range management.Protocols() {
		for name, test := range map[string]struct {
			server http.Handler
			want   string
		}{
			"html":             {everything("<html></html>"), "answers, but not as"},
			"empty":            {everything(""), "answers, but not as"},
			"null":             {everything("null"), "answers, but not as"},
			"another protocol": {everything(`{"status":"ok"}`), "answers, but not as"},
			"a list of others": {everything(`[{"version":"1"}]`), "answers, but not as"},
			"nameless models":  {everything(`{"models":[{}]}`), "answers, but not as"},
			"broken JSON":      {everything(`{"models":[{"modelName":"a"`), "answers, but not as"},
			"deep JSON":        {everything(strings.Repeat("[", 100_000)), "answers, but not as"},
			"wrong types":      {everything(`{"models":"a","applications":[1]}`), "answers, but not as"},
			"too large":        {everything("[" + strings.Repeat(" ", 9<<20) + "]"), "answered more than 8 MiB"},
			"no such path":     {status(http.StatusNotFound), "does not exist (HTTP 404), so that this is not"},
			"failing":          {status(http.StatusInternalServerError), "answered HTTP 500 Internal Server Error"},
			"forbidden":        {status(http.StatusForbidden), "forbids reading with this API key (HTTP 403)"},
			"another key":      {status(http.StatusUnauthorized), "does not accept the API key (HTTP 401)"},
		} {
			t.Run(protocol+" "+name, func(t *testing.T) {
				sentence := wrong(t, protocol, test.server)
				require.Contains(t, sentence, test.want)
				require.True(t, strings.HasPrefix(sentence, signals[protocol]), sentence)
			})
		}
	}
}

func TestServerThatDoesNotListenIsExplained(t *testing.T) {
	server := httptest.NewServer(everything("[]"))
	server.Close()
	for _, protocol := range management.Protocols() {
		_, err := clientAt(t, protocol, server.URL, "", time.Second).List(t.Context())
		require.ErrorContains(t, err, "refused the connection")
		require.ErrorContains(t, err, "Set the target's management URL")
	}
}

func TestSlowServerIsExplained(t *testing.T) {
	ended := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-ended:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(ended) })
	for _, protocol := range management.Protocols() {
		_, err := clientAt(t, protocol, server.URL, "", 50*time.Millisecond).List(t.Context())
		require.ErrorContains(t, err, "did not answer in full within 50ms")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = clientAt(t, protocol, server.URL, "", time.Minute).List(ctx)
		require.ErrorIs(t, err, context.Canceled)
	}
}

func TestTooManyModels(t *testing.T) {
	var index, applications strings.Builder
	for i := range 20_001 {
		fmt.Fprintf(&index, `,{"name":"m%d"}`, i)
		fmt.Fprintf(&applications, `,"m%d":{}`, i)
	}
	require.Contains(t, wrong(t, "triton", everything("["+index.String()[1:]+"]")), "lists 20001 models; the limit is 20000")
	require.Contains(t, wrong(t, "ray_serve", everything(`{"applications":{`+applications.String()[1:]+`}}`)), "lists 20001 models; the limit is 20000")
}

func TestAddress(t *testing.T) {
	for name, test := range map[string]struct {
		target settings.Target
		want   string
	}{
		"the metrics host at the default port": {settings.Target{URL: "http://triton:8002/metrics?x=1"}, "http://triton:8000"},
		"IPv6":                                 {settings.Target{URL: "https://[::1]:8002/metrics"}, "https://[::1]:8000"},
		"configured":                           {settings.Target{URL: "http://a:1/m", ManagementURL: "https://b/prefix"}, "https://b/prefix"},
		"with a password":                      {settings.Target{URL: "http://user:word@a:1/m"}, "http://a:8000"},
	} {
		t.Run(name, func(t *testing.T) {
			p, _ := management.Find("triton")
			c, err := management.New(p, test.target, settings.Embedded{}, 8000)
			require.NoError(t, err)
			require.Equal(t, test.want, c.Address())
		})
	}
	p, _ := management.Find("triton")
	_, err := management.New(p, settings.Target{URL: "http://a/m", ManagementURL: "file:///etc/passwd"}, settings.Embedded{}, 8000)
	require.ErrorContains(t, err, "management URL")
}
