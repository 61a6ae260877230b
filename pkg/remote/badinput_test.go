package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/executor"
	"github.com/coldhit/modelserving-datasource/pkg/series"
	"github.com/coldhit/modelserving-datasource/pkg/settings"
)

const one = `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"a":"b"},"values":[[1700000000,"1"]]}]}}`

func answering(t *testing.T, handler http.HandlerFunc, change ...func(*settings.Prometheus)) *Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return newClient(t, backend.DataSourceInstanceSettings{URL: server.URL}, change...)
}

func saying(status int, contentType, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func ask(t *testing.T, c *Client) (series.Result, error) {
	t.Helper()
	return c.RangePromQL(t.Context(), "up", executor.Range{Start: origin, End: origin.Add(time.Minute), Step: 15 * time.Second})
}

func matrix(series string) string {
	return `{"status":"success","data":{"resultType":"matrix","result":[` + series + `]}}`
}

// Every failure is the server's, has a reason for code and a sentence for people, and takes no longer than the timeout.
func TestFailuresOfServers(t *testing.T) {
	t.Parallel()
	const json = "application/json"
	for name, c := range map[string]struct {
		answer   http.HandlerFunc
		problem  Problem
		sentence string
	}{
		"422 in its words":        {saying(422, json, `{"status":"error","errorType":"execution","error":"query processing would load too many samples into memory"}`), QueryTooLarge, "too many samples into memory"},
		"400 in its words":        {saying(400, json, `{"status":"error","errorType":"bad_data","error":"1:4: parse error:\nunexpected end"}`), BadQuery, "rejects the query: 1:4: parse error: unexpected end."},
		"200 with an error":       {saying(200, json, `{"status":"error","errorType":"bad_data","error":"no"}`), BadQuery, "rejects the query: no."},
		"429 with seconds":        {saying(429, "text/plain", "slow down", "Retry-After", "7"), RateLimited, "Response: slow down. It requests a pause of 7s."},
		"429 of Mimir":            {saying(429, json, `{"status":"error","errorType":"too_many_requests","error":"too many outstanding requests"}`), RateLimited, "too many outstanding requests"},
		"503":                     {saying(503, "text/html", "<html><h1>Unavailable</h1>"), Unavailable, "is not available (HTTP 503 Service Unavailable)"},
		"503 with a timeout":      {saying(503, json, `{"status":"error","errorType":"timeout","error":"query timed out in expression evaluation"}`), ServerTimeout, "aborted the query"},
		"401":                     {saying(401, "text/plain", "no"), Unauthorized, "HTTP 401 from "},
		"403 of Amazon":           {saying(403, json, `{"message":"Missing Authentication Token"}`), Forbidden, "Missing Authentication Token"},
		"404":                     {saying(404, "text/plain", "404 page not found"), NotFound, "Check the URL's path"},
		"414":                     {saying(414, "text/html", "<html>"), BadQuery, "Choose POST"},
		"500":                     {saying(500, "text/plain", "panic: at https://user:secret@host/?key=secret"), UnexpectedStatus, "HTTP 500 Internal Server Error from "},
		"HTML with 200":           {saying(200, "text/html", "\n<!doctype html><title>Sign in</title>"), NotPrometheus, "returned a web page"},
		"HTML at once":            {saying(200, "text/html", "<!doctype html><title>Sign in</title>"), NotPrometheus, "returned a web page"},
		"redirect":                {saying(302, "text/html", "", "Location", "https://elsewhere.example/login?token=secret"), Redirected, "redirects to https://elsewhere.example/login?token=…"},
		"nothing":                 {saying(200, json, ""), HalfWritten, "is incomplete"},
		"text":                    {saying(200, json, "hello"), Garbled, `at byte 0: 'h' stands where '{' should`},
		"half of it":              {saying(200, json, one[:len(one)-20]), HalfWritten, "is incomplete"},
		"more behind it":          {saying(200, json, one+"{}"), Garbled, "follows the response"},
		"no status":               {saying(200, json, `{"data":{"resultType":"matrix","result":[]}}`), Garbled, "no status"},
		"duplicate series":        {saying(200, json, matrix(`{"metric":{"a":"b","c":"d"},"values":[[1,"1"]]},{"metric":{"c":"d","a":"b"},"values":[[1,"2"]]}`)), DuplicateSeries, `the series {a="b", c="d"} occurs twice`},
		"times that go back":      {saying(200, json, matrix(`{"metric":{},"values":[[2,"1"],[1,"1"]]}`)), Garbled, "do not ascend"},
		"a number without quotes": {saying(200, json, matrix(`{"metric":{},"values":[[2,1]]}`)), Garbled, "stands where"},
		"no number":               {saying(200, json, matrix(`{"metric":{},"values":[[2,"one"]]}`)), Garbled, `"one" is not a number`},
		"a control character":     {saying(200, json, "{\"status\":\"suc\x01cess\"}"), Garbled, "control character"},
		"deep nesting":            {saying(200, json, `{"x":`+strings.Repeat("[", 5000)), Garbled, "nested"},
		"an endless label":        {saying(200, json, matrix(`{"metric":{"a":"`+strings.Repeat("x", maxTokenBytes+1))), Garbled, "longer than"},
		"a string":                {saying(200, json, `{"status":"success","data":{"resultType":"string","result":[1,"x"]}}`), BadQuery, "returns a string"},
		"another compression":     {saying(200, json, one, "Content-Encoding", "br"), Garbled, "only gzip and zstd"},
		"deflate":                 {saying(200, json, one, "Content-Encoding", "deflate"), Garbled, `cannot be decompressed: it is compressed with "deflate"`},
		"an error without words":  {saying(200, json, `{"status":"error"}`), BadQuery, "an error without a message"},
		"413":                     {saying(413, "text/html", "<html>"), QueryTooLarge, "too large for"},
		"407":                     {saying(407, "text/html", "<html>"), ProxyFailed, "requires credentials (HTTP 407)"},
		"429 with a date":         {saying(429, "text/plain", "", "Retry-After", time.Now().Add(90*time.Minute).UTC().Format(http.TimeFormat)), RateLimited, "It requests a pause of 1h"},
		"too many steps":          {saying(400, json, `{"status":"error","errorType":"bad_data","error":"exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)"}`), QueryTooLarge, "a longer step"},
		"a limit of Mimir":        {saying(422, json, `{"status":"error","errorType":"execution","error":"the query exceeded the maximum number of series (limit: 100000 series) (err-mimir-max-series-per-query)"}`), QueryTooLarge, "fewer series"},
		"a limit of Cortex":       {saying(422, json, `{"status":"error","errorType":"execution","error":"the query hit the max number of chunks limit (limit: 2000000 chunks)"}`), QueryTooLarge, "fewer series"},
		"a limit of Thanos":       {saying(422, json, `{"status":"error","errorType":"execution","error":"expand series set: exceeded series limit: rpc error: code = ResourceExhausted"}`), QueryTooLarge, "fewer series"},
		"a limit of VM":           {saying(422, json, `{"status":"error","errorType":"422","error":"the number of matching timeseries exceeds 300000; either narrow down the search or increase -search.max* command-line flag values"}`), QueryTooLarge, "fewer series"},
		"a wrong comparison":      {saying(422, json, `{"status":"error","errorType":"execution","error":"found duplicate series for the match group on the right hand-side of the operation"}`), BadQuery, "found duplicate series"},
		"not gzip":                {saying(200, json, one, "Content-Encoding", "gzip"), Garbled, "decompressed"},
		"not zstd":                {saying(200, json, one, "Content-Encoding", "zstd"), Garbled, "decompressed"},
		"half of gzip":            {saying(200, json, string(gzipped(t, one)[:40]), "Content-Encoding", "gzip"), HalfWritten, "is incomplete"},
		"changed gzip":            {saying(200, json, changed(gzipped(t, strings.Repeat(one, 100))), "Content-Encoding", "gzip"), Garbled, ""},
		"no flush of a promise":   {saying(200, json, one, "Content-Length", "1000"), HalfWritten, "is incomplete"},
		"closed":                  {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "", "closed the connection"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			_, err := ask(t, answering(t, c.answer))
			require.ErrorContains(t, err, c.sentence)
			require.True(t, backend.IsDownstreamError(err))
			require.NotContains(t, err.Error(), "secret")
			require.Less(t, time.Since(began), 20*time.Second)
			var e *Error
			if errors.As(err, &e); c.problem != "" {
				require.NotNil(t, e)
				require.Equal(t, c.problem, e.Problem, err)
			}
		})
	}
}

// What stands between is not taken for the server.
func TestAProxyThatCannotBeReached(t *testing.T) {
	t.Parallel()
	to, err := url.Parse("https://me:secret@prometheus.example/?key=secret")
	require.NoError(t, err)
	refused := &url.Error{Op: "Post", URL: to.String(), Err: &net.OpError{Op: "proxyconnect", Net: "tcp", Err: &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}}}
	explained := subject{url: to, timeout: time.Second}.explain(t.Context(), refused)
	var e *Error
	require.ErrorAs(t, explained, &e)
	require.Equal(t, ProxyFailed, e.Problem)
	require.ErrorContains(t, explained, "The proxy for https://prometheus.example/?key=… cannot be reached: dial tcp: connection refused. Check that it is running")
	require.True(t, backend.IsDownstreamError(explained))
	require.NotContains(t, explained.Error(), "secret")
}

func gzipped(t *testing.T, text string) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := io.WriteString(w, text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return out.Bytes()
}

func changed(b []byte) string {
	b[len(b)/2] ^= 0xff
	return string(b)
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "5": 5 * time.Second, "Thu, 01 Jan 2026 00:01:00 GMT": time.Minute, "Thu, 01 Jan 2015 00:01:00 GMT": 0, "-1": 0, "soon": 0, "99999999999999": 0,
	} {
		require.Equal(t, want, retryAfter(&http.Response{Header: http.Header{"Retry-After": {text}}}, now), text)
	}
}

// What can be read is answered, and what is wrong with it is said.
func TestOddAnswersThatCanBeRead(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer   http.HandlerFunc
		warnings string
	}{
		"another content type": {saying(200, "text/plain", one), ""},
		"white space":          {saying(200, "", " {\n\"status\" : \"success\" , \"data\":{ \"result\" : [ {\"values\":[ [ 1700000000 , \"1\" ] ],\"metric\":{\"a\" :\"b\"} } ],\"resultType\":\"matrix\"} }\n"), ""},
		"unknown members":      {saying(200, "", `{"status":"success","isPartial":false,"stats":{"a":[1,-2.5e3,null,true,"\u00e4"]},"data":{"resultType":"matrix","result":[{"x":[[]],"metric":{"a":"b"},"values":[[1.7e9,"1"]]}],"y":{}}}`), ""},
		"escaped":              {saying(200, "", strings.Replace(one, `"b"`, `"\u0062"`, 1)), ""},
		"gzip":                 {saying(200, "", string(gzipped(t, one)), "Content-Encoding", "gzip"), ""},
		"zstd":                 {saying(200, "", string(zstandard(t, one)), "Content-Encoding", "zstd"), ""},
		"warnings":             {saying(200, "", strings.Replace(one, "{", `{"warnings":["one store did not answer"],"infos":null,`, 1)), "one store did not answer"},
		"a part of the data":   {saying(200, "", strings.Replace(one, "{", `{"isPartial":true,`, 1)), partialWarning},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := ask(t, answering(t, c.answer))
			require.NoError(t, err)
			require.Len(t, got.Series, 1)
			require.Equal(t, map[string]string{"a": "b"}, got.Series[0].Labels)
			require.Equal(t, []int64{1_700_000_000_000}, got.Series[0].Times)
			require.Equal(t, []float64{1}, got.Series[0].Values)
			require.Equal(t, c.warnings, strings.Join(got.Warnings, "|"))
		})
	}
}

func zstandard(t *testing.T, text string) []byte {
	w, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	return w.EncodeAll([]byte(text), nil)
}

func TestLabelsThatAreNotUTF8(t *testing.T) {
	t.Parallel()
	got, err := ask(t, answering(t, saying(200, "", matrix("{\"metric\":{\"a\":\"\xff\xfe!\"},\"values\":[[1,\"1\"]]}"))))
	require.NoError(t, err)
	require.Equal(t, map[string]string{"a": "\uFFFD!"}, got.Series[0].Labels)
	require.Equal(t, []string{garbledWarning}, got.Warnings)
	_, err = ask(t, answering(t, saying(200, "", matrix("{\"metric\":{\"a\":\"\xff\"},\"values\":[[1,\"1\"]]},{\"metric\":{\"a\":\"\xfe\"},\"values\":[[1,\"1\"]]}"))))
	require.ErrorContains(t, err, "occurs twice", "they cannot be told apart any more")
}

// A server that answers slowly, or dies in the middle, is left within the timeout.
func TestSlowServers(t *testing.T) {
	t.Parallel()
	quick := func(s *settings.Prometheus) { s.QueryTimeout = 300 * time.Millisecond }
	ended := func(r *http.Request) { // a server notices who has gone only behind the request's body
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}
	for name, handler := range map[string]http.HandlerFunc{
		"says nothing": func(_ http.ResponseWriter, r *http.Request) { ended(r) },
		"stops in the middle": func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, one[:70])
			w.(http.Flusher).Flush()
			ended(r)
		},
		"trickles": func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := io.WriteString(w, " "); err != nil {
					return
				}
				w.(http.Flusher).Flush()
				time.Sleep(5 * time.Millisecond)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			_, err := ask(t, answering(t, handler, quick))
			require.ErrorContains(t, err, "did not answer in full within 300ms")
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.True(t, backend.IsDownstreamError(err))
			require.Less(t, time.Since(began), 10*time.Second)
		})
	}
	t.Run("dies", func(t *testing.T) {
		t.Parallel()
		_, err := ask(t, answering(t, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, one[:70])
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}))
		require.ErrorContains(t, err, "is incomplete")
	})
}

// Endless answers of every kind end at a limit, and little is held of them.
func TestEndlessAnswers(t *testing.T) {
	t.Parallel()
	endless := func(start, again string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, start)
			block := strings.Repeat(again, 1+(64<<10)/len(again))
			for r.Context().Err() == nil {
				if _, err := io.WriteString(w, block); err != nil {
					return
				}
			}
		}
	}
	limited := func(s *settings.Prometheus) {
		s.ResponseLimits = settings.ResponseLimits{BodyBytes: 32 << 20, Series: 1000, Samples: 100_000}
	}
	for name, c := range map[string]struct {
		handler  http.HandlerFunc
		sentence string
	}{
		"white space": {endless("", " "), "larger than the limit of 33554432 bytes"},
		"samples":     {endless(`{"status":"success","data":{"result":[{"metric":{},"values":[[1,"1"]`, ``+`,[2,"1"]`), "the limit of 100000 samples"},
		"skipped":     {endless(`{"x":[1`, `,1`), "larger than the limit"},
		"series":      {endless(`{"status":"success","data":{"result":[{"metric":{}}`, `,{"metric":{}}`), ""},
		"a number":    {endless(`{"x":1`, `1`), "longer than"},
		"warnings":    {endless(`{"warnings":["x"`, `,"x"`), "larger than the limit"},
		"buckets":     {endless(`{"status":"success","data":{"result":[{"metric":{},"histograms":[[1,{"buckets":[[0,"1","2","3"]`, `,[0,"1","2","3"]`), "the limit of 100000 samples"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := ask(t, answering(t, c.handler, limited))
			require.Error(t, err)
			require.ErrorContains(t, err, c.sentence)
			require.True(t, backend.IsDownstreamError(err))
		})
	}
	t.Run("different series", func(t *testing.T) {
		t.Parallel()
		_, err := ask(t, answering(t, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"status":"success","data":{"result":[{"metric":{}}`)
			for i := range 2000 {
				_, _ = fmt.Fprintf(w, `,{"metric":{"i":"%d"},"value":[1,"1"]}`, i)
			}
		}, limited))
		require.ErrorContains(t, err, "the limit of 1000 series")
	})
	t.Run("compressed", func(t *testing.T) {
		t.Parallel()
		bomb := zstandard(t, strings.Repeat(" ", 64<<20))
		_, err := ask(t, answering(t, saying(200, "", string(bomb), "Content-Encoding", "zstd"), limited))
		require.ErrorContains(t, err, "larger than the limit of 33554432 bytes", "%d bytes become 64 MB", len(bomb))
	})
}

// Credentials go to the server that the settings name and to no other.
func TestRedirectsLeakNoCredentials(t *testing.T) {
	t.Parallel()
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the other server was asked") }))
	t.Cleanup(other.Close)
	for _, status := range []int{301, 302, 303, 307, 308} {
		var asked http.Header
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked = r.Header.Clone()
			http.Redirect(w, r, other.URL+"/api", status)
		}))
		t.Cleanup(server.Close)
		client := newClient(t, backend.DataSourceInstanceSettings{
			URL: server.URL, BasicAuthEnabled: true, BasicAuthUser: "me", JSONData: []byte(`{"httpHeaderName1": "X-Scope-OrgID"}`),
			DecryptedSecureJSONData: map[string]string{"basicAuthPassword": "secret", "httpHeaderValue1": "tenant"},
		})
		_, err := ask(t, client)
		require.ErrorContains(t, err, "Redirects are not followed")
		require.Equal(t, "tenant", asked.Get("X-Scope-OrgID"))
		require.NotEmpty(t, asked.Get("Authorization"))
	}
}

func FuzzDecodeQuery(f *testing.F) {
	f.Add([]byte(one))
	f.Add([]byte(matrix(`{"metric":{"a":"\ud83d\ude00"},"values":[[1.5,"NaN"],[2.25,"-Inf"]],"histograms":[[1,{"count":"1","sum":"2","buckets":[[0,"-1","+Inf","3"]]}]]}`)))
	f.Add([]byte(`{"status":"success","data":{"resultType":"scalar","result":[1,"2"]},"warnings":["w"],"infos":["i"]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		limits := settings.ResponseLimits{Series: 10, Samples: 5000}
		whole, err := decodeQuery(bytes.NewReader(text), newBudget(t.Context(), limits))
		parts, errInParts := decodeQuery(&byteByByte{text}, newBudget(t.Context(), limits))
		require.Equal(t, err == nil, errInParts == nil, "it does not matter how an answer arrives: %v, %v", err, errInParts)
		if err == nil {
			requireSame(t, whole, parts, "")
		}
		for _, s := range whole.Series {
			require.Len(t, s.Times, len(s.Values))
			require.True(t, ascending(s.Times))
		}
	})
}

type byteByByte struct{ left []byte }

func (b *byteByByte) Read(p []byte) (int, error) {
	if len(b.left) == 0 {
		return 0, io.EOF
	}
	p[0], b.left = b.left[0], b.left[1:]
	return 1, nil
}
