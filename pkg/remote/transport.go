package remote

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/httpclient"

	"github.com/coldhit/modelserving-datasource/pkg/redact"
	"github.com/coldhit/modelserving-datasource/pkg/settings"
)

type transport struct {
	client  *http.Client
	timeout time.Duration
	perUser bool
	secrets *redact.Redactor
}

// newTransport makes the HTTP client that the data source's HTTP settings ask for.
func newTransport(ctx context.Context, instance backend.DataSourceInstanceSettings, s settings.Prometheus, base *url.URL) (transport, error) {
	// The SDK reads the settings with a decoder that an empty text ends.
	if len(instance.JSONData) == 0 {
		instance.JSONData = []byte("{}")
	}
	options, err := instance.HTTPClientOptions(ctx)
	if err != nil {
		return transport{}, fmt.Errorf("the HTTP settings of the data source are not readable: %w", err)
	}
	perUser, err := passesUserOn(instance.JSONData)
	if err != nil {
		return transport{}, err
	}
	options.ForwardHTTPHeaders = perUser
	timeouts := httpclient.DefaultTimeoutOptions
	if options.Timeouts != nil {
		timeouts = *options.Timeouts
	}
	if s.QueryTimeout > 0 {
		timeouts.Timeout = s.QueryTimeout
	}
	if timeouts.Timeout <= 0 {
		timeouts.Timeout = timeoutWithoutSettings
	}
	timeouts.MaxIdleConnsPerHost = max(timeouts.MaxIdleConnsPerHost, s.MaxConcurrentQueries)
	options.Timeouts = &timeouts
	secrets := redact.OfDataSource(instance)
	secrets.Add(proxySecrets(base)...)
	options.Middlewares, err = middlewares(s.Identity, base, timeouts.Timeout, secrets)
	if err != nil {
		return transport{}, err
	}
	if options.SigV4 != nil {
		signature, err := withSignature(*options.SigV4, secrets)
		if err != nil {
			return transport{}, err
		}
		options.Middlewares = append(options.Middlewares, signature)
	}
	options.ConfigureClient = func(_ httpclient.Options, client *http.Client) {
		// The middlewares add credentials to every request, also to one that follows a redirect.
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	client, err := httpclient.New(options)
	if err != nil {
		return transport{}, fmt.Errorf("the HTTP client cannot be made: %w", err)
	}
	return transport{client: client, timeout: timeouts.Timeout, perUser: perUser, secrets: secrets}, nil
}

// proxySecrets are the credentials of the proxy that the environment names for a server.
func proxySecrets(base *url.URL) []string {
	proxy, err := http.ProxyFromEnvironment(&http.Request{URL: base})
	if err != nil || proxy == nil {
		return nil // an invalid proxy is an error of the first request
	}
	return redact.OfURL(proxy)
}

// middlewares are the SDK's, and that of a cloud's token after them. The last one stands next to the wire.
func middlewares(identity settings.CloudIdentity, base *url.URL, timeout time.Duration, secrets *redact.Redactor) ([]httpclient.Middleware, error) {
	all := httpclient.DefaultMiddlewares()
	token, err := tokens(identity, base, timeout)
	if token != nil {
		all = append(all, withToken(token, secrets))
	}
	return all, err
}

// passesUserOn reports whether the data source forwards who asks, as Grafana's common settings name it.
func passesUserOn(jsonData []byte) (bool, error) {
	var s struct {
		OAuthPassThru bool     `json:"oauthPassThru"`
		KeepCookies   []string `json:"keepCookies"`
	}
	if err := json.Unmarshal(jsonData, &s); err != nil {
		return false, fmt.Errorf("the HTTP settings of the data source are not readable: %w", err)
	}
	return s.OAuthPassThru || len(s.KeepCookies) > 0, nil
}
