// The recorder: a reverse proxy in front of a model server that measures each model. See docs/recorder.md.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/url"
	"os"

	"github.com/coldhit/modelserving-datasource/cmd/internal/program"
	"github.com/coldhit/modelserving-datasource/pkg/recorder"
)

func main() { program.Main("modelserving-recorder", run) }

// run records until the context ends.
func run(ctx context.Context, args []string, output io.Writer) error {
	c, err := readConfig(args, output)
	if err != nil {
		return err
	}
	logger := slog.New(recorder.RedactingHandler(program.LogHandler(output, c.Debug)))
	// net/http tells nobody else of bytes that no request is waiting for, and quotes them.
	before := log.Writer()
	log.SetOutput(slog.NewLogLogger(logger.Handler(), slog.LevelDebug).Writer())
	defer log.SetOutput(before)
	sources, closeSources, err := c.sources(logger)
	defer closeSources()
	if err != nil {
		return err
	}
	options, err := c.options(sources, logger)
	if err != nil {
		return err
	}
	r, err := recorder.New(options)
	if err != nil {
		return err
	}
	serverTLS, err := c.TLS.serverConfig()
	if err != nil {
		return fmt.Errorf("tls: %w", err)
	}
	return serve(ctx, c, r, serverTLS, logger)
}

func (c *config) options(sources []recorder.Source, logger *slog.Logger) (recorder.Options, error) {
	routes, err := c.routes()
	if err != nil {
		return recorder.Options{}, err
	}
	upstream, err := url.Parse(c.Upstream)
	if err != nil {
		return recorder.Options{}, fmt.Errorf("upstream: %w", err)
	}
	options := recorder.Options{
		Upstream: upstream, UpstreamHost: c.UpstreamHost, ResponseTimeout: c.ResponseTimeout, WaitForServer: c.WaitForServer,
		Routes: routes, BodyBytes: c.BodyBytes, Sources: sources,
		QueueTime: recorder.QueueTimeHeader{Name: c.QueueTime.Header, Unit: c.QueueTime.Unit},
		MaxModels: c.Limits.Models, IdleTimeout: c.Limits.IdleTimeout, MaxLabelBytes: c.Limits.LabelBytes,
		BodyTimeout: c.Connections.BodyTimeout, Window: c.Window, Logger: logger,
	}
	if c.GRPCUpstream != "" {
		if options.GRPCUpstream, err = url.Parse(c.GRPCUpstream); err != nil {
			return recorder.Options{}, fmt.Errorf("grpc_upstream: %w", err)
		}
	}
	if options.UpstreamTLS, err = c.UpstreamTLS.clientConfig(); err != nil {
		return recorder.Options{}, fmt.Errorf("upstream_tls: %w", err)
	}
	return options, nil
}

// serverConfig is nil where no certificate is set.
func (p keyPair) serverConfig() (*tls.Config, error) {
	if p.Certificate == "" {
		return nil, nil //nolint:nilnil // no TLS is no error
	}
	certificate, err := tls.LoadX509KeyPair(p.Certificate, p.Key)
	if err != nil {
		return nil, err
	}
	return &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}, nil
}

func (u upstreamTLS) clientConfig() (*tls.Config, error) {
	// Only on request, for servers with certificates of their own making.
	config := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: u.SkipVerify} //nolint:gosec // see above
	if u.CA != "" {
		text, err := os.ReadFile(u.CA)
		if err != nil {
			return nil, err
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("%s contains no PEM certificate", u.CA)
		}
	}
	if u.Certificate != "" {
		certificate, err := tls.LoadX509KeyPair(u.Certificate, u.Key)
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{certificate}
	}
	return config, nil
}
