package management

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"

	"github.com/coldhit/modelserving-datasource/pkg/redact"
	"github.com/coldhit/modelserving-datasource/pkg/settings"
	"github.com/coldhit/modelserving-datasource/pkg/target"
)

const (
	// maxBody bounds one answer, in bytes: some thousands of models with their statistics.
	maxBody = 8 << 20
	// maxModels bounds how many models an answer may list.
	maxModels = 20_000
)

// Client asks one server. Close it after use.
type Client struct {
	http     *target.Client
	base     *url.URL
	protocol Protocol
	keySet   bool
}

// New makes the client of a target's management endpoint: at the configured URL, else on the metrics page's host at
// defaultPort. It has the target's API key and certificates, and the timeout of embedded for each request.
func New(protocol Protocol, t settings.Target, embedded settings.Embedded, defaultPort int) (*Client, error) {
	base, err := baseURL(t, defaultPort)
	if err != nil {
		return nil, &Problem{Signals: protocol.Signals(), Reason: err}
	}
	client, err := target.New(t, embedded)
	if err != nil {
		return nil, &Problem{Signals: protocol.Signals(), Reason: err}
	}
	return &Client{http: client, base: base, protocol: protocol, keySet: t.APIKey != ""}, nil
}

func baseURL(t settings.Target, defaultPort int) (*url.URL, error) {
	if t.ManagementURL != "" {
		u, err := target.ParseURL(t.ManagementURL)
		if err != nil {
			return nil, fmt.Errorf("management URL: %w", err)
		}
		return u, nil
	}
	u, err := target.ParseURL(t.URL)
	if err != nil {
		return nil, err
	}
	host := net.JoinHostPort(u.Hostname(), strconv.Itoa(defaultPort))
	return &url.URL{Scheme: u.Scheme, User: u.User, Host: host}, nil
}

// Address is where the API begins, without secrets. Two clients of one address ask the same server.
func (c *Client) Address() string { return redact.URL(c.base) }

// Close lets go of the client's idle connection.
func (c *Client) Close() { c.http.Close() }

// List asks for all models. The error is a *Problem that names the signals that are missing for it.
func (c *Client) List(ctx context.Context) (Listing, error) {
	listing, err := c.protocol.List(ctx, c)
	if err != nil {
		return Listing{}, &Problem{Signals: c.protocol.Signals(), Reason: err}
	}
	return listing, nil
}

// Version asks for the server's version.
func (c *Client) Version(ctx context.Context) (string, error) { return c.protocol.Version(ctx, c) }

// get reads the JSON at a URL into answer.
func (c *Client) get(ctx context.Context, u *url.URL, answer any) error {
	return c.ask(ctx, target.Request{Method: http.MethodGet, URL: u, Header: http.Header{}}, answer)
}

// post is like get, but posts an object without anything in it, on which some servers insist.
func (c *Client) post(ctx context.Context, u *url.URL, answer any) error {
	header := http.Header{"Content-Type": {"application/json"}}
	return c.ask(ctx, target.Request{Method: http.MethodPost, URL: u, Header: header, Body: []byte("{}")}, answer)
}

func (c *Client) ask(ctx context.Context, r target.Request, answer any) error {
	r.Header.Set("Accept", "application/json")
	response, err := c.http.Do(ctx, r, maxBody)
	if err != nil {
		return c.explain(r.URL, err)
	}
	if err := json.Unmarshal(response.Body, answer); err != nil {
		return c.otherAPI(r.URL)
	}
	return nil
}

// errNotFound is the part of a model that is gone by the time it is asked for.
var errNotFound = errors.New("not found")

type notFound struct{ error }

func (notFound) Is(err error) bool { return err == errNotFound }

// explain says of a management API what target.Error says of a metrics page.
func (c *Client) explain(u *url.URL, err error) error {
	var known *target.Error
	if !errors.As(err, &known) {
		return err
	}
	where := redact.URL(u)
	switch known.Problem {
	case target.NotFound:
		return notFound{fmt.Errorf("%s does not exist (HTTP 404), so that this is not %s. %s", where, c.protocol.Title(), c.protocol.Advice())}
	case target.TooLarge:
		return fmt.Errorf("%s answered more than %d MiB, which is the limit for one answer of a management endpoint.", where, maxBody>>20)
	case target.Forbidden:
		if c.keySet {
			return fmt.Errorf("%s forbids reading with this API key (HTTP 403). Use a key that may read %s.", where, c.protocol.Title())
		}
	case target.UnexpectedStatus:
		return fmt.Errorf("%s Check that it is %s. %s", known.Sentence, c.protocol.Title(), c.protocol.Advice())
	case target.Refused, target.UnknownHost, target.Unreachable, target.Unauthorized:
		return fmt.Errorf("%s %s", known.Sentence, c.protocol.Advice())
	}
	return known
}

// otherAPI is the reason when an answer is not what the protocol demands.
func (c *Client) otherAPI(u *url.URL) error {
	return fmt.Errorf("%s answers, but not as %s does. %s", redact.URL(u), c.protocol.Title(), c.protocol.Advice())
}

func (*Client) checkCount(u *url.URL, models int) error {
	if models > maxModels {
		return fmt.Errorf("%s lists %d models; the limit is %d.", redact.URL(u), models, maxModels)
	}
	return nil
}
