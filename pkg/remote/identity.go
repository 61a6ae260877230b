package remote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/grafana/grafana-plugin-sdk-go/backend/httpclient"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"

	"github.com/coldhit/modelserving-datasource/pkg/redact"
	"github.com/coldhit/modelserving-datasource/pkg/settings"
)

// googleScope lets read metrics and nothing else.
const googleScope = "https://www.googleapis.com/auth/monitoring.read"

// azureClouds say where a tenant signs in and what for.
var azureClouds = map[string]struct {
	signIn   cloud.Configuration
	audience string
}{
	"":           {cloud.AzurePublic, "https://prometheus.monitor.azure.com/.default"},
	"public":     {cloud.AzurePublic, "https://prometheus.monitor.azure.com/.default"},
	"government": {cloud.AzureGovernment, "https://prometheus.monitor.azure.us/.default"},
	"china":      {cloud.AzureChina, "https://prometheus.monitor.azure.cn/.default"},
}

// tokenSource gives a token that is valid now. It keeps tokens until they expire.
type tokenSource func(ctx context.Context) (string, error)

// tokens makes the source of the tokens that an identity asks for; nil if it asks for none. It sends nothing yet.
func tokens(identity settings.CloudIdentity, base *url.URL, timeout time.Duration) (tokenSource, error) {
	if identity.Cloud == settings.NoCloud {
		return nil, nil
	}
	if base.Scheme != "https" {
		return nil, errors.New("a cloud's token is sent over TLS alone: write the URL with https://")
	}
	client, err := httpclient.New(httpclient.Options{Timeouts: tokenTimeouts(timeout)})
	if err != nil {
		return nil, fmt.Errorf("the HTTP client for tokens cannot be made: %w", err)
	}
	switch identity.Cloud {
	case settings.Google:
		return googleTokens(identity, client)
	case settings.Azure:
		return azureTokens(identity, client)
	}
	return nil, fmt.Errorf("the cloud %q is not known", identity.Cloud)
}

func tokenTimeouts(timeout time.Duration) *httpclient.TimeoutOptions {
	out := httpclient.DefaultTimeoutOptions
	out.Timeout = timeout
	return &out
}

// googleTokens are those of a service account whose key is in the settings.
func googleTokens(identity settings.CloudIdentity, client *http.Client) (tokenSource, error) {
	config, err := google.JWTConfigFromJSON([]byte(identity.GoogleKey), googleScope)
	if err != nil {
		return nil, errors.New("the service account's key for Google cannot be read: paste the whole JSON file of a key of the type service_account")
	}
	// The one token there is goes round: who holds it may renew it, within a context of their own.
	kept := make(chan *oauth2.Token, 1)
	kept <- nil
	return func(ctx context.Context) (string, error) {
		var token *oauth2.Token
		select {
		case token = <-kept:
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
		defer func() { kept <- token }()
		if !token.Valid() {
			fresh, err := config.TokenSource(context.WithValue(ctx, oauth2.HTTPClient, client)).Token()
			if err != nil {
				return "", err
			}
			token = fresh
		}
		return token.AccessToken, nil
	}, nil
}

// azureTokens are those of an app registration whose secret is in the settings.
func azureTokens(identity settings.CloudIdentity, client *http.Client) (tokenSource, error) {
	in, known := azureClouds[identity.AzureCloud]
	if !known {
		return nil, fmt.Errorf("the Azure cloud %q is not known", identity.AzureCloud)
	}
	credential, err := azidentity.NewClientSecretCredential(identity.AzureTenant, identity.AzureClient, identity.AzureClientSecret,
		&azidentity.ClientSecretCredentialOptions{ClientOptions: azcore.ClientOptions{
			Cloud: in.signIn, Transport: client, Retry: policy.RetryOptions{MaxRetries: 1}, Telemetry: policy.TelemetryOptions{Disabled: true},
		}})
	if err != nil {
		return nil, errors.New("the app registration for Azure is not valid: check that tenant and client IDs are those that the portal shows")
	}
	return func(ctx context.Context) (string, error) {
		token, err := credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{in.audience}})
		return token.Token, err
	}, nil
}

// withToken adds the token to every request, and to the secrets.
func withToken(source tokenSource, secrets *redact.Redactor) httpclient.Middleware {
	return httpclient.NamedMiddlewareFunc("cloud-token", func(_ httpclient.Options, next http.RoundTripper) http.RoundTripper {
		return httpclient.RoundTripperFunc(func(request *http.Request) (*http.Response, error) {
			token, err := source(request.Context())
			if err != nil {
				return nil, noToken(request, err)
			}
			secrets.AddTemporary(token)
			signed := request.Clone(request.Context())
			signed.Header.Set("Authorization", "Bearer "+token)
			return next.RoundTrip(signed)
		})
	})
}

// googleCode is the word for why a token was refused; the rest of the answer may describe the key.
func googleCode(e *oauth2.RetrieveError) string {
	var answer struct {
		Error string `json:"error"`
	}
	if e.ErrorCode == "" && json.Unmarshal(e.Body, &answer) == nil && answer.Error != "" {
		return tidy(answer.Error)
	}
	if e.ErrorCode == "" && e.Response != nil {
		return "HTTP " + e.Response.Status
	}
	return tidy(e.ErrorCode)
}

// noToken says why there is none, without repeating what may hold secrets.
func noToken(request *http.Request, err error) error {
	if request.Context().Err() != nil {
		return context.Cause(request.Context())
	}
	reason := "the sign-in server could not be reached"
	var (
		ofGoogle *oauth2.RetrieveError
		ofAzure  *azidentity.AuthenticationFailedError
	)
	switch {
	case errors.As(err, &ofGoogle):
		reason = fmt.Sprintf("Google rejected the key (%s). Check that it has not been deleted", googleCode(ofGoogle))
	case errors.As(err, &ofAzure) && ofAzure.RawResponse != nil:
		reason = fmt.Sprintf("Azure rejected the app registration (HTTP %d). Check tenant, client and secret, and whether the secret has expired", ofAzure.RawResponse.StatusCode)
	}
	return &Error{Problem: IdentityFailed, Sentence: "No token could be had for " + request.URL.Host + ": " + reason + ".", cause: err}
}
