package remote

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/httpclient"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/executor"
	"github.com/coldhit/modelserving-datasource/pkg/settings"
)

// noting answers everything and tells what it was asked.
func noting(t *testing.T) (address string, asked chan *http.Request) {
	t.Helper()
	asked = make(chan *http.Request, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		seen := r.Clone(context.Background())
		seen.Body = io.NopCloser(bytes.NewReader(body))
		asked <- seen
		_, _ = io.WriteString(w, one)
	}))
	t.Cleanup(server.Close)
	return server.URL, asked
}

func TestHTTPSettings(t *testing.T) {
	t.Parallel()
	address, asked := noting(t)
	client := newClient(t, backend.DataSourceInstanceSettings{
		URL: address + "/prometheus/?tenant=a", BasicAuthEnabled: true, BasicAuthUser: "me",
		JSONData:                []byte(`{"httpHeaderName1": "X-Scope-OrgID", "timeout": "10s"}`),
		DecryptedSecureJSONData: map[string]string{"basicAuthPassword": "secret", "httpHeaderValue1": "tenant"},
	}, func(s *settings.Prometheus) { s.CustomQueryParameters = url.Values{"dedup": {"true"}} })
	require.Equal(t, timeoutWithoutSettings, client.timeout, "the embedded engine's setting of that name is no number")
	_, err := client.RangePromQL(t.Context(), "up + 1", executor.Range{Start: origin, End: origin.Add(time.Minute), Step: 1500 * time.Millisecond})
	require.NoError(t, err)
	r := <-asked
	require.Equal(t, "/prometheus/api/v1/query_range?tenant=a", r.RequestURI)
	require.NoError(t, r.ParseForm())
	require.Equal(t, url.Values{
		"query": {"up + 1"}, "start": {"1700000000"}, "end": {"1700000060"}, "step": {"1.5"}, "timeout": {"30s"}, "dedup": {"true"},
	}, r.PostForm)
	user, password, _ := r.BasicAuth()
	require.Equal(t, []string{"me", "secret", "tenant", "zstd, gzip"}, []string{user, password, r.Header.Get("X-Scope-OrgID"), r.Header.Get("Accept-Encoding")})
	require.NotContains(t, r.Header, "Idempotency-Key")

	got := newClient(t, backend.DataSourceInstanceSettings{URL: address + "/api/v1/"}, func(s *settings.Prometheus) { s.HTTPMethod = http.MethodGet })
	_, err = got.InstantPromQL(t.Context(), "up", origin.Add(1234*time.Microsecond))
	require.NoError(t, err)
	r = <-asked
	require.Equal(t, "/api/v1/query?query=up&time=1700000000.001&timeout=30s", r.RequestURI)
}

// Who asks is passed on where the data source says so, and then answers must not be shared.
func TestIdentityIsPassedOn(t *testing.T) {
	t.Parallel()
	address, asked := noting(t)
	ctx := httpclient.WithContextualMiddleware(t.Context(), httpclient.MiddlewareFunc(func(o httpclient.Options, next http.RoundTripper) http.RoundTripper {
		if !o.ForwardHTTPHeaders {
			return next
		}
		return httpclient.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
			r.Header.Set("Authorization", "Bearer of-the-user")
			return next.RoundTrip(r)
		})
	}))
	for text, want := range map[string]string{`{}`: "", `{"oauthPassThru": true}`: "Bearer of-the-user", `{"keepCookies": ["session"]}`: "Bearer of-the-user"} {
		client := newClient(t, backend.DataSourceInstanceSettings{URL: address, JSONData: []byte(text)})
		require.Equal(t, want != "", client.PerUser())
		_, err := client.InstantPromQL(ctx, "up", origin)
		require.NoError(t, err)
		require.Equal(t, want, (<-asked).Header.Get("Authorization"))
	}
}

func TestRefusedHTTPSettings(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		instance backend.DataSourceInstanceSettings
		sentence string
	}{
		"no URL":         {backend.DataSourceInstanceSettings{URL: " "}, "is missing"},
		"no scheme":      {backend.DataSourceInstanceSettings{URL: "prometheus:9090"}, "must start with http"},
		"a password":     {backend.DataSourceInstanceSettings{URL: "http://me:s3cr3t@host"}, "use basic authentication"},
		"not JSON":       {backend.DataSourceInstanceSettings{URL: "http://host", JSONData: []byte("{")}, "not readable"},
		"no region":      {backend.DataSourceInstanceSettings{URL: "http://host", JSONData: []byte(`{"sigV4Auth": true}`)}, "AWS region is missing"},
		"no certificate": {backend.DataSourceInstanceSettings{URL: "https://host", JSONData: []byte(`{"tlsAuthWithCACert": true}`), DecryptedSecureJSONData: map[string]string{"tlsCACert": "s3cr3t"}}, "CA"},
	} {
		_, err := New(t.Context(), c.instance, plain())
		require.ErrorContains(t, err, c.sentence, name)
		require.NotContains(t, err.Error(), "s3cr3t", name)
		require.True(t, backend.IsDownstreamError(err), name)
	}
}

func TestClientCertificates(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "grafana"}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(certificate)
	server := httptest.NewUnstartedServer(saying(200, "", one))
	server.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}
	server.StartTLS()
	t.Cleanup(server.Close)
	authority := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	instance := backend.DataSourceInstanceSettings{
		URL: server.URL, JSONData: []byte(`{"tlsAuth": true, "tlsAuthWithCACert": true}`), DecryptedSecureJSONData: map[string]string{
			"tlsCACert": authority, "tlsClientCert": string(certificate), "tlsClientKey": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})),
		},
	}
	_, err = ask(t, newClient(t, instance))
	require.NoError(t, err)
	instance.DecryptedSecureJSONData = map[string]string{"tlsCACert": authority}
	_, err = ask(t, newClient(t, instance))
	require.ErrorContains(t, err, "certificate required")
	_, err = ask(t, newClient(t, backend.DataSourceInstanceSettings{URL: server.URL}))
	require.ErrorContains(t, err, "Add the authority's certificate as CA certificate")
}

func TestAmazonSignatures(t *testing.T) {
	t.Parallel()
	address, asked := noting(t)
	instance := backend.DataSourceInstanceSettings{
		URL: address + "/workspaces/ws-1", JSONData: []byte(`{"sigV4Auth": true, "sigV4AuthType": "keys", "sigV4Region": "eu-central-1"}`),
		DecryptedSecureJSONData: map[string]string{"sigV4AccessKey": "AKIDEXAMPLE", "sigV4SecretKey": "s3cr3t", "sigV4SessionToken": "session"},
	}
	ctx := backend.WithGrafanaConfig(t.Context(), backend.NewGrafanaCfg(map[string]string{"AWS_AUTH_AllowedAuthProviders": "keys"}))
	client := newClient(t, instance)
	for range 2 {
		_, err := client.InstantPromQL(ctx, "up", origin)
		require.NoError(t, err)
		r := <-asked
		require.Regexp(t, `^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/\d{8}/eu-central-1/aps/aws4_request, SignedHeaders=(content-length;)?host;x-amz-date;x-amz-security-token, Signature=[0-9a-f]{64}$`, r.Header.Get("Authorization"))
		require.NotEmpty(t, r.Header.Get("X-Amz-Date"))
		require.Equal(t, "session", r.Header.Get("X-Amz-Security-Token"))
		require.Equal(t, "application/x-www-form-urlencoded", r.Header.Get("Content-Type"))
		body, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		require.Contains(t, string(body), "query=up")
	}
	// Grafana's administrator says which ways to sign are allowed.
	ctx = backend.WithGrafanaConfig(t.Context(), backend.NewGrafanaCfg(map[string]string{"AWS_AUTH_AllowedAuthProviders": "default"}))
	_, err := client.InstantPromQL(ctx, "up", origin)
	require.ErrorContains(t, err, `does not allow data sources the AWS authentication "keys"`)
	require.True(t, backend.IsDownstreamError(err))
	instance.JSONData = []byte(`{"sigV4Auth": true, "sigV4AuthType": "keys", "sigV4Region": "eu-central-1", "sigV4AssumeRoleArn": "arn:aws:iam::1:role/r"}`)
	ctx = backend.WithGrafanaConfig(t.Context(), backend.NewGrafanaCfg(map[string]string{"AWS_AUTH_AllowedAuthProviders": "default, keys", "AWS_AUTH_AssumeRoleEnabled": "false"}))
	_, err = newClient(t, instance).InstantPromQL(ctx, "up", origin)
	require.ErrorContains(t, err, "does not allow data sources to assume an AWS role")
	instance.DecryptedSecureJSONData = nil
	instance.JSONData = []byte(`{"sigV4Auth": true, "sigV4AuthType": "keys", "sigV4Region": "eu-central-1"}`)
	_, err = newClient(t, instance).InstantPromQL(t.Context(), "up", origin)
	require.ErrorContains(t, err, "static credentials are empty. Check the authentication (keys)")
	require.Empty(t, asked)
}

func TestGoogleTokens(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	var signIns atomic.Int32
	answer := `{"access_token": "of-google", "token_type": "Bearer", "expires_in": 3600}`
	signIn := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if signIns.Add(1) > 1 {
			w.WriteHeader(http.StatusBadRequest)
			answer = `{"error": "invalid_grant", "error_description": "s3cr3t"}`
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(signIn.Close)
	text, err := json.Marshal(map[string]string{
		"type": "service_account", "client_email": "a@b", "private_key_id": "1", "token_uri": signIn.URL,
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})),
	})
	require.NoError(t, err)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, "Bearer of-google", r.Header.Get("Authorization"))
		_, _ = io.WriteString(w, one)
	}))
	t.Cleanup(server.Close)
	instance := backend.DataSourceInstanceSettings{URL: server.URL, JSONData: []byte(`{"tlsSkipVerify": true}`)}
	withKey := func(s *settings.Prometheus) {
		s.Identity = settings.CloudIdentity{Cloud: settings.Google, GoogleKey: string(text)}
	}
	client := newClient(t, instance, withKey)
	for range 3 {
		_, err = ask(t, client)
		require.NoError(t, err)
	}
	require.Equal(t, int32(1), signIns.Load(), "a token is used until it expires")
	_, err = ask(t, newClient(t, instance, withKey))
	require.ErrorContains(t, err, "Google rejected the key (invalid_grant)")
	require.NotContains(t, err.Error(), "s3cr3t")
	require.True(t, backend.IsDownstreamError(err))

	s := plain()
	withKey(&s)
	_, err = New(t.Context(), backend.DataSourceInstanceSettings{URL: "http://host"}, s)
	require.ErrorContains(t, err, "over TLS alone")
	s.Identity.GoogleKey = `{"type": "authorized_user", "private_key": "s3cr3t"}`
	_, err = New(t.Context(), backend.DataSourceInstanceSettings{URL: "https://host"}, s)
	require.ErrorContains(t, err, "service_account")
	require.NotContains(t, err.Error(), "s3cr3t")
}

func TestAzureTokens(t *testing.T) {
	t.Parallel()
	var posted []url.Values
	refuse := false
	microsoft := &http.Client{Transport: httpclient.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
		answer := func(status int, body string) (*http.Response, error) {
			return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(reader(body)), Request: r}, nil
		}
		const tenant = "https://login.microsoftonline.com/00000000-0000-0000-0000-000000000001"
		switch {
		case r.Method == http.MethodPost && refuse:
			return answer(401, `{"error": "invalid_client", "error_description": "s3cr3t"}`)
		case r.Method == http.MethodPost:
			if err := r.ParseForm(); err != nil {
				return nil, err
			}
			posted = append(posted, r.PostForm)
			return answer(200, `{"token_type": "Bearer", "expires_in": 3600, "access_token": "of-azure"}`)
		case r.URL.Path == "/common/discovery/instance":
			return answer(200, `{"tenant_discovery_endpoint": "`+tenant+`/v2.0/.well-known/openid-configuration", "api-version": "1.1", "metadata": [{"preferred_network": "login.microsoftonline.com", "preferred_cache": "login.windows.net", "aliases": ["login.microsoftonline.com", "login.windows.net"]}]}`)
		}
		return answer(200, `{"token_endpoint": "`+tenant+`/oauth2/v2.0/token", "authorization_endpoint": "`+tenant+`/oauth2/v2.0/authorize", "issuer": "`+tenant+`/v2.0"}`)
	})}
	identity := settings.CloudIdentity{
		Cloud: settings.Azure, AzureTenant: "00000000-0000-0000-0000-000000000001", AzureClient: "00000000-0000-0000-0000-000000000002", AzureClientSecret: "s3cr3t",
	}
	source, err := azureTokens(identity, microsoft)
	require.NoError(t, err)
	for range 2 {
		token, err := source(t.Context())
		require.NoError(t, err)
		require.Equal(t, "of-azure", token)
	}
	require.Len(t, posted, 1, "a token is used until it expires")
	require.Contains(t, posted[0].Get("scope"), "https://prometheus.monitor.azure.com/.default")
	require.Equal(t, "s3cr3t", posted[0].Get("client_secret"))

	refuse = true
	source, err = azureTokens(identity, microsoft)
	require.NoError(t, err)
	_, err = source(t.Context())
	request := httptest.NewRequest(http.MethodGet, "https://x.prometheus.monitor.azure.com", nil)
	explained := noToken(request, err)
	require.ErrorContains(t, explained, "Azure rejected the app registration (HTTP 401)")
	require.NotContains(t, explained.Error(), "s3cr3t")
}
