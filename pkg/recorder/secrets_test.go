package recorder_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/recorder"
)

// shared is a buffer that several goroutines write to.
type shared struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *shared) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *shared) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// answering is a server that answers the first bytes of every connection with a text, however wrong, and hangs up.
func answering(t *testing.T, text string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 64<<10))
			_, _ = io.WriteString(conn, text)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-done
	})
	return "http://" + listener.Addr().String()
}

// Neither bodies nor headers nor queries are logged, told by metrics or shown by /models, whatever goes wrong.
func TestBodiesAndCredentialsAreNotKept(t *testing.T) {
	const secret = "s3cr3t"
	well := listen(t, t.Context(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(w, r.Body)
	}))
	for name, c := range map[string]struct {
		upstream, code string
	}{
		"all is well":           {well, "200"},
		"nobody listens":        {"http://127.0.0.1:1", "502"},
		"it is no HTTP":         {answering(t, secret+"\r\n\r\n"), "502"},
		"a header is none":      {answering(t, "HTTP/1.1 200 OK\r\n"+secret+"\r\n\r\n"), "502"},
		"a length is none":      {answering(t, "HTTP/1.1 200 OK\r\nContent-Length: "+secret+"\r\n\r\n"), "502"},
		"an encoding is none":   {answering(t, "HTTP/1.1 200 OK\r\nTransfer-Encoding: "+secret+"\r\n\r\n"), "502"},
		"the response is short": {answering(t, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"+secret), "502"},
		"a chunk is none":       {answering(t, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"+secret+"\r\n"), "502"},
		"more than was said":    {answering(t, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"+secret), "200"},
	} {
		t.Run(name, func(t *testing.T) {
			var logged shared
			handler := slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug})
			// The standard library tells nobody else of some errors; the program does the same.
			before := log.Writer()
			log.SetOutput(slog.NewLogLogger(recorder.RedactingHandler(handler), slog.LevelDebug).Writer())
			t.Cleanup(func() { log.SetOutput(before) })
			s := inFrontOf(t, c.upstream, func(o *recorder.Options) { o.Logger = slog.New(handler) })
			request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/predictions/m?api_key="+secret, stringReader(`{"text": "`+secret+`"}`))
			require.NoError(t, err)
			request.Header = http.Header{"Authorization": {"Bearer " + secret}, "Cookie": {"session=" + secret}, "X-" + secret: {secret}}
			if response, err := s.client.Do(request); err == nil {
				_, _ = io.Copy(io.Discard, response.Body)
				require.NoError(t, response.Body.Close())
			}
			s.eventually(1, prometheus.Labels{"model": "m", "code": c.code})

			families, err := s.registry.Gather()
			require.NoError(t, err)
			metrics, err := json.Marshal(families)
			require.NoError(t, err)
			require.NotContains(t, string(metrics), secret)
			page := httptest.NewRecorder()
			s.recorder.ModelsHandler().ServeHTTP(page, httptest.NewRequest(http.MethodGet, "/models", nil))
			require.NotContains(t, page.Body.String(), secret)
			require.NotContains(t, logged.String(), secret)
		})
	}
}

func TestDiscreet(t *testing.T) {
	t.Parallel()
	var logged bytes.Buffer
	logger := slog.New(recorder.RedactingHandler(slog.NewTextHandler(&logged, nil))).With("header", `"s3cr3t"`).WithGroup("request")
	logger.Info(`it began with "s3cr\"3t" and "s3cr3t"`, "error", errors.New(`bad "s3cr3t" here`), "code", 502)
	require.NotContains(t, logged.String(), "cr3t")
	require.NotContains(t, logged.String(), "3t")
	require.Contains(t, logged.String(), "it began with")
	require.Contains(t, logged.String(), "request.code=502")
	require.Contains(t, logged.String(), "bad")
}
