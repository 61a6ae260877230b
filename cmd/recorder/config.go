package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/coldhit/modelserving-datasource/pkg/httpserver"
	"github.com/coldhit/modelserving-datasource/pkg/recorder"
)

// config is what the configuration file says, and the flags over it. docs/recorder.md describes each key.
type config struct {
	Listen          string        `yaml:"listen"`
	Admin           string        `yaml:"admin"`
	Upstream        string        `yaml:"upstream"`
	GRPCUpstream    string        `yaml:"grpc_upstream"`
	UpstreamHost    bool          `yaml:"upstream_host"`
	ResponseTimeout time.Duration `yaml:"response_timeout"`
	WaitForServer   time.Duration `yaml:"wait_for_server"`
	ShutdownGrace   time.Duration `yaml:"shutdown_grace"`
	TLS             keyPair       `yaml:"tls"`
	UpstreamTLS     upstreamTLS   `yaml:"upstream_tls"`

	BuiltinRoutes []string      `yaml:"builtin_routes"`
	Routes        []routeConfig `yaml:"routes"`
	BodyBytes     int           `yaml:"max_body_bytes"`
	Cold          coldConfig    `yaml:"cold"`
	QueueTime     struct {
		Header string        `yaml:"header"`
		Unit   time.Duration `yaml:"unit"`
	} `yaml:"queue_time"`
	Limits struct {
		Models      int           `yaml:"models"`
		IdleTimeout time.Duration `yaml:"idle_timeout"`
		LabelBytes  int           `yaml:"label_bytes"`
	} `yaml:"limits"`
	Connections connectionLimits `yaml:"connections"`
	Window      time.Duration    `yaml:"window"`
	Debug       bool             `yaml:"debug"`
}

// connectionLimits bound what clients can take of the recorder.
type connectionLimits struct {
	Max           int           `yaml:"max"`
	Streams       int           `yaml:"streams"`
	HeaderBytes   int           `yaml:"header_bytes"`
	HeaderTimeout time.Duration `yaml:"header_timeout"`
	BodyTimeout   time.Duration `yaml:"body_timeout"`
	SendTimeout   time.Duration `yaml:"send_timeout"`
	IdleTimeout   time.Duration `yaml:"idle_timeout"`
}

func (c connectionLimits) limits() httpserver.Limits {
	return httpserver.Limits{
		Connections: c.Max, Streams: c.Streams, HeaderBytes: c.HeaderBytes,
		HeaderTimeout: c.HeaderTimeout, SendTimeout: c.SendTimeout, IdleTimeout: c.IdleTimeout,
	}
}

type keyPair struct {
	Certificate string `yaml:"certificate"`
	Key         string `yaml:"key"`
}

type upstreamTLS struct {
	keyPair    `yaml:",inline"`
	CA         string `yaml:"ca"`
	SkipVerify bool   `yaml:"insecure_skip_verify"`
}

type routeConfig struct {
	Pattern   string   `yaml:"pattern"`
	Methods   []string `yaml:"methods"`
	BodyField string   `yaml:"body_field"`
	Header    string   `yaml:"header"`
	Query     string   `yaml:"query"`
	Model     string   `yaml:"model"`
}

type coldConfig struct {
	Header struct {
		Name string   `yaml:"name"`
		Cold []string `yaml:"cold"`
		Hot  []string `yaml:"hot"`
	} `yaml:"header"`
	Management struct {
		Protocol   string        `yaml:"protocol"`
		URL        string        `yaml:"url"`
		APIKeyFile string        `yaml:"api_key_file"`
		Interval   time.Duration `yaml:"interval"`
	} `yaml:"management"`
	Readiness struct {
		URL      string        `yaml:"url"`
		Interval time.Duration `yaml:"interval"`
	} `yaml:"readiness"`
}

const (
	defaultListen        = "127.0.0.1:9090"
	defaultAdmin         = "127.0.0.1:9091"
	defaultShutdownGrace = 30 * time.Second
	defaultPollInterval  = 100 * time.Millisecond
	minPollInterval      = 5 * time.Millisecond
)

func defaults() config {
	c := config{Listen: defaultListen, Admin: defaultAdmin, ShutdownGrace: defaultShutdownGrace, BuiltinRoutes: recorder.DefaultRoutes}
	c.Connections = connectionLimits{
		Max: httpserver.DefaultConnections, Streams: httpserver.DefaultStreams, HeaderBytes: httpserver.DefaultHeaderBytes,
		HeaderTimeout: httpserver.DefaultHeaderTimeout, BodyTimeout: recorder.DefaultBodyTimeout,
		SendTimeout: httpserver.DefaultSendTimeout, IdleTimeout: httpserver.DefaultIdleTimeout,
	}
	c.Cold.Header.Cold = []string{"cold", "true", "1", "yes", "miss"}
	c.Cold.Header.Hot = []string{"hot", "false", "0", "no", "hit"}
	c.Cold.Management.Interval, c.Cold.Readiness.Interval = defaultPollInterval, defaultPollInterval
	return c
}

// readConfig reads the file that the flag -config names, then the flags, which win.
func readConfig(args []string, output io.Writer) (config, error) {
	c := defaults()
	var path string
	var flagged config
	flags := flag.NewFlagSet("modelserving-recorder", flag.ContinueOnError)
	flags.SetOutput(output)
	flags.StringVar(&path, "config", "", "YAML file with the configuration. Flags override it")
	flags.StringVar(&flagged.Listen, "web.listen-address", c.Listen, "address for requests")
	flags.StringVar(&flagged.Admin, "admin", c.Admin, "address of /metrics, /models and /healthz")
	flags.StringVar(&flagged.Upstream, "upstream", "", "URL of the model server")
	flags.StringVar(&flagged.GRPCUpstream, "grpc-upstream", "", "URL of the model server's gRPC port, if it differs")
	flags.StringVar(&flagged.Cold.Header.Name, "cold-header", "", "response header that reports hot or cold")
	flags.StringVar(&flagged.Cold.Management.Protocol, "management-protocol", "", "protocol of the server's management API")
	flags.StringVar(&flagged.Cold.Management.URL, "management-url", "", "URL of the server's management API")
	flags.IntVar(&flagged.Connections.Max, "web.max-connections", httpserver.DefaultConnections, "maximum number of client connections at the same time")
	flags.IntVar(&flagged.Connections.HeaderBytes, "web.max-header-bytes", httpserver.DefaultHeaderBytes, "maximum size of a request's header")
	flags.DurationVar(&flagged.Connections.HeaderTimeout, "web.header-timeout", httpserver.DefaultHeaderTimeout, "maximum time for a request's header")
	flags.DurationVar(&flagged.Connections.IdleTimeout, "web.idle-timeout", httpserver.DefaultIdleTimeout, "time after which a connection without a request is closed")
	flags.BoolVar(&flagged.Debug, "debug", false, "log why requests fail")
	if err := flags.Parse(args); err != nil {
		return config{}, err
	}
	if flags.NArg() > 0 {
		return config{}, fmt.Errorf("unexpected argument %q: use flags or the file of -config", flags.Arg(0))
	}
	if path != "" {
		text, err := os.ReadFile(path)
		if err != nil {
			return config{}, err
		}
		if err := c.decode(text); err != nil {
			return config{}, fmt.Errorf("%s: %w", path, err)
		}
	}
	flags.Visit(func(f *flag.Flag) { c.set(f.Name, flagged) })
	return c, c.check()
}

func (c *config) decode(text []byte) error {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(c); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

func (c *config) set(name string, from config) {
	switch name {
	case "web.listen-address":
		c.Listen = from.Listen
	case "admin":
		c.Admin = from.Admin
	case "upstream":
		c.Upstream = from.Upstream
	case "grpc-upstream":
		c.GRPCUpstream = from.GRPCUpstream
	case "cold-header":
		c.Cold.Header.Name = from.Cold.Header.Name
	case "management-protocol":
		c.Cold.Management.Protocol = from.Cold.Management.Protocol
	case "management-url":
		c.Cold.Management.URL = from.Cold.Management.URL
	case "web.max-connections":
		c.Connections.Max = from.Connections.Max
	case "web.max-header-bytes":
		c.Connections.HeaderBytes = from.Connections.HeaderBytes
	case "web.header-timeout":
		c.Connections.HeaderTimeout = from.Connections.HeaderTimeout
	case "web.idle-timeout":
		c.Connections.IdleTimeout = from.Connections.IdleTimeout
	case "debug":
		c.Debug = from.Debug
	}
}

// check says what cannot be meant; what the recorder itself checks is left to it.
func (c *config) check() error {
	switch {
	case c.Upstream == "":
		return errors.New("no upstream: set the URL of the model server with -upstream or in the configuration file")
	case leadsTo(c.Upstream, c.Listen):
		return fmt.Errorf("upstream is the recorder's own address, %s: set the URL of the model server", c.Listen)
	case leadsTo(c.GRPCUpstream, c.Listen):
		return fmt.Errorf("grpc_upstream is the recorder's own address, %s: set the URL of the model server", c.Listen)
	case (c.TLS.Certificate == "") != (c.TLS.Key == ""):
		return errors.New("tls: only one of certificate and key is set: set both or neither")
	case (c.UpstreamTLS.Certificate == "") != (c.UpstreamTLS.Key == ""):
		return errors.New("upstream_tls: only one of certificate and key is set: set both or neither")
	case (c.Cold.Management.Protocol == "") != (c.Cold.Management.URL == ""):
		return errors.New("cold.management: only one of protocol and url is set: set both or neither")
	case c.QueueTime.Header == "" && c.QueueTime.Unit != 0:
		return errors.New("queue_time: a unit is set without a header: set the response header that contains the time, or remove the unit")
	}
	for _, d := range []struct {
		key          string
		value, least time.Duration
	}{
		{"cold.management.interval", c.Cold.Management.Interval, minPollInterval},
		{"cold.readiness.interval", c.Cold.Readiness.Interval, minPollInterval},
		{"shutdown_grace", c.ShutdownGrace, 0},
		{"response_timeout", c.ResponseTimeout, 0},
		{"wait_for_server", c.WaitForServer, 0},
	} {
		if d.value < d.least {
			return fmt.Errorf("%s is %s: set at least %s", d.key, d.value, d.least)
		}
	}
	return nil
}

// leadsTo says whether a URL is that of an address on this machine: each request would come back until no connection is left.
func leadsTo(upstream, listen string) bool {
	u, err := url.Parse(upstream)
	if err != nil {
		return false // said elsewhere
	}
	host, port, err := net.SplitHostPort(listen)
	return err == nil && u.Host != "" && u.Port() == port && (u.Hostname() == host || isHere(u.Hostname()) && isHere(host))
}

func isHere(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "" || host == "localhost" || err == nil && (address.IsLoopback() || address.IsUnspecified())
}

// routes are the user's own, which come first, and the built-in ones.
func (c *config) routes() ([]recorder.Route, error) {
	routes := make([]recorder.Route, 0, len(c.Routes))
	for i, r := range c.Routes {
		name := fmt.Sprintf("routes[%d] (%s)", i, r.Pattern)
		if r.Pattern == "" {
			return nil, fmt.Errorf("%s has no pattern: set a regular expression for the path", name)
		}
		pattern, err := regexp.Compile(r.Pattern)
		if err != nil {
			return nil, fmt.Errorf("%s: invalid regular expression in pattern: %w", name, err)
		}
		routes = append(routes, recorder.Route{
			Name: name, Pattern: pattern, Methods: r.Methods,
			BodyField: r.BodyField, Header: r.Header, Query: r.Query, Model: r.Model,
		})
	}
	builtin, err := recorder.BuiltinRoutes(c.BuiltinRoutes)
	if err != nil {
		return nil, fmt.Errorf("builtin_routes: %w", err)
	}
	return append(routes, builtin...), nil
}
