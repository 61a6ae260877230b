package blackbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/tests/blackbox/driver"
	"github.com/coldhit/modelserving-datasource/tests/captures"
)

// No secret of a data source is in the process's log, in an error, a frame, a resource or the health check.
func TestSecretsAreNeverShown(t *testing.T) {
	t.Parallel()
	const key, wrong, inQuery, certificate = "key-f00d-secret", "wrong-f00d-secret", "query-f00d-secret", "certificate-f00d-secret"
	asked := make(chan string, 1)
	page := handle(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+key || r.URL.Query().Get("token") != inQuery {
			w.WriteHeader(http.StatusForbidden)
			_, _ = fmt.Fprintf(w, "no entry for %s", r.Header.Get("Authorization"))
			return
		}
		select {
		case asked <- r.URL.RawQuery:
		default:
		}
		_, _ = w.Write(captures.Recording(t, "triton", "2-metrics-all-loaded"))
	})
	elsewhere := handle(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, page.URL+"/?token="+inQuery, http.StatusFound)
	})
	closing := handle(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	s := driver.Embedded("secrets",
		unmanaged(t, "good", page.URL+"/metrics?token="+inQuery),
		unmanaged(t, "wrong", page.URL+"/wrong?token="+inQuery),
		unmanaged(t, "refused", refusing(t)+"/metrics?token="+inQuery),
		unmanaged(t, "redirected", elsewhere.URL+"/metrics?token="+inQuery),
		unmanaged(t, "closing", closing.URL+"/metrics?token="+inQuery),
	)
	s.Secrets = map[string]string{"apiKey.good": key, "apiKey.wrong": wrong, "apiKey.refused": key, "apiKey.redirected": key, "apiKey.closing": key}
	p := driver.Start(t, binary, t.TempDir())
	health := p.Check(s)
	require.Equal(t, inQuery, (<-asked)[len("token="):], "the server does get it")
	require.Contains(t, health.Message, "4 of 5 targets have a problem")
	require.Eventually(t, func() bool {
		_, found := driver.Find(p.Ask(s, time.Minute, query("requests", nil, "model", "replica"))["A"], map[string]string{"model": "fast"})
		return found
	}, waitForScrape, pollEvery)

	shown := []string{health.Message, string(health.JSONDetails)}
	for _, q := range []map[string]any{query("requests", nil, "model", "replica"), query("nothing", nil), promQL("up"), promQL("{__name__=~\".+\"}"), promQL("(")} {
		r := p.Ask(s, time.Minute, q)["A"]
		text, err := json.Marshal(r)
		require.NoError(t, err)
		shown = append(shown, string(text), driver.Describe(r))
	}
	for _, path := range []string{"targets", "signals", "profiles", "values"} {
		_, body := p.Call(s, path, "label=replica")
		shown = append(shown, fmt.Sprint(body))
	}
	// Settings that are refused and instances that cannot be made.
	broken := s
	broken.Updated, broken.Secrets = s.Updated.Add(time.Second), map[string]string{"apiKey.good": "line\nbreak-f00d-secret", "caCertificate": certificate}
	shown = append(shown, p.Check(broken).Message)
	broken.Updated, broken.Secrets = s.Updated.Add(2*time.Second), map[string]string{"caCertificate": certificate}
	shown = append(shown, p.Check(broken).Message)
	broken.JSON = map[string]any{"targets": []map[string]any{driver.Target("one", "http://somebody:password-f00d-secret@host/metrics")}}
	broken.Updated = s.Updated.Add(3 * time.Second)
	shown = append(shown, p.Check(broken).Message)
	p.Stop()
	shown = append(shown, p.Log.String())
	for _, text := range shown {
		require.NotContains(t, text, "f00d-secret")
	}
	require.NotEmpty(t, p.Log.String())
}

func TestViewers(t *testing.T) {
	t.Parallel()
	server := newReplay(t, "2-metrics-all-loaded", "3-repository-index")
	p := driver.Start(t, binary, t.TempDir())
	s := driver.Embedded("viewer", server.target("one"))
	s.Role = "Viewer"
	requireData(t, p, s)
	status, body := p.Call(s, "targets", "")
	require.Equal(t, http.StatusForbidden, status)
	require.NotContains(t, fmt.Sprint(body), server.URL)
	_, body = p.Call(s, "values", "label=model&filters="+`{"deployment":["demo"]}`)
	require.Equal(t, []any{"cached", "failing", "fast", "pipe", "slow", "stream"}, body["values"])
	for _, path := range []string{"signals", "profiles"} {
		status, _ = p.Call(s, path, "")
		require.Equal(t, http.StatusOK, status, path)
	}
	for _, method := range []string{"POST", "PUT", "DELETE"} {
		status, _ = p.CallMethod(s, method, "values", "label=model")
		require.Equal(t, http.StatusMethodNotAllowed, status, method)
	}
}
