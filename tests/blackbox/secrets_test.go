package blackbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
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
		if r.Header.Get("Authorization") != "Bearer "+key || r.URL.Query().Get("view") != inQuery {
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
		http.Redirect(w, r, page.URL+"/?view="+inQuery, http.StatusFound)
	})
	closing := handle(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	s := driver.Embedded("secrets",
		unmanaged(t, "good", page.URL+"/metrics?view="+inQuery),
		unmanaged(t, "wrong", page.URL+"/wrong?view="+inQuery),
		unmanaged(t, "refused", refusing(t)+"/metrics?view="+inQuery),
		unmanaged(t, "redirected", elsewhere.URL+"/metrics?view="+inQuery),
		unmanaged(t, "closing", closing.URL+"/metrics?view="+inQuery),
	)
	s.Secrets = map[string]string{"apiKey.good": key, "apiKey.wrong": wrong, "apiKey.refused": key, "apiKey.redirected": key, "apiKey.closing": key}
	p := driver.Start(t, binary, t.TempDir())
	health := p.Check(s)
	require.Equal(t, inQuery, (<-asked)[len("view="):], "the server does get it")
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
	broken.JSON = map[string]any{"targets": []map[string]any{driver.Target("one", page.URL+"/metrics?token="+inQuery)}}
	broken.Updated = s.Updated.Add(4 * time.Second)
	refused := p.Check(broken)
	require.Equal(t, backend.HealthStatusError, refused.Status)
	require.Contains(t, refused.Message, `target 1: its URL contains the parameter "token", which every user of Grafana can read there; remove it and enter the API key instead`)
	panel := p.Ask(broken, time.Minute, promQL("up"))["A"]
	require.ErrorContains(t, panel.Error, `its URL contains the parameter "token"`)
	shown = append(shown, refused.Message, panel.Error.Error())
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
	health := p.Check(s)
	require.Equal(t, "1 target is up.", health.Message)
	require.Empty(t, health.JSONDetails)
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

// A server that repeats the header that it was sent shows the key to nobody: not in a panel, not in the check, not in the log.
func TestRepeatedKeysAreNeverShown(t *testing.T) {
	t.Parallel()
	const key = "key-f00d-repeated"
	server := handle(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/metrics" {
			w.WriteHeader(http.StatusInternalServerError)
		}
		_, _ = fmt.Fprintf(w, "nv_inference_request_success{model=%q,version=\"1\"} %d\n", "sent "+r.Header.Get("Authorization"), time.Now().Unix())
	})
	s := driver.Embedded("repeated", unmanaged(t, "page", server.URL+"/metrics"), unmanaged(t, "error", server.URL+"/error"))
	s.Secrets = map[string]string{"apiKey.page": key, "apiKey.error": key}
	s.Role = "Viewer"
	p := driver.Start(t, binary, t.TempDir())
	var shown string
	require.Eventually(t, func() bool {
		answer := p.Ask(s, time.Minute, query("requests", nil, "model"), promQL("{model!=\"\"}"), query("requests", nil, "replica"))
		text, err := json.Marshal(answer)
		require.NoError(t, err)
		_, found := driver.Find(answer["A"], map[string]string{"model": "sent Bearer [redacted]"})
		shown = string(text)
		return found
	}, waitForScrape, pollEvery)
	health := p.Check(s)
	s.Role = "Admin"
	detailed := p.Check(s)
	_, values := p.Call(s, "values", "label=model")
	p.Stop()
	shown += health.Message + detailed.Message + string(detailed.JSONDetails) + fmt.Sprint(values) + p.Log.String()
	require.NotContains(t, shown, "f00d")
	require.NotContains(t, health.Message, "127.0.0.1")
}
