package redact_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/redact"
)

// Secrets of many shapes, none of which may come back in any encoding.
var secrets = []string{"sk-f00d-4a6b8c", `pa"ss<w>&o rd/+=\1'`, "пароль-мой-ключ", "😀emoji😀key", "line\nbreak-secret", "abcde"}

func encodings(secret string) map[string]string {
	quoted, _ := json.Marshal(secret)
	twice, _ := json.Marshal(string(quoted))
	return map[string]string{
		"plain": secret, "JSON": string(quoted), "JSON in JSON": string(twice), "Go": fmt.Sprintf("%q", secret), "ASCII": fmt.Sprintf("%+q", secret),
		"query": url.QueryEscape(secret), "path": url.PathEscape(secret), "query twice": url.QueryEscape(url.QueryEscape(secret)),
		"query in lower case": strings.ToLower(url.QueryEscape("/")) + url.PathEscape(secret), "HTML": html.EscapeString(secret),
		"base64": base64.StdEncoding.EncodeToString([]byte(secret)), "base64 for URLs": base64.RawURLEncoding.EncodeToString([]byte(secret)),
		"basic authentication":  base64.StdEncoding.EncodeToString([]byte("me:" + secret)),
		"basic authentication2": base64.StdEncoding.EncodeToString([]byte("you:" + secret)),
		"basic authentication3": base64.StdEncoding.EncodeToString([]byte("they:" + secret + "\n")),
		"hex":                   hex.EncodeToString([]byte(secret)), "header": "Authorization: Bearer " + secret,
	}
}

func TestEveryEncodingIsRedacted(t *testing.T) {
	t.Parallel()
	for _, secret := range secrets {
		r := redact.New(secret)
		for name, text := range encodings(secret) {
			shown := r.Text("the server says: <" + text + "> and more")
			require.Contains(t, shown, redact.Mark, "%s of %q", name, secret)
			require.NotContains(t, shown, secret, name)
			require.True(t, strings.HasPrefix(shown, "the server says: <") && strings.HasSuffix(shown, "> and more"), shown)
			if !strings.Contains(name, "bas") && name != "header" && name != "query in lower case" {
				require.Less(t, len(shown), len("the server says: <> and more")+len(redact.Mark)+7, "%s leaves a part of %q: %s", name, secret, shown)
			}
		}
	}
}

// A short secret is no reason to take other words apart.
func TestShortSecrets(t *testing.T) {
	t.Parallel()
	r := redact.New("key1", "7", "rate")
	for text, want := range map[string]string{
		"monkey1 and key1.":             "monkey1 and [redacted].",
		"key1 key1":                     "[redacted] [redacted]",
		"HTTP 407 after 7 s":            "HTTP 407 after 7 s",
		"Authorization: Bearer 7":       "Authorization: [redacted]",
		"separate rates at rate(x[7m])": "separate rates at [redacted](x[7m])",
	} {
		require.Equal(t, want, r.Text(text))
	}
}

func TestNothingToRedact(t *testing.T) {
	t.Parallel()
	for _, r := range []*redact.Redactor{nil, {}, redact.New(), redact.New("")} {
		require.True(t, r.Empty())
		require.Equal(t, "text", r.Text("text"))
		require.Equal(t, io.EOF, r.Error(io.EOF))
		require.NoError(t, r.Error(nil))
		require.False(t, r.With("secret-1").Empty())
	}
}

func TestErrorsStayWhatTheyAre(t *testing.T) {
	t.Parallel()
	r := redact.New("secret-123")
	err := r.Error(fmt.Errorf("reading secret-123: %w", io.ErrUnexpectedEOF))
	require.EqualError(t, err, "reading [redacted]: unexpected EOF")
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	downstream := r.Error(backend.DownstreamError(errors.New("secret-123")))
	require.True(t, backend.IsDownstreamError(downstream))
}

// Secrets that are fetched are redacted as well, also by redactors that were made before.
func TestTemporarySecrets(t *testing.T) {
	t.Parallel()
	r := redact.New("lasting-secret")
	child := r.With("user-secret")
	for i := range 100 {
		r.AddTemporary(fmt.Sprintf("token-number-%d", i+100))
	}
	require.Equal(t, "[redacted] [redacted] [redacted]", child.Text("token-number-199 lasting-secret user-secret"))
	require.Equal(t, "token-number-100", child.Text("token-number-100"), "long expired")
}

func TestSecretsOfADataSource(t *testing.T) {
	t.Parallel()
	key := "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0\nBAQEFAASCBKcwggSj\n-----END PRIVATE KEY-----\n"
	account, err := json.Marshal(map[string]string{"type": "service_account", "private_key_id": "0123456789abcdef", "private_key": key, "client_email": "me@project"})
	require.NoError(t, err)
	r := redact.OfDataSource(backend.DataSourceInstanceSettings{
		URL: "http://prometheus:9090/?api_key=in-the-url", BasicAuthEnabled: true, BasicAuthUser: "u",
		JSONData: []byte(`{"httpHeaderName1":"X-Scope-OrgID","httpHeaderName2":"X-Key","targets":[{"url":"http://user:in-userinfo@h/?token=in-a-target"}]}`),
		DecryptedSecureJSONData: map[string]string{
			"basicAuthPassword": "p", "httpHeaderValue1": "production", "httpHeaderValue2": "Bearer header-secret", "apiKey.one": "api-key-one",
			"googleKey": string(account), "caCertificate": "certificate", "tlsClientKey": key,
		},
	})
	for _, secret := range []string{
		"in-the-url", base64.StdEncoding.EncodeToString([]byte("u:p")), "header-secret", "api-key-one", "0123456789abcdef", "MIIEvQIBADANBgkqhkiG9w0",
		"BAQEFAASCBKcwggSj", "in-userinfo", "in-a-target", string(account),
	} {
		require.NotContains(t, r.Text("x "+secret+" y"), secret)
	}
	for _, public := range []string{"production", "certificate", "me@project", "http://prometheus:9090/"} {
		require.Equal(t, public, r.Text(public))
	}
	require.Equal(t, "Credential=A/aws4_request, Signature=[redacted]", r.Text("Credential=A/aws4_request, Signature="+strings.Repeat("0f", 32)))
}

func TestSecretsOfHeaders(t *testing.T) {
	t.Parallel()
	header := http.Header{}
	header.Set("Authorization", "Bearer users-own-token")
	header.Set("X-Id-Token", "identity-token")
	header.Set("Cookie", "session=cookie-value; theme=dark")
	header.Set("User-Agent", "Grafana")
	r := redact.New(redact.OfHeaders(header)...)
	require.Equal(t, "[redacted] [redacted] [redacted] dark Grafana", r.Text("users-own-token identity-token cookie-value dark Grafana"))
}

func TestFrames(t *testing.T) {
	t.Parallel()
	const secret = "frame-secret"
	text := "x " + secret
	shared := data.Labels{"model": text}
	config := &data.FieldConfig{DisplayNameFromDS: text, Description: text, Custom: map[string]any{"a": []any{text}}, Links: []data.DataLink{{Title: text, URL: text}}}
	frames := data.Frames{data.NewFrame(text,
		data.NewField(text, shared, []float64{1}).SetConfig(config), data.NewField("names", nil, []string{text}),
		data.NewField("optional", nil, []*string{&text}), data.NewField("raw", nil, []json.RawMessage{[]byte(`{"a":"` + text + `"}`)}))}
	frames[0].Meta = &data.FrameMeta{ExecutedQueryString: text, Custom: map[string]any{"provenance": text}, Notices: []data.Notice{{Text: text}}}
	frames = append(frames, nil)
	redact.New(secret).Frames(frames)
	written, err := json.Marshal(frames[:1])
	require.NoError(t, err)
	require.NotContains(t, string(written), secret)
	require.Equal(t, 14, strings.Count(string(written), redact.Mark), string(written))
	require.Equal(t, data.Labels{"model": "x frame-secret"}, shared, "other frames may share them")
	require.Equal(t, "x frame-secret", config.Description)
}

func TestNamesOfCredentials(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"token", "access_token", "auth", "key", "api_key", "apikey", "API-Key", "password", "secret", "client_secret", "sig", "signature",
		"X-Amz-Signature", "X-Amz-Credential", "X-Amz-Security-Token", "AWSAccessKeyId", "subscription-key", "jwt", "code",
	} {
		require.True(t, redact.NamesCredential(name), name)
	}
	for _, name := range []string{"format", "match[]", "collect[]", "name", "module", "target", "max_source_resolution", "dedup", "partial_response", "tenant", "author", "monkey"} {
		require.False(t, redact.NamesCredential(name), name)
	}
}
