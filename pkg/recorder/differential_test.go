package recorder_test

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/recorder"
)

// seen is a request as the server read it.
type seen struct {
	Method, URI, Host string
	Header, Trailer   http.Header
	Length            int64
	Encoding          []string
	Body, BodyError   string
}

// got is a response as the client read it.
type got struct {
	Informational     []string // status and header of each 1xx
	Status            string
	Header, Trailer   http.Header
	Length            int64
	Encoding          []string
	Body, BodyError   string
	ClosesAfterwards  bool
	SecondRequestGets string // of the same connection; empty when it is closed
}

// exchangeOf what a client writes: the request as the server read it, and the response as the client did.
type exchanged struct {
	Seen *seen // nil when it never got there
	Got  got
}

// observed is a server that hands on what it read, one request after the other, and then answers as handler says.
func observed(t *testing.T, handler http.HandlerFunc) (address string, requests <-chan seen) {
	t.Helper()
	read := make(chan seen, 10)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := &http.Server{
		ReadHeaderTimeout: patience, DisableGeneralOptionsHandler: true, ErrorLog: nil,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.RequestURI == "/second" {
				return
			}
			if handler != nil {
				handler(w, r)
			}
			s := seen{Method: r.Method, URI: r.RequestURI, Host: r.Host, Header: r.Header, Length: r.ContentLength, Encoding: r.TransferEncoding}
			if handler == nil {
				body, err := io.ReadAll(r.Body)
				s.Body, s.BodyError, s.Trailer = string(body), errorText(err), r.Trailer
			}
			read <- s
		}),
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
	})
	return "http://" + listener.Addr().String(), read
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// converse writes a request and reads its response, then asks once more on the same connection.
func converse(t *testing.T, address, method, request string, body string) got {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", u.Host)
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	_, err = io.WriteString(conn, request)
	require.NoError(t, err)
	reader := bufio.NewReader(conn)
	asked := &http.Request{Method: method}
	var g got
	response, err := http.ReadResponse(reader, asked)
	for err == nil && response.StatusCode < 200 && response.StatusCode != http.StatusSwitchingProtocols {
		g.Informational = append(g.Informational, fmt.Sprint(response.StatusCode, response.Header))
		if response.StatusCode == http.StatusContinue {
			_, err = io.WriteString(conn, body)
			require.NoError(t, err)
		}
		response, err = http.ReadResponse(reader, asked)
	}
	if err != nil {
		g.Status = "none"
		return g
	}
	g.Status, g.Header, g.Length, g.Encoding, g.ClosesAfterwards = response.Status, response.Header, response.ContentLength, response.TransferEncoding, response.Close
	text, err := io.ReadAll(response.Body)
	g.Body, g.BodyError, g.Trailer = string(text), errorText(err), response.Trailer
	_ = response.Body.Close()
	if err != nil || response.Close {
		return g
	}
	if _, err = io.WriteString(conn, "GET /second HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
		return g
	}
	if second, err := http.ReadResponse(reader, nil); err == nil {
		g.SecondRequestGets = second.Status
		_ = second.Body.Close()
	}
	return g
}

// withoutHops leaves out what ends at each connection and is documented to differ, and times.
func (e exchanged) withoutHops() exchanged {
	if e.Seen != nil {
		e.Seen.Header = removeHeaders(e.Seen.Header, "Connection", "Content-Length") // the length is compared beside it
		if _, path, absolute := strings.Cut(e.Seen.URI, "://"); absolute {
			_, rest, _ := strings.Cut(path, "/")
			e.Seen.URI = "/" + rest
		}
	}
	e.Got.Header = removeHeaders(e.Got.Header, "Date")
	return e
}

// withoutForwarded leaves out what the recorder adds for the server to know of its client.
func (e exchanged) withoutForwarded(direct exchanged) exchanged {
	if e.Seen == nil || direct.Seen == nil {
		return e
	}
	for _, name := range []string{"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"} {
		if _, sent := direct.Seen.Header[name]; !sent {
			e.Seen.Header.Del(name)
		}
	}
	if hops := e.Seen.Header["X-Forwarded-For"]; len(hops) == 1 {
		hops[0] = strings.TrimSuffix(hops[0], ", 127.0.0.1")
	}
	return e
}

func removeHeaders(header http.Header, names ...string) http.Header {
	left := maps.Clone(header)
	maps.DeleteFunc(left, func(name string, _ []string) bool { return slices.Contains(names, name) })
	return left
}

func TestExchangesAreTheSameAsWithoutTheRecorder(t *testing.T) {
	say := func(status int, header http.Header, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			maps.Copy(w.Header(), header)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	chunked := func(w http.ResponseWriter, _ *http.Request) {
		for range 3 {
			_, _ = io.WriteString(w, "piece ")
			_ = http.NewResponseController(w).Flush()
		}
	}
	const post = "POST /predictions/m HTTP/1.1\r\nHost: a\r\n"
	get := func(target string) string { return "GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n" }
	for name, c := range map[string]struct {
		request string
		body    string // sent when it is asked for
		handler http.HandlerFunc
	}{
		"a plain GET":                       {request: get("/predictions/m")},
		"HEAD of a known length":            {request: "HEAD /predictions/m HTTP/1.1\r\nHost: a\r\n\r\n", handler: say(200, http.Header{"Content-Length": {"77"}}, "")},
		"HEAD of an unknown length":         {request: "HEAD /predictions/m HTTP/1.1\r\nHost: a\r\n\r\n", handler: chunked},
		"204":                               {request: get("/predictions/m"), handler: say(204, http.Header{"X-A": {"b"}}, "")},
		"205":                               {request: get("/predictions/m"), handler: say(205, nil, "")},
		"304 with an ETag":                  {request: get("/predictions/m"), handler: say(304, http.Header{"Etag": {`"x"`}, "Cache-Control": {"no-cache"}}, "")},
		"an empty 200":                      {request: get("/predictions/m"), handler: say(200, http.Header{"Content-Length": {"0"}}, "")},
		"a redirect":                        {request: get("/predictions/m"), handler: say(307, http.Header{"Location": {"http://127.0.0.1:1/x"}}, "")},
		"an error with a body":              {request: get("/predictions/m"), handler: say(500, http.Header{"Content-Type": {"application/json"}}, `{"error":"x"}`)},
		"a status without a name":           {request: get("/predictions/m"), handler: say(299, nil, "x")},
		"headers that come twice":           {request: post + "X-A: 1\r\nx-a: 2\r\nX-A: \r\nCookie: a=1\r\nCookie: b=2\r\nContent-Length: 0\r\n\r\n", handler: say(200, http.Header{"Set-Cookie": {"a=1", "b=2"}, "X-Empty": {""}}, "x")},
		"a header in UTF-8":                 {request: post + "X-A: mödel\r\nContent-Length: 0\r\n\r\n", handler: say(200, http.Header{"X-A": {"mödel"}}, "x")},
		"a header that is no token in Go":   {request: post + "serve_multiplexed_model_id: m\r\nContent-Length: 0\r\n\r\n"},
		"a body of known length":            {request: post + "Content-Length: 5\r\n\r\nhello"},
		"a chunked body":                    {request: post + "Transfer-Encoding: chunked\r\n\r\n5;ext=1\r\nhello\r\n3\r\n123\r\n0\r\n\r\n"},
		"an empty chunked body":             {request: post + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
		"an announced trailer of a request": {request: post + "Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 7\r\n\r\n"},
		"a body of length 0":                {request: post + "Content-Length: 0\r\n\r\n"},
		"no body":                           {request: post + "\r\n"},
		"GET with a body":                   {request: "GET /predictions/m HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"},
		"GET with a chunked body":           {request: "GET /predictions/m HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"},
		"DELETE with a body":                {request: "DELETE /predictions/m HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"},
		"a method of its own":               {request: "FROB /predictions/m HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"},
		"a compressed body":                 {request: post + "Content-Encoding: gzip\r\nAccept-Encoding: gzip, br\r\nContent-Length: 5\r\n\r\n\x1f\x8b\x08\x00\x00", handler: say(200, http.Header{"Content-Encoding": {"gzip"}}, "\x1f\x8b\x08\x00\x00")},
		"a chunked response":                {request: get("/predictions/m"), handler: chunked},
		"announced trailers": {request: get("/predictions/m"), handler: func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Trailer", "X-Sum")
			chunked(w, r)
			w.Header().Set("X-Sum", "7")
		}},
		"unannounced trailers": {request: get("/predictions/m"), handler: func(w http.ResponseWriter, r *http.Request) {
			chunked(w, r)
			w.Header().Set(http.TrailerPrefix+"X-Sum", "7")
		}},
		"early hints": {request: get("/predictions/m"), handler: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Link", "</a>")
			w.WriteHeader(103)
			w.Header().Set("Link", "</b>")
			w.WriteHeader(103)
			w.Header().Del("Link")
			_, _ = io.WriteString(w, "x")
		}},
		"a body that is asked for": {request: post + "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n", body: "hello"},
		"a body that is refused": {request: post + "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n", handler: func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(413)
			_, _ = io.WriteString(w, "too large")
		}},
		"a host of its own":                   {request: "GET /predictions/m HTTP/1.1\r\nHost: models.example:8443\r\n\r\n"},
		"an absolute address":                 {request: "GET http://models.example/predictions/m?a=b HTTP/1.1\r\nHost: other\r\n\r\n"},
		"OPTIONS of the server":               {request: "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"},
		"OPTIONS of a path":                   {request: "OPTIONS /v1/chat/completions HTTP/1.1\r\nHost: a\r\nOrigin: http://b\r\nAccess-Control-Request-Method: POST\r\n\r\n"},
		"an escaped slash":                    {request: get("/v2/models/a%2Fb/infer")},
		"an escaped space, lower-case hex":    {request: get("/predictions/a%20b%c3%a4%2f")},
		"double slashes":                      {request: get("//predictions//m/")},
		"dot segments":                        {request: get("/a/./b/../../predictions/m")},
		"escaped dots":                        {request: get("/%2e%2e/predictions/m")},
		"semicolons and what needs no escape": {request: get("/predictions/m;v=1,2:3@4!$&'()*+=~[x]")},
		"characters that should be escaped":   {request: get("/predictions/{a}|b^\"<c>`\\")},
		"a query as it is":                    {request: get("/predictions/m?a=1;b=%zz&c&&=&d=%20+")},
		"an empty query":                      {request: get("/predictions/m?")},
		"a very long query":                   {request: get("/predictions/m?q=" + strings.Repeat("x", 50_000))},
		"an invalid escape":                   {request: get("/predictions/a%zz")},
		"length and chunks":                   {request: post + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"},
		"two lengths":                         {request: post + "Content-Length: 4\r\nContent-Length: 5\r\n\r\nhello"},
		"an encoding that is unknown":         {request: post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"},
		"HTTP/1.0":                            {request: "POST /predictions/m HTTP/1.0\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"},
		"HTTP/1.0 and a chunked response":     {request: "GET /predictions/m HTTP/1.0\r\nHost: a\r\n\r\n", handler: chunked},
		"HTTP/1.0 that keeps alive":           {request: "GET /predictions/m HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n", handler: say(200, http.Header{"Content-Length": {"1"}}, "x")},
		"a client that closes":                {request: "GET /predictions/m HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"},
		"forwarded already": {request: post + "X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: models.example\r\n" +
			"Forwarded: for=1.2.3.4;proto=https\r\nVia: 1.1 edge\r\nContent-Length: 0\r\n\r\n"},
		"credentials, tracing, user agent": {request: post + "Authorization: Bearer x\r\nTraceparent: 00-1-2-01\r\nUser-Agent: curl/8\r\nAccept: */*\r\nReferer: x\r\nContent-Length: 0\r\n\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			upstream, requests := observed(t, c.handler)
			s := inFrontOf(t, upstream, func(o *recorder.Options) { o.WaitLonger(moment) })
			method, _, _ := strings.Cut(c.request, " ")
			ask := func(address string) exchanged {
				e := exchanged{Got: converse(t, address, method, c.request, c.body)}
				select {
				case r := <-requests:
					e.Seen = &r
				case <-time.After(50 * time.Millisecond):
				}
				return e.withoutHops()
			}
			direct := ask(upstream)
			require.Equal(t, direct, ask(s.url).withoutForwarded(direct))
		})
	}
}
