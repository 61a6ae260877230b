package target

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend/httpclient"
	"github.com/grafana/grafana-plugin-sdk-go/backend/tracing"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/coldhit/modelserving-datasource/pkg/redact"
	"github.com/coldhit/modelserving-datasource/pkg/settings"
)

const (
	// MaxConcurrent is how many requests a client may have under way without opening connections anew.
	MaxConcurrent = 4
	// maxRedirects is how many redirects are followed when no API key is set; with a key none is.
	maxRedirects = 10
)

// Client speaks HTTP with one target, with its authorization, certificates and timeout. Close it after use.
type Client struct {
	settings settings.Target
	url      *url.URL
	timeout  time.Duration
	http     *http.Client
	// secrets are what this client sends, which a server may repeat.
	secrets *redact.Redactor
	// large are the slots for large responses; nil for no bound. holds says that one is taken.
	large chan struct{}
	holds bool
}

// New makes the client of one target; embedded gives the timeout and the CA certificate. The error is an *Error with
// the problem InvalidSettings.
func New(t settings.Target, embedded settings.Embedded) (*Client, error) {
	u, err := ParseURL(t.URL)
	if err != nil {
		return nil, &Error{Problem: InvalidSettings, Sentence: err.Error(), cause: err}
	}
	options := httpclient.Options{
		Timeouts: &httpclient.TimeoutOptions{
			Timeout:               embedded.ScrapeTimeout,
			DialTimeout:           embedded.ScrapeTimeout,
			KeepAlive:             httpclient.DefaultTimeoutOptions.KeepAlive,
			TLSHandshakeTimeout:   embedded.ScrapeTimeout,
			ExpectContinueTimeout: httpclient.DefaultTimeoutOptions.ExpectContinueTimeout,
			MaxIdleConns:          MaxConcurrent,
			MaxIdleConnsPerHost:   MaxConcurrent,
			IdleConnTimeout:       httpclient.DefaultTimeoutOptions.IdleConnTimeout,
		},
		TLS: &httpclient.TLSOptions{InsecureSkipVerify: t.InsecureSkipVerify},
		// None of the SDK's middlewares: they would put the URL with its query into traces. Do makes a span without it.
		Middlewares: []httpclient.Middleware{},
		ConfigureClient: func(_ httpclient.Options, client *http.Client) {
			client.CheckRedirect = redirectPolicy(t.APIKey != "" || u.User != nil)
		},
	}
	if embedded.CACertificate != "" {
		roots, err := TrustedRoots(embedded.CACertificate)
		if err != nil {
			return nil, &Error{Problem: InvalidSettings, Sentence: err.Error(), cause: err}
		}
		options.ConfigureTLSConfig = func(_ httpclient.Options, config *tls.Config) { config.RootCAs = roots }
	}
	client, err := httpclient.New(options)
	if err != nil {
		return nil, &Error{Problem: InvalidSettings, Sentence: "The HTTP client cannot be made: " + err.Error() + ".", cause: err}
	}
	return &Client{settings: t, url: u, timeout: embedded.ScrapeTimeout, http: client, secrets: Secrets(t)}, nil
}

// redirectPolicy follows no redirect when credentials go along, so that they reach no other server.
func redirectPolicy(credentials bool) func(*http.Request, []*http.Request) error {
	return func(_ *http.Request, via []*http.Request) error {
		if credentials {
			return http.ErrUseLastResponse
		}
		if len(via) >= maxRedirects {
			return errors.New("it redirects in a circle")
		}
		return nil
	}
}

// AuthScheme is the word before the API key in the Authorization header.
func AuthScheme(t settings.Target) string {
	if t.AuthScheme == "" {
		return "Bearer"
	}
	return t.AuthScheme
}

// Secrets are the redactor of what is sent to these targets, which may come back in whatever they answer.
func Secrets(targets ...settings.Target) *redact.Redactor {
	var secrets []string
	for _, t := range targets {
		secrets = append(secrets, t.APIKey)
		for _, address := range []string{t.URL, t.ManagementURL} {
			if u, err := url.Parse(address); err == nil {
				secrets = append(secrets, redact.OfURL(u)...)
			}
		}
	}
	return redact.New(secrets...)
}

// URL is the target's metrics page.
func (c *Client) URL() *url.URL {
	u := *c.url
	return &u
}

func (c *Client) subject(u *url.URL) Subject {
	return Subject{URL: u, KeySet: c.settings.APIKey != "", Timeout: c.timeout, Secrets: c.secrets}
}

// largeBytes is the size from which a response takes a slot.
const largeBytes = 1 << 20

// ShareMemory has the client take one of the slots before it reads on in a response of more than a mebibyte, and keep it until Close. The
// client must not be used by several goroutines then.
func (c *Client) ShareMemory(slots chan struct{}) { c.large = slots }

// takeSlot waits for a slot for a large response.
func (c *Client) takeSlot(ctx context.Context) error {
	if c.large == nil || c.holds {
		return nil
	}
	select {
	case c.large <- struct{}{}:
		c.holds = true
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close lets go of the client's idle connections, and of its slot.
func (c *Client) Close() {
	c.http.CloseIdleConnections()
	if c.holds {
		c.holds = false
		<-c.large
	}
}

// Response is a complete response with status 200.
type Response struct {
	ContentType string
	Body        []byte
}

// Request is what a client sends. Body may be nil.
type Request struct {
	Method string
	URL    *url.URL
	Header http.Header
	Body   []byte
}

// Do sends one request with the target's authorization and reads the whole answer, without the secrets that were sent. The answer's body, decompressed, may
// have at most limit bytes (no bound if limit is 0). Errors are *Error; any status other than 200 is one.
func (c *Client) Do(ctx context.Context, r Request, limit int64) (Response, error) {
	ctx, span := tracing.DefaultTracer().Start(ctx, "target request", trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		attribute.String("http.method", r.Method), attribute.String("http.url", redact.URL(r.URL))))
	defer span.End()
	answer, err := c.do(ctx, r, limit)
	if err != nil {
		_ = tracing.Error(span, err)
	}
	span.SetAttributes(attribute.Int("http.response_content_length", len(answer.Body)))
	return answer, err
}

func (c *Client) do(ctx context.Context, r Request, limit int64) (Response, error) {
	subject := c.subject(r.URL)
	request, err := http.NewRequestWithContext(ctx, r.Method, r.URL.String(), bytes.NewReader(r.Body))
	if err != nil {
		return Response{}, subject.Explain(err)
	}
	for name, values := range r.Header {
		request.Header[name] = values
	}
	if c.settings.APIKey != "" {
		request.Header.Set("Authorization", AuthScheme(c.settings)+" "+c.settings.APIKey)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return Response{}, subject.Explain(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return Response{}, subject.explainResponse(response)
	}
	body, err := readWithin(response.Body, limit, func() error { return c.takeSlot(ctx) })
	if errors.Is(err, errBodyTooLarge) {
		return Response{}, subject.TooLarge(limit)
	}
	if err != nil {
		return Response{}, subject.Explain(err)
	}
	return Response{ContentType: response.Header.Get("Content-Type"), Body: c.secrets.Bytes(body)}, nil
}

// TooLarge is the reason when a body has more bytes than the limit.
func (s Subject) TooLarge(limit int64) *Error {
	return s.problem(TooLarge, errBodyTooLarge, "The page of %s is larger than the limit of %d bytes. Raise the limit or let the "+
		"server export less.", redact.URL(s.URL), limit)
}

var errBodyTooLarge = errors.New("body too large")

// readWithin reads a body of at most limit bytes. Before it reads on in a large one, it waits for large.
func readWithin(body io.Reader, limit int64, large func() error) ([]byte, error) {
	if limit > 0 {
		body = io.LimitReader(body, limit+1)
	}
	var buffer bytes.Buffer
	if _, err := io.CopyN(&buffer, body, largeBytes); errors.Is(err, io.EOF) {
		return withinLimit(&buffer, limit)
	} else if err != nil {
		return nil, err
	}
	if err := large(); err != nil {
		return nil, err
	}
	if _, err := buffer.ReadFrom(body); err != nil {
		return nil, err
	}
	return withinLimit(&buffer, limit)
}

func withinLimit(buffer *bytes.Buffer, limit int64) ([]byte, error) {
	if limit > 0 && int64(buffer.Len()) > limit {
		return nil, errBodyTooLarge
	}
	return buffer.Bytes(), nil
}

// explainResponse also recognises a TLS server that answers a plain request in words.
func (s Subject) explainResponse(response *http.Response) *Error {
	if response.StatusCode == http.StatusBadRequest {
		// A reading error leaves the text short, and then the status alone is explained.
		text, _ := io.ReadAll(io.LimitReader(response.Body, 1024))
		if reason := s.ExplainBadRequest(string(text)); reason != nil {
			return reason
		}
	}
	return s.ExplainStatus(response.StatusCode)
}

// ExplainBadRequest recognises the words in which Go, nginx and Apache say that a plain request came to a TLS port, in a response with status
// 400; nil for other texts.
func (s Subject) ExplainBadRequest(text string) *Error {
	if s.URL.Scheme != "http" {
		return nil
	}
	lower := strings.ToLower(text)
	if (strings.Contains(lower, "http request") && strings.Contains(lower, "https")) || strings.Contains(lower, "ssl-enabled server port") {
		return s.tlsServer(nil)
	}
	return nil
}
