package recorder_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

// overHTTP2 asks without TLS, by prior knowledge, and tells all that it got.
func overHTTP2(t *testing.T, request *http.Request) string {
	t.Helper()
	protocols := &http.Protocols{}
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: protocols, DisableCompression: true}
	defer transport.CloseIdleConnections()
	var told strings.Builder
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	request = request.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		Got1xxResponse: func(code int, header textproto.MIMEHeader) error {
			_, err := fmt.Fprintln(&told, code, header)
			return err
		},
	}))
	response, err := transport.RoundTrip(request)
	require.NoError(t, err)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, response.Body.Close())
	_, _ = fmt.Fprintln(&told, response.Proto, response.Status, removeHeaders(response.Header, "Date"), response.ContentLength, string(body), err, response.Trailer)
	return told.String()
}

func TestHTTP2IsTheSameAsWithoutTheRecorder(t *testing.T) {
	echoing := func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		w.Header().Set("Trailer", "X-Sum")
		header := r.Header.Clone()
		for _, name := range []string{"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "Content-Length"} {
			header.Del(name)
		}
		_, _ = fmt.Fprintln(w, r.Method, r.RequestURI, r.Host, header, r.ContentLength, string(body), err, r.Trailer)
		_ = http.NewResponseController(w).Flush() // in HTTP/1.1, trailers and a length exclude one another
		w.Header().Set("X-Sum", "7")
	}
	for name, c := range map[string]struct {
		method, target, body string
		header, trailer      http.Header
		handler              http.HandlerFunc
		code                 string
	}{
		"GET":             {method: "GET", target: "/predictions/m?a=1;b", header: http.Header{"Cookie": {"a=1; b=2"}, "X-A": {"1", "2"}}, handler: echoing, code: "200"},
		"POST":            {method: "POST", target: "/predictions/m%2Fx", body: "hello", handler: echoing, code: "200"},
		"trailers":        {method: "POST", target: "/predictions/m", body: "hello", trailer: http.Header{"X-Mine": {"8"}}, handler: echoing, code: "200"},
		"OPTIONS":         {method: "OPTIONS", target: "/predictions/m", handler: echoing, code: "200"},
		"HEAD":            {method: "HEAD", target: "/predictions/m", handler: func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "77") }, code: "200"},
		"204":             {method: "GET", target: "/predictions/m", handler: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }, code: "204"},
		"early hints":     {method: "GET", target: "/predictions/m", handler: func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Link", "</a>"); w.WriteHeader(103) }, code: "200"},
		"asked to go on":  {method: "POST", target: "/predictions/m", body: "hello", header: http.Header{"Expect": {"100-continue"}}, handler: echoing, code: "200"},
		"refused at once": {method: "POST", target: "/predictions/m", body: strings.Repeat("x", 1<<20), handler: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(413); _, _ = io.WriteString(w, "no") }, code: "413"},
	} {
		t.Run(name, func(t *testing.T) {
			direct := listen(t, t.Context(), c.handler)
			s := inFrontOf(t, direct, nil)
			ask := func(address string) string {
				request, err := http.NewRequestWithContext(t.Context(), c.method, address+c.target, stringReader(c.body))
				require.NoError(t, err)
				request.Host = "models.example"
				for name, values := range c.header {
					request.Header[name] = values
				}
				if request.Trailer = c.trailer; c.trailer != nil {
					request.ContentLength = -1
				}
				return overHTTP2(t, request)
			}
			require.Equal(t, ask(direct), ask(s.url))
			s.eventually(1, prometheus.Labels{"protocol": "http", "code": c.code})
		})
	}
}
