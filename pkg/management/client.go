// Package management reads what a model server tells outside its metrics, through the Open Inference Protocol v2.
package management

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"

	"github.com/coldhit/modelserving-datasource/pkg/settings"
	"github.com/coldhit/modelserving-datasource/pkg/target"
)

// maxBody bounds an answer, in bytes: some 40,000 models.
const maxBody = 4 << 20

// StateReady is the state of a model that is in memory and answers requests.
const StateReady = "READY"

// Server is what a server says about itself.
type Server struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Model is one version of a model in the server's repository. Version and State are empty for a model that was never
// loaded; Reason says why a model is unavailable.
type Model struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	State   string `json:"state"`
	Reason  string `json:"reason"`
}

// Client asks one server. It shares the target's HTTP client, so the same API key, certificates and time-out hold.
type Client struct {
	http *target.Client
	base *url.URL
}

// New makes a client of the server whose API begins at base.
func New(http *target.Client, base *url.URL) *Client {
	return &Client{http: http, base: base}
}

// BaseURL is where a target's management API begins: the configured URL, else the metrics page's host at defaultPort.
func BaseURL(t settings.Target, defaultPort int) (*url.URL, error) {
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

// Server asks for the server's name and version.
func (c *Client) Server(ctx context.Context) (Server, error) {
	var server Server
	err := c.ask(ctx, http.MethodGet, c.base.JoinPath("v2"), &server)
	if err == nil && server.Name == "" {
		err = fmt.Errorf("%s does not name its server: it does not speak the Open Inference Protocol", target.Redact(c.base))
	}
	return server, err
}

// Index lists every model of the server's repository, loaded or not.
func (c *Client) Index(ctx context.Context) ([]Model, error) {
	var models []Model
	if err := c.ask(ctx, http.MethodPost, c.base.JoinPath("v2", "repository", "index"), &models); err != nil {
		return nil, err
	}
	for _, model := range models {
		if model.Name == "" {
			return nil, fmt.Errorf("%s lists a model without a name: it does not speak the Open Inference Protocol",
				target.Redact(c.base))
		}
	}
	return models, nil
}

func (c *Client) ask(ctx context.Context, method string, u *url.URL, answer any) error {
	response, err := c.http.Do(ctx, method, u, http.Header{"Accept": {"application/json"}}, maxBody)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(response.Body, answer); err != nil {
		return fmt.Errorf("%s answered something other than the Open Inference Protocol's JSON: check the management URL",
			target.Redact(u))
	}
	return nil
}
