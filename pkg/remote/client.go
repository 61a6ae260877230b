// Package remote asks Prometheus-compatible servers: Prometheus, Mimir, Cortex, Thanos, VictoriaMetrics and the services that
// clouds make of them.
package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/coldhit/modelserving-datasource/pkg/admission"
	"github.com/coldhit/modelserving-datasource/pkg/executor"
	"github.com/coldhit/modelserving-datasource/pkg/redact"
	"github.com/coldhit/modelserving-datasource/pkg/settings"
	"github.com/coldhit/modelserving-datasource/pkg/target"
)

const (
	// maxErrorBytes is how much of an answer without success is read.
	maxErrorBytes = 16 << 10
	// timeoutWithoutSettings bounds a request where neither our settings nor the HTTP settings do.
	timeoutWithoutSettings = 30 * time.Second
)

// Client asks one server. Its methods may be called side by side. Close it after use.
type Client struct {
	base     *url.URL
	settings settings.Prometheus
	timeout  time.Duration
	http     *http.Client
	perUser  bool
	secrets  *redact.Redactor
	// slots are the requests that may be under way.
	slots *admission.Controller
	// behind is how far the server's clock was behind this one at its last answer.
	behind atomic.Int64
	// onlyGET is set once the server has refused a POST.
	onlyGET atomic.Bool

	detection sync.Mutex
	detected  *Server
}

// New makes the client of the server that a data source's URL names, with its HTTP settings. It sends nothing. Errors are
// sentences about the settings and downstream errors.
func New(ctx context.Context, instance backend.DataSourceInstanceSettings, s settings.Prometheus) (*Client, error) {
	base, err := baseURL(instance.URL)
	if err != nil {
		return nil, backend.DownstreamError(err)
	}
	transport, err := newTransport(ctx, instance, s, base)
	if err != nil {
		return nil, backend.DownstreamError(err)
	}
	return &Client{
		base: base, settings: s, timeout: transport.timeout, http: transport.client, perUser: transport.perUser, secrets: transport.secrets,
		slots: admission.New(admission.Limits{
			Slots: max(1, s.MaxConcurrentQueries), AlertSlots: admission.None, Alone: true, Wait: transport.timeout,
			Of: fmt.Sprintf("%d concurrent queries of the data source (setting Max concurrent queries)", max(1, s.MaxConcurrentQueries)),
		}),
	}, nil
}

// baseURL is the address in front of /api/v1.
func baseURL(text string) (*url.URL, error) {
	if strings.TrimSpace(text) == "" {
		return nil, errors.New("the URL of the Prometheus-compatible server is missing: write it like http://prometheus:9090")
	}
	base, err := target.ParseURL(text)
	if err != nil {
		return nil, err
	}
	if base.User != nil {
		return nil, errors.New("the URL holds a user name or password; remove it and use basic authentication instead")
	}
	if name := redact.CredentialIn(base.Query()); name != "" {
		return nil, fmt.Errorf("the URL holds the parameter %q, which is not stored encrypted; remove it and use basic authentication or a custom HTTP header instead", name)
	}
	base.Path, base.RawPath = strings.TrimSuffix(strings.TrimSuffix(base.Path, "/"), "/api/v1"), ""
	return base, nil
}

// Close lets go of idle connections. Requests under way go on.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Address is the server's URL without what may be secret.
func (c *Client) Address() string { return redact.URL(c.base) }

// Secrets are what the client sends, tokens among them that it fetched, and the rest of the data source's secrets.
func (c *Client) Secrets() *redact.Redactor { return c.secrets }

// redactor is that of a context, which has a user's own secrets as well, or else the client's.
func (c *Client) redactor(ctx context.Context) *redact.Redactor {
	if r := redact.FromContext(ctx); r != nil {
		return r
	}
	return c.secrets
}

// Grid is that of the scrape interval in the settings.
func (c *Client) Grid() executor.Grid { return executor.Scraped(c.settings.TimeInterval) }

// Behind is how far the server's clock was behind this one when it answered last, as far as it says what time it is: to the second,
// zero where it is ahead.
func (c *Client) Behind() time.Duration { return time.Duration(c.behind.Load()) }

// noteClock compares the clocks by the time that an answer was written, which is given in whole seconds.
func (c *Client) noteClock(response *http.Response, now time.Time) {
	if date, err := http.ParseTime(response.Header.Get("Date")); err == nil {
		c.behind.Store(int64(max(0, now.Sub(date).Truncate(time.Second))))
	}
}

// PerUser reports whether answers may differ from user to user, because their identity or cookies are passed on. Answers must
// not be shared or kept then.
func (c *Client) PerUser() bool { return c.perUser }

// endpoint is the address of a part of the API, with the query of the configured URL.
func (c *Client) endpoint(parts ...string) *url.URL {
	u := *c.base
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	escaped := path.Join(append([]string{u.EscapedPath(), "/api/v1"}, parts...)...)
	u.RawPath = escaped
	u.Path, _ = url.PathUnescape(escaped) // what PathEscape wrote can be read
	return &u
}

// post sends a query's parameters in the body, or in the address where the settings or the server want it so.
func (c *Client) post(ctx context.Context, u *url.URL, parameters url.Values, read func(io.Reader) error) error {
	if c.settings.HTTPMethod == http.MethodGet || c.onlyGET.Load() {
		return c.get(ctx, u, parameters, read)
	}
	status, err := c.send(ctx, http.MethodPost, u, parameters, read)
	if status == http.StatusMethodNotAllowed || status == http.StatusNotImplemented {
		c.onlyGET.Store(true)
		return c.get(ctx, u, parameters, read)
	}
	return err
}

func (c *Client) get(ctx context.Context, u *url.URL, parameters url.Values, read func(io.Reader) error) error {
	_, err := c.send(ctx, http.MethodGet, u, parameters, read)
	return err
}

// send makes one request and has read read its answer, decompressed and bounded. It answers the HTTP status, 0 if there was
// none.
func (c *Client) send(ctx context.Context, method string, u *url.URL, parameters url.Values, read func(io.Reader) error) (status int, err error) {
	leave, err := admission.FromContext(ctx).On(c.slots).Enter(ctx, 0)
	if err != nil {
		return 0, err
	}
	defer leave()
	// The HTTP client's own timeout begins with the request; this one includes whatever middlewares do.
	limited, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	about := subject{url: u, timeout: c.timeout, secrets: c.redactor(ctx)}
	request, err := newRequest(limited, method, u, parameters)
	if err != nil {
		return 0, about.explain(ctx, err)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return 0, about.explain(ctx, err)
	}
	defer func() { _ = response.Body.Close() }()
	c.noteClock(response, time.Now())
	body, err := decompressed(response, c.settings.ResponseLimits.BodyBytes)
	if err != nil {
		return response.StatusCode, about.explain(ctx, err)
	}
	defer body.Close()
	if response.StatusCode != http.StatusOK {
		// A reading error leaves the text short, and then the status alone is explained.
		text, _ := io.ReadAll(io.LimitReader(body, maxErrorBytes))
		return response.StatusCode, about.explain(ctx, about.explainStatus(response, text))
	}
	if page, err := body.isWebPage(); err != nil {
		return response.StatusCode, about.explain(ctx, err)
	} else if page {
		return response.StatusCode, about.explain(ctx, about.ofStatus(response, ""))
	}
	if err := read(body); err != nil {
		return response.StatusCode, about.explain(ctx, err)
	}
	return response.StatusCode, nil
}

func newRequest(ctx context.Context, method string, u *url.URL, parameters url.Values) (*http.Request, error) {
	to, form := *u, parameters.Encode()
	var body io.Reader
	if method == http.MethodPost {
		body = strings.NewReader(form)
	} else {
		to.RawQuery = strings.TrimPrefix(to.RawQuery+"&"+form, "&")
	}
	request, err := http.NewRequestWithContext(ctx, method, to.String(), body)
	if err != nil {
		return nil, err
	}
	if method == http.MethodPost {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		// A query changes nothing, so the transport may send it again over a connection that the server has closed meanwhile.
		request.Header["Idempotency-Key"] = nil
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("Accept-Encoding", "zstd, gzip")
	return request, nil
}
