package remote

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/httpclient"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/executor"
	"github.com/coldhit/modelserving-datasource/pkg/redact"
	"github.com/coldhit/modelserving-datasource/pkg/settings"
)

// A token that the plugin fetched itself is a secret as well.
func TestFetchedTokensAreRedacted(t *testing.T) {
	t.Parallel()
	secrets := redact.New()
	source := func(context.Context) (string, error) { return "ya29.f00d-fetched-token", nil }
	next := httpclient.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Echo": r.Header["Authorization"]}, Body: http.NoBody}, nil
	})
	request, err := http.NewRequest(http.MethodGet, "https://h/", http.NoBody)
	require.NoError(t, err)
	response, err := withToken(source, secrets).CreateMiddleware(httpclient.Options{}, next).RoundTrip(request)
	require.NoError(t, err)
	echo := response.Header.Get("Echo")
	require.Equal(t, "Bearer ya29.f00d-fetched-token", echo)
	require.Equal(t, "Bearer [redacted]", secrets.Text(echo))
}

// Of AWS, the session's token, the secret key and the signature of a request are secrets.
func TestSignaturesAreRedacted(t *testing.T) {
	t.Parallel()
	secrets := redact.New()
	signing, err := withSignature(httpclient.SigV4Config{AuthType: byKeys, AccessKey: "AKIAF00D", SecretKey: "f00d/secret+key", SessionToken: "f00d-session-token", Region: "eu-west-1"}, secrets)
	require.NoError(t, err)
	var sent http.Header
	next := httpclient.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
		sent = r.Header
		return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
	})
	request, err := http.NewRequest(http.MethodGet, "https://aps-workspaces.eu-west-1.amazonaws.com/", http.NoBody)
	require.NoError(t, err)
	_, err = signing.CreateMiddleware(httpclient.Options{}, next).RoundTrip(request)
	require.NoError(t, err)
	_, signature, found := strings.Cut(sent.Get("Authorization"), "Signature=")
	require.True(t, found)
	shown := secrets.Text(sent.Get("Authorization") + " " + sent.Get("X-Amz-Security-Token") + " f00d/secret+key " + url.QueryEscape("f00d/secret+key"))
	require.NotContains(t, shown, signature)
	require.NotContains(t, strings.ReplaceAll(shown, "AKIAF00D", ""), "f00d")
}

// A plain request to a TLS port is explained as that, not as the server's own error.
func TestPlainRequestToATLSServer(t *testing.T) {
	t.Parallel()
	go1 := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(go1.Close)
	nginx := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, "<html><center>The plain HTTP request was sent to HTTPS port</center></html>")
	}))
	t.Cleanup(nginx.Close)
	for _, address := range []string{strings.Replace(go1.URL, "https", "http", 1), nginx.URL} {
		client, err := New(t.Context(), backend.DataSourceInstanceSettings{URL: address}, settings.Prometheus{ResponseLimits: settings.DefaultResponseLimits})
		require.NoError(t, err)
		t.Cleanup(client.Close)
		_, err = client.RangePromQL(t.Context(), "up", executor.Range{Start: time.Unix(0, 0), End: time.Unix(60, 0), Step: time.Minute})
		var failed *Error
		require.ErrorAs(t, err, &failed)
		require.Equal(t, TLSServer, failed.Problem, failed.Sentence)
		require.Contains(t, failed.Sentence, "speaks TLS only. Write the URL with https://.")
	}
}

func TestCredentialsInTheServersURL(t *testing.T) {
	t.Parallel()
	_, err := New(t.Context(), backend.DataSourceInstanceSettings{URL: "http://h/?access_token=f00d"}, settings.Prometheus{})
	require.ErrorContains(t, err, `the URL holds the parameter "access_token", which is not stored encrypted; remove it and use basic authentication or a custom HTTP header instead`)
	require.NotContains(t, err.Error(), "f00d")
	_, err = NewWriter(t.Context(), backend.DataSourceInstanceSettings{URL: "http://h"}, settings.RemoteWrite{Enabled: true, URL: "http://h/?sig=f00d"})
	require.ErrorContains(t, err, `the URL holds the parameter "sig"`)
}
