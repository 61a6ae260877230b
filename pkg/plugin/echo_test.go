package plugin

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"io"
	stdlog "log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/httpclient"
	"github.com/grafana/grafana-plugin-sdk-go/backend/log"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/engine"
	"github.com/coldhit/modelserving-datasource/pkg/profile"
	"github.com/coldhit/modelserving-datasource/pkg/redact"
	"github.com/coldhit/modelserving-datasource/pkg/telemetry/telemetrytest"
)

// capturedLog is a logger that keeps every line of itself and those made of it.
type capturedLog struct {
	lines *lockedText
	with  string
}

type lockedText struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lockedText) String() string { l.mu.Lock(); defer l.mu.Unlock(); return l.text.String() }

func (l capturedLog) write(message string, args ...any) {
	l.lines.mu.Lock()
	defer l.lines.mu.Unlock()
	_, _ = fmt.Fprintln(&l.lines.text, message, l.with, fmt.Sprint(args...))
}
func (l capturedLog) Debug(m string, a ...any)               { l.write(m, a...) }
func (l capturedLog) Info(m string, a ...any)                { l.write(m, a...) }
func (l capturedLog) Warn(m string, a ...any)                { l.write(m, a...) }
func (l capturedLog) Error(m string, a ...any)               { l.write(m, a...) }
func (capturedLog) Level() log.Level                         { return log.Debug }
func (l capturedLog) FromContext(context.Context) log.Logger { return l }
func (l capturedLog) With(a ...any) log.Logger {
	return capturedLog{l.lines, l.with + fmt.Sprint(a...)}
}

// request is all that a request brings, in every encoding in which servers repeat it.
func requestEcho(r *http.Request) (texts []string) {
	body, _ := io.ReadAll(r.Body)
	parts := []string{r.URL.String(), string(body)}
	for name, values := range r.Header {
		parts = append(parts, name+": "+strings.Join(values, ", "))
	}
	if user, password, ok := r.BasicAuth(); ok {
		parts = append(parts, user, password)
	}
	for _, scheme := range []string{"Bearer ", "Api-Key "} {
		if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), scheme); ok {
			parts = append(parts, token)
		}
	}
	for _, p := range parts {
		texts = append(texts, p, url.QueryEscape(p), html.EscapeString(p), base64.StdEncoding.EncodeToString([]byte(p)), hex.EncodeToString([]byte(p)), fmt.Sprintf("%q", p))
	}
	return texts
}

func quoted(text string) string { b, _ := json.Marshal(text); return string(b) }

// labelValue is a text within a label's quotes in the text format.
func labelValue(text string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(text)
}

// echoTarget answers as its path says, with all that it was sent.
func echoTarget(w http.ResponseWriter, r *http.Request) {
	texts := requestEcho(r)
	all := strings.Join(texts, " ")
	switch {
	case strings.HasPrefix(r.URL.Path, "/page"):
		for i, text := range texts {
			_, _ = fmt.Fprintf(w, "nv_inference_request_success{model=\"m%d %s\",version=\"1\"} %d\n", i, labelValue(text), time.Now().Unix())
		}
	case strings.HasPrefix(r.URL.Path, "/error"):
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, all)
	case strings.HasPrefix(r.URL.Path, "/denied"):
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, all)
	case strings.HasPrefix(r.URL.Path, "/redirect"):
		http.Redirect(w, r, "http://"+r.Host+"/"+url.PathEscape(all)+"?token="+url.QueryEscape(all), http.StatusFound)
	case strings.HasPrefix(r.URL.Path, "/garbled"):
		_, _ = fmt.Fprintf(w, "ok 1\n}{ %s\n", all)
	case strings.HasPrefix(r.URL.Path, "/raw"):
		if c, _, err := w.(http.Hijacker).Hijack(); err == nil {
			_, _ = io.WriteString(c, strings.ReplaceAll(all, "\n", " ")+"\r\n\r\n")
			_ = c.Close()
		}
	case r.URL.Path == "/v2":
		_, _ = fmt.Fprintf(w, `{"name": "triton", "version": %s}`, quoted(all))
	case r.URL.Path == "/v2/repository/index":
		_, _ = fmt.Fprintf(w, `[{"name": %s, "version": "1", "state": "UNAVAILABLE", "reason": %s}]`, quoted(r.Header.Get("Authorization")), quoted(all))
	default:
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, all)
	}
}

// echoPrometheus answers queries in the API's form, in all of whose texts is what it was sent.
func echoPrometheus(failing bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		all := strings.Join(requestEcho(r), " ")
		// What is cut off must not leave the beginning of a secret.
		padded := strings.Repeat("x", 470) + " " + r.Header.Get("X-Custom") + r.Header.Get("Authorization") + all
		warnings := fmt.Sprintf(`"warnings": [%s, %s], "infos": [%[1]s]`, quoted(all), quoted(padded))
		if failing {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusUnprocessableEntity)
			_, _ = fmt.Fprintf(w, `{"status": "error", "errorType": "execution", "error": %s, %s}`, quoted(padded), warnings)
			return
		}
		now := time.Now().Unix()
		switch {
		case strings.Contains(r.URL.Path, "/query_range"):
			_, _ = fmt.Fprintf(w, `{"status": "success", %s, "data": {"resultType": "matrix", "result": [{"metric": {"__name__": "up", "model": %s}, "values": [[%d, "1"], [%d, "2"]]}]}}`, warnings, quoted(all), now-60, now-30)
		case strings.HasSuffix(r.URL.Path, "/query"):
			_, _ = fmt.Fprintf(w, `{"status": "success", %s, "data": {"resultType": "vector", "result": [{"metric": {"__name__": "up", "model": %s}, "value": [%d, "1"]}]}}`, warnings, quoted(all), now)
		case strings.Contains(r.URL.Path, "/label/") || strings.HasSuffix(r.URL.Path, "/labels"):
			_, _ = fmt.Fprintf(w, `{"status": "success", %s, "data": ["nv_inference_request_success", %s]}`, warnings, quoted(all))
		case strings.Contains(r.URL.Path, "buildinfo"):
			_, _ = fmt.Fprintf(w, `{"status": "success", "data": {"version": %s, "application": %s}}`, quoted("3.0 "+all), quoted(all))
		default:
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, all)
		}
	}
}

// askEverything sends all types of queries, the check and all resources as users of each role, and returns all that comes back.
func askEverything(t *testing.T, parent context.Context, d *Datasource) string {
	t.Helper()
	var out strings.Builder
	now := time.Now()
	for _, role := range []string{"Viewer", "Admin"} {
		c := backend.PluginContext{OrgID: 1, User: &backend.User{Role: role}, DataSourceInstanceSettings: &backend.DataSourceInstanceSettings{UID: "echo"}}
		ctx := backend.WithPluginContext(parent, c)
		var queries []backend.DataQuery
		for kind, texts := range map[string][]string{
			"": {`{"signal": "requests", "groupBy": ["model", "replica"]}`, `{"signal": "nothing"}`}, "models": {`{}`}, "objectives": {`{}`}, "diagnosis": {`{}`},
			"events": {`{}`}, "promql": {`{"expr": "up"}`, `{"expr": "{__name__=~\".+\"}"}`, `{"expr": "up", "instant": true}`, `{"expr": "("}`, `{"expr": "{__name__=~\".+\"} + on(job) {__name__=~\".+\"}"}`,
				`{"expr": "label_replace({model=~\".+\"}, \"part\", \"$1\", \"model\", \"(.{0,41}).*\")", "instant": true}`},
		} {
			for _, text := range texts {
				queries = append(queries, backend.DataQuery{RefID: fmt.Sprint(kind, len(queries)), QueryType: kind, JSON: []byte(text),
					TimeRange: between(now.Add(-5*time.Minute), now), Interval: time.Second, MaxDataPoints: 500})
			}
		}
		r, err := d.QueryData(ctx, &backend.QueryDataRequest{PluginContext: c, Queries: queries})
		require.NoError(t, err)
		for ref, response := range r.Responses {
			text, err := json.Marshal(response.Frames)
			require.NoError(t, err)
			_, _ = fmt.Fprintln(&out, role, ref, string(text), response.Error)
		}
		health, err := d.CheckHealth(ctx, &backend.CheckHealthRequest{PluginContext: c})
		require.NoError(t, err)
		_, _ = fmt.Fprintln(&out, role, health.Message, string(health.JSONDetails))
		for _, resource := range []string{"signals", "profiles", "values?label=model", "values?label=replica", "targets", "labels", "rules?format=prometheus", "rules?format=grafana", "recording-rules", "none"} {
			_, _ = fmt.Fprintln(&out, role, resource, d.ask(t, role, "GET", resource).text)
		}
	}
	return out.String()
}

// requireNoSecret fails if a secret is in a text in any encoding. Of each it also looks for a part, because a text may have been cut.
func requireNoSecret(t *testing.T, text string, secrets ...string) {
	t.Helper()
	for _, secret := range secrets {
		half := secret[:len(secret)*2/3]
		encoded := base64.StdEncoding.EncodeToString([]byte(secret))
		for name, form := range map[string]string{
			"plain": secret, "half": half, "query": url.QueryEscape(half), "HTML": html.EscapeString(half), "hex": hex.EncodeToString([]byte(half)),
			"base64": encoded[:len(encoded)/2], "quoted": strings.Trim(quoted(half), `"`),
		} {
			if i := strings.Index(text, form); i >= 0 {
				require.Fail(t, "a secret is shown", "%s of %s: …%s…", name, secret, text[max(0, i-300):min(len(text), i+len(form)+50)])
			}
		}
	}
}

// echoHost is a host whose log, and that of the data sources that it makes, is kept.
func echoHost(t *testing.T) (*host, *lockedText) {
	t.Helper()
	profiles, err := profile.Embedded()
	require.NoError(t, err)
	lines := &lockedText{}
	registry := engine.NewRegistry(engine.Options{DataPath: t.TempDir(), Logger: capturedLog{lines: lines}, Profiles: EngineProfiles(profiles)})
	t.Cleanup(func() { require.NoError(t, registry.Close()) })
	return &host{t, registry, profiles}, lines
}

// Whatever targets repeat of what they are sent, no secret is in a panel, an error, a resource, the check, a log or a span.
func TestSecretsThatTargetsRepeat(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(echoTarget))
	t.Cleanup(server.Close)
	over := httptest.NewUnstartedServer(http.HandlerFunc(echoTarget))
	over.Config.ErrorLog = stdlog.New(io.Discard, "", 0) // it complains of clients that do not trust it
	over.StartTLS()
	t.Cleanup(over.Close)
	const key, special, inURL = "sk-f00d-4a6b8c9d0e", `pa"ss<w>&o rd/+=\1'é`, "url-f00d-7788"
	var targets []string
	secure := map[string]string{}
	for i, path := range []string{"/page", "/page/special", "/error", "/denied", "/redirect", "/garbled", "/raw", "/missing", "/error/special"} {
		id := fmt.Sprintf("t%d", i)
		targets = append(targets, fmt.Sprintf(`{"id": %q, "url": "%s%s?x=%s", "managementUrl": %[2]q, "deployment": %[1]q, "authScheme": "Api-Key"}`, id, server.URL, path, inURL))
		secure["apiKey."+id] = key
		if strings.HasSuffix(path, "special") {
			secure["apiKey."+id] = special
		}
	}
	targets = append(targets, fmt.Sprintf(`{"id": "tls", "url": "%s/page"}`, over.URL))
	secure["apiKey.tls"] = key
	s := stored("echo", `{"interval": "1s", "scrapeLimits": {"labelValueLength": 100000, "labels": 500}, "targets": [`+strings.Join(targets, ",")+`]}`)
	s.DecryptedSecureJSONData = secure
	h, lines := echoHost(t)
	d, err := h.instance(1, s)
	require.NoError(t, err)
	d.logger = redact.Logger(capturedLog{lines: lines}, func() *redact.Redactor { return d.secrets })
	require.Eventually(t, func() bool {
		found, err := d.targets(t.Context())
		require.NoError(t, err)
		up, managed, failed := 0, 0, 0
		for _, f := range found {
			if f.ManagementError != "" {
				managed++ // the list was read, and the statistics were not
			}
			if f.Up && f.Samples > 0 {
				up++
			} else if f.LastError != "" {
				failed++
			}
		}
		return up == 2 && failed == 8 && managed > 0
	}, 20*time.Second, 100*time.Millisecond, "each target was read or failed")
	require.Eventually(t, func() bool {
		q := lately("", `{"signal": "requests", "groupBy": ["model"]}`)
		q.Interval = time.Second
		frames := d.run(t, t.Context(), q).Frames
		return len(frames) > 0 && len(frames[0].Fields) > 0
	}, 20*time.Second, 100*time.Millisecond)
	recorded, ended := telemetrytest.Record(t, t.Context())
	shown := askEverything(t, recorded, d)
	require.Contains(t, shown, "[redacted]", "the servers did repeat something")
	require.Contains(t, shown, "nv_inference_request_success")
	for _, span := range ended() {
		shown += fmt.Sprint(span.Name, telemetrytest.Attributes(span), span.Status.Description, span.Events)
	}
	requireNoSecret(t, shown+lines.String(), key, special)
	require.NotEmpty(t, lines.String())
}

// The same with a Prometheus-compatible server, and all that its HTTP settings may have.
func TestSecretsThatAPrometheusRepeats(t *testing.T) {
	t.Parallel()
	for name, handler := range map[string]http.HandlerFunc{"answers": echoPrometheus(false), "errors": echoPrometheus(true), "pages": echoTarget} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(handler)
			t.Cleanup(server.Close)
			const password, header, custom = "basic-f00d-password", "header-f00d-secret", `c"ustom<f00d>&secr et/+`
			for path, prefix := range map[string]string{"api": "", "redirects": "/redirect", "errors": "/error", "denied": "/denied", "raw": "/raw"} {
				s := stored("echo", `{"mode": "prometheus", "httpHeaderName1": "X-Token", "httpHeaderName2": "X-Custom"}`)
				s.URL, s.BasicAuthEnabled, s.BasicAuthUser = server.URL+prefix, true, "me"
				s.DecryptedSecureJSONData = map[string]string{"basicAuthPassword": password, "httpHeaderValue1": "Bearer " + header, "httpHeaderValue2": custom}
				h, lines := echoHost(t)
				d, err := h.instance(1, s)
				require.NoError(t, err)
				d.logger = redact.Logger(capturedLog{lines: lines}, func() *redact.Redactor { return d.secrets })
				shown := askEverything(t, t.Context(), d)
				if name == "answers" && path == "api" {
					require.Contains(t, shown, "[redacted]")
				}
				requireNoSecret(t, shown+lines.String(), password, header, custom)
			}
		})
	}
}

// Of a user whose identity and cookies are passed on, these are secrets as well.
func TestSecretsOfUsersThatAServerRepeats(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(echoPrometheus(true))
	t.Cleanup(server.Close)
	s := stored("echo", `{"mode": "prometheus", "oauthPassThru": true, "keepCookies": ["session"]}`)
	s.URL = server.URL
	h, lines := echoHost(t)
	d, err := h.instance(1, s)
	require.NoError(t, err)
	d.logger = redact.Logger(capturedLog{lines: lines}, func() *redact.Redactor { return d.secrets })
	now := time.Now()
	r := &backend.QueryDataRequest{Headers: map[string]string{}, Queries: []backend.DataQuery{{RefID: "A", QueryType: "promql", JSON: []byte(`{"expr": "up"}`),
		TimeRange: between(now.Add(-time.Minute), now), Interval: time.Second, MaxDataPoints: 100}}}
	r.SetHTTPHeader("Authorization", "Bearer users-f00d-token")
	r.SetHTTPHeader("X-Id-Token", "identity-f00d-token")
	ctx := backend.WithPluginContext(t.Context(), backend.PluginContext{OrgID: 1})
	answer, err := d.QueryData(forwarded(ctx, r), r)
	require.NoError(t, err)
	text := answer.Responses["A"].Error.Error()
	require.Contains(t, text, "[redacted]", "the header went along and came back")
	requireNoSecret(t, text+lines.String(), "users-f00d-token", "identity-f00d-token")
}

// forwarded is a context whose HTTP clients pass the headers of a request on, as the SDK has them do.
func forwarded(ctx context.Context, r *backend.QueryDataRequest) context.Context {
	return httpclient.WithContextualMiddleware(ctx, httpclient.MiddlewareFunc(func(o httpclient.Options, next http.RoundTripper) http.RoundTripper {
		return httpclient.RoundTripperFunc(func(request *http.Request) (*http.Response, error) {
			if o.ForwardHTTPHeaders {
				for name, values := range r.GetHTTPHeaders() {
					request.Header[name] = values
				}
			}
			return next.RoundTrip(request)
		})
	}))
}
