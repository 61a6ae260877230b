package blackbox

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/remote/prometheustest"
	"github.com/coldhit/modelserving-datasource/tests/blackbox/driver"
)

// faultyProxy stands before a real server and spoils its answers to range queries about successes.
type faultyProxy struct {
	*httptest.Server
	fault atomic.Pointer[fault]
}

// fault does to a real answer what it does.
type fault func(w http.ResponseWriter, r *http.Request, answer []byte)

func newFaultyProxy(t *testing.T, behind string) *faultyProxy {
	t.Helper()
	p := &faultyProxy{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		request, err := http.NewRequestWithContext(r.Context(), r.Method, behind+r.URL.RequestURI(), bytes.NewReader(body))
		if err != nil {
			return
		}
		request.Header.Set("Content-Type", r.Header.Get("Content-Type"))
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return
		}
		defer func() { _ = response.Body.Close() }()
		answer, err := io.ReadAll(response.Body)
		if err != nil {
			return
		}
		query, _ := url.ParseQuery(string(body))
		if spoil := p.fault.Load(); spoil != nil && strings.HasSuffix(r.URL.Path, "/query_range") && strings.Contains(query.Get("query"), "success") {
			(*spoil)(w, r, answer)
			return
		}
		w.Header().Set("Content-Type", response.Header.Get("Content-Type"))
		w.WriteHeader(response.StatusCode)
		_, _ = w.Write(answer)
	}))
	t.Cleanup(p.Close)
	return p
}

func saying(status int, contentType, text string, headers ...string) fault {
	return func(w http.ResponseWriter, _ *http.Request, _ []byte) {
		w.Header().Set("Content-Type", contentType)
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text)
	}
}

// changing rewrites a real answer, at its first place.
func changing(from, to string) fault {
	return func(w http.ResponseWriter, _ *http.Request, answer []byte) {
		_, _ = w.Write(bytes.Replace(answer, []byte(from), []byte(to), 1))
	}
}

var newestValue = regexp.MustCompile(`"[^"]*"\]\]`)

// endingWith puts another value in the place of the newest ones.
func endingWith(value string) fault {
	return func(w http.ResponseWriter, _ *http.Request, answer []byte) {
		_, _ = w.Write(newestValue.ReplaceAll(answer, []byte(`"`+value+`"]]`)))
	}
}

func neverAnswering(_ http.ResponseWriter, r *http.Request, _ []byte) { <-r.Context().Done() }

func dying(w http.ResponseWriter, _ *http.Request, answer []byte) {
	_, _ = w.Write(answer[:len(answer)/2])
	w.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

func endless(w http.ResponseWriter, r *http.Request, answer []byte) {
	_, _ = w.Write(answer[:len(answer)-3])
	for blank := bytes.Repeat([]byte(" "), 1<<20); r.Context().Err() == nil; {
		if _, err := w.Write(blank); err != nil {
			return
		}
	}
}

func doubling(w http.ResponseWriter, _ *http.Request, answer []byte) {
	before, series, _ := bytes.Cut(answer, []byte(`"result":[`))
	series, _, _ = bytes.Cut(series, []byte(`]}}`))
	_, _ = fmt.Fprintf(w, `%s"result":[%s,%s]}}`, before, series, series)
}

// Whatever a server does wrong is said of the panel that it does it to, and of no other; and when it is over, the panel shows what it would if
// nothing had been.
func TestFaultsOfAServerStayWithTheirPanel(t *testing.T) {
	t.Parallel()
	server := prometheustest.New(t)
	fleetIn(t, server)
	proxy := newFaultyProxy(t, server.URL)
	p := driver.Start(t, binary, t.TempDir())
	const json = "application/json"
	succeeding := map[string]any{"queryType": "promql", "expr": "sum by (model) (nv_inference_request_success)"}
	failing := map[string]any{"queryType": "promql", "expr": "sum by (model) (nv_inference_request_failure)"}
	now := time.Now().Truncate(time.Minute)
	id := int64(100)
	source := func(url string) driver.Source {
		id++
		s := driver.Prometheus(fmt.Sprintf("faulty-%d", id), url)
		s.ID = id
		s.JSON["prometheus"] = map[string]any{"queryTimeout": "5s", "responseLimits": map[string]any{"bodySize": "4MB"}}
		return s
	}
	ask := func(s driver.Source, minutes time.Duration) backend.Responses {
		r := backend.TimeRange{From: now.Add(-10 * time.Minute), To: now.Add(minutes * time.Minute)}
		return p.AskRange(s, r, 15*time.Second, succeeding, failing)
	}
	honest := source(server.URL)
	for _, c := range []struct {
		name  string
		fault fault
		// problem is the error's, or else the notice of an answer that can be read.
		problem, notice string
	}{
		{"slow", neverAnswering, "did not answer in full within 5s", ""},
		{"dies in the middle", dying, "is incomplete", ""},
		{"422", saying(422, json, `{"status":"error","errorType":"execution","error":"query processing would load too many samples into memory"}`), "too large", ""},
		{"429", saying(429, "text/plain", "", "Retry-After", "7"), "It requests a pause of 7s.", ""},
		{"503", saying(503, "text/html", "<html>"), "is not available (HTTP 503", ""},
		{"HTML", saying(200, "text/html", "<html><title>Sign in</title>"), "returned a web page", ""},
		{"deflate", saying(200, json, "x", "Content-Encoding", "deflate"), "cannot be decompressed", ""},
		{"4 GB", endless, "larger than the limit of 4194304 bytes", ""},
		{"duplicate series", doubling, "occurs twice", ""},
		{"invalid UTF-8", changing(`"model":"a"`, "\"model\":\"\xff\""), "", "not UTF-8"},
		{"infinity", endingWith("+Inf"), "", ""},
		{"NaN", endingWith("NaN"), "", ""},
		{"a warning", changing(`{"status"`, `{"warnings":["one store did not answer"],"status"`), "", "one store did not answer"},
		{"an info", changing(`{"status"`, `{"infos":["PromQL info: metric might not be a counter"],"status"`), "", "might not be a counter"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := source(proxy.URL)
			require.NoError(t, ask(s, -2)["A"].Error)
			proxy.fault.Store(&c.fault)
			began := time.Now()
			got := ask(s, 0)
			proxy.fault.Store(nil)
			require.Less(t, time.Since(began), 45*time.Second)
			require.NoError(t, got["B"].Error, "the other panel goes on")
			require.NotEmpty(t, got["B"].Frames)
			if c.problem != "" {
				require.ErrorContains(t, got["A"].Error, c.problem)
				require.Equal(t, "downstream", string(got["A"].ErrorSource))
			} else {
				require.NoError(t, got["A"].Error)
				require.GreaterOrEqual(t, len(got["A"].Frames), 2)
				require.Contains(t, driver.Notices(got["A"]), c.notice)
				require.NotEqual(t, driver.Describe(ask(honest, 0)["A"]), driver.Describe(got["A"]), "the answer was changed")
			}
			want, after := ask(honest, 0), ask(s, 0)
			require.NoError(t, after["A"].Error)
			require.Equal(t, withoutNotices(want["A"]), withoutNotices(after["A"]), "nothing of the fault is kept")
		})
	}
}

// withoutNotices describes an answer: what the server said about an expression is said again of steps that are kept.
func withoutNotices(r backend.DataResponse) string {
	return regexp.MustCompile(`(?m)^notices: .*$`).ReplaceAllString(driver.Describe(r), "")
}
