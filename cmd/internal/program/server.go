package program

import (
	"flag"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/coldhit/modelserving-datasource/pkg/httpserver"
)

const (
	// scrapeReadTimeout and scrapeWriteTimeout bound a whole request for metrics, and its whole response.
	scrapeReadTimeout  = 30 * time.Second
	scrapeWriteTimeout = 30 * time.Second
	// scrapeIdleTimeout is longer than any scrape interval that makes sense, so that a scraper keeps its connection.
	scrapeIdleTimeout = 10 * time.Minute
	// scrapeConnections is more than any number of scrapers.
	scrapeConnections = 512
)

// NewScrapeServer sets the limits of a server of metrics. Zero values of limits take defaults for scrapers.
func NewScrapeServer(server *http.Server, limits httpserver.Limits) (*httpserver.Server, error) {
	if limits.IdleTimeout == 0 {
		limits.IdleTimeout = scrapeIdleTimeout
	}
	if limits.Connections == 0 {
		limits.Connections = scrapeConnections
	}
	server.ReadTimeout, server.WriteTimeout = scrapeReadTimeout, scrapeWriteTimeout
	return httpserver.New(server, limits)
}

// ScrapeLimitFlags defines the flags of a server of metrics.
func ScrapeLimitFlags(flags *flag.FlagSet, limits *httpserver.Limits) {
	flags.IntVar(&limits.Connections, "web.max-connections", scrapeConnections, "maximum number of connections at the same time")
	flags.IntVar(&limits.HeaderBytes, "web.max-header-bytes", httpserver.DefaultHeaderBytes, "maximum size of a request's header")
	flags.DurationVar(&limits.HeaderTimeout, "web.header-timeout", httpserver.DefaultHeaderTimeout, "maximum time for a request's header")
	flags.DurationVar(&limits.IdleTimeout, "web.idle-timeout", scrapeIdleTimeout, "time after which a connection without a request is closed")
}

// connectionMetrics are what a server says of its connections.
type connectionMetrics struct {
	server                        *httpserver.Server
	open, limit, refused, evicted *prometheus.Desc
}

// ConnectionMetrics returns a collector of a server's connections. The metrics' names begin with prefix.
func ConnectionMetrics(prefix string, server *httpserver.Server) prometheus.Collector {
	describe := func(name, help string) *prometheus.Desc { return prometheus.NewDesc(prefix+name, help, nil, nil) }
	return connectionMetrics{
		server:  server,
		open:    describe("_connections", "Number of open client connections."),
		limit:   describe("_connections_limit", "Maximum number of open client connections."),
		refused: describe("_connections_refused_total", "Total number of client connections that were refused because too many were open."),
		evicted: describe("_connections_evicted_total", "Total number of idle client connections that were closed to make room for new ones."),
	}
}

// Describe implements prometheus.Collector.
func (c connectionMetrics) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.open, c.limit, c.refused, c.evicted} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (c connectionMetrics) Collect(to chan<- prometheus.Metric) {
	usage := c.server.Usage()
	to <- prometheus.MustNewConstMetric(c.open, prometheus.GaugeValue, float64(usage.Connections))
	to <- prometheus.MustNewConstMetric(c.limit, prometheus.GaugeValue, float64(usage.Limit))
	to <- prometheus.MustNewConstMetric(c.refused, prometheus.CounterValue, float64(usage.Refused))
	to <- prometheus.MustNewConstMetric(c.evicted, prometheus.CounterValue, float64(usage.Evicted))
}
