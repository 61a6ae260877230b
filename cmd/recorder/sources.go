package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/coldhit/modelserving-datasource/pkg/management"
	"github.com/coldhit/modelserving-datasource/pkg/recorder"
	"github.com/coldhit/modelserving-datasource/pkg/settings"
	"github.com/coldhit/modelserving-datasource/pkg/target"
)

const (
	pollTimeout = 5 * time.Second
	// readinessBytes bounds what is read of a readiness answer.
	readinessBytes = 64 << 10
)

// sources are what tells hot from cold, and a function that lets go of their connections.
func (c *config) sources(logger *slog.Logger) (sources []recorder.Source, closeAll func(), err error) {
	var closers []func()
	closeAll = func() {
		for _, closeOne := range closers {
			closeOne()
		}
	}
	if header := c.Cold.Header; header.Name != "" {
		sources = append(sources, recorder.ResponseHeader{Header: header.Name, Cold: header.Cold, Hot: header.Hot})
	}
	if c.Cold.Management.Protocol != "" {
		client, err := c.managementClient()
		if err != nil {
			return nil, closeAll, err
		}
		closers = append(closers, client.Close)
		sources = append(sources, recorder.NewPoller(recorder.PollerOptions{
			Name: "management", Look: listing(client), Interval: c.Cold.Management.Interval, Timeout: pollTimeout, Logger: logger,
		}))
	}
	if readiness := c.Cold.Readiness; readiness.URL != "" {
		client, err := target.New(settings.Target{URL: readiness.URL}, settings.Embedded{ScrapeTimeout: pollTimeout})
		if err != nil {
			return nil, closeAll, fmt.Errorf("cold.readiness.url: %w", err)
		}
		closers = append(closers, client.Close)
		sources = append(sources, recorder.NewPoller(recorder.PollerOptions{
			Name: recorder.FromZero, Look: ready(client), Interval: readiness.Interval, Timeout: pollTimeout, Logger: logger,
		}))
	}
	return sources, closeAll, nil
}

func (c *config) managementClient() (*management.Client, error) {
	m := c.Cold.Management
	protocol, found := management.Find(m.Protocol)
	if !found {
		return nil, fmt.Errorf("cold.management.protocol: unknown protocol %q: use one of %s", m.Protocol, strings.Join(management.Protocols(), ", "))
	}
	key, err := readSecret(m.APIKeyFile)
	if err != nil {
		return nil, fmt.Errorf("cold.management.api_key_file: %w", err)
	}
	asked := settings.Target{URL: m.URL, ManagementURL: m.URL, APIKey: key, InsecureSkipVerify: c.UpstreamTLS.SkipVerify}
	ca, err := readText(c.UpstreamTLS.CA)
	if err != nil {
		return nil, fmt.Errorf("upstream_tls.ca: %w", err)
	}
	client, err := management.New(protocol, asked, settings.Embedded{ScrapeTimeout: pollTimeout, CACertificate: ca}, 0)
	if err != nil {
		return nil, fmt.Errorf("cold.management.url: %w", err)
	}
	return client, nil
}

func listing(client *management.Client) recorder.Look {
	return func(ctx context.Context) ([]recorder.ModelState, error) {
		listed, err := client.List(ctx)
		if err != nil {
			return nil, err
		}
		states := make([]recorder.ModelState, len(listed.Models))
		for i, m := range listed.Models {
			states[i] = recorder.ModelState{Model: m.Name, Version: m.Version, Ready: m.Residency == management.Resident}
		}
		return states, nil
	}
}

// ready asks the readiness URL. Any other answer than 200, and none, says that no server is ready.
func ready(client *target.Client) recorder.Look {
	return func(ctx context.Context) ([]recorder.ModelState, error) {
		_, err := client.Do(ctx, target.Request{Method: http.MethodGet, URL: client.URL()}, readinessBytes)
		if errors.Is(err, context.Canceled) {
			return nil, err
		}
		return []recorder.ModelState{{Ready: err == nil}}, nil
	}
}

// readSecret reads a file without the white space around its text; none for no file.
func readSecret(path string) (string, error) {
	text, err := readText(path)
	return strings.TrimSpace(text), err
}

func readText(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	text, err := os.ReadFile(path)
	return string(text), err
}
