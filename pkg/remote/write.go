package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/config"
	"github.com/klauspost/compress/s2"
	"github.com/prometheus/prometheus/prompb"

	"github.com/coldhit/modelserving-datasource/pkg/redact"
	"github.com/coldhit/modelserving-datasource/pkg/remotewrite"
	"github.com/coldhit/modelserving-datasource/pkg/settings"
	"github.com/coldhit/modelserving-datasource/pkg/target"
)

// defaultWritePath is where Prometheus and VictoriaMetrics take samples.
const defaultWritePath = "/api/v1/write"

// RefusedSamples is the problem of samples that a server will never take.
const RefusedSamples Problem = "refused_samples"

// Writer sends samples by Prometheus's remote-write protocol, version 1.0, which every server of its kind speaks.
type Writer struct {
	to      *url.URL
	client  *http.Client
	timeout time.Duration
	grafana *config.GrafanaCfg
	secrets *redact.Redactor
}

var _ remotewrite.Destination = (*Writer)(nil)

// NewWriter makes the writer for a data source with its HTTP settings. It sends nothing. Errors are sentences about the settings and
// downstream errors.
func NewWriter(ctx context.Context, instance backend.DataSourceInstanceSettings, s settings.RemoteWrite) (*Writer, error) {
	to, err := writeAddress(instance.URL, s.URL)
	if err != nil {
		return nil, backend.DownstreamError(fmt.Errorf("remote write: %w", err))
	}
	transport, err := newTransport(ctx, instance, settings.Prometheus{MaxConcurrentQueries: settings.DefaultMaxConcurrentQueries}, to)
	if err != nil {
		return nil, backend.DownstreamError(fmt.Errorf("remote write: %w", err))
	}
	if transport.perUser {
		return nil, backend.DownstreamError(errors.New("remote write goes on while nobody is there, so it cannot pass a user's identity or cookies on: " +
			"switch these off and give the data source credentials of its own"))
	}
	return &Writer{to: to, client: transport.client, timeout: transport.timeout, grafana: config.GrafanaConfigFromContext(ctx), secrets: transport.secrets}, nil
}

// writeAddress is the whole address from the settings, or else the server's with the usual path.
func writeAddress(server, whole string) (*url.URL, error) {
	text := strings.TrimSpace(whole)
	if text == "" {
		base, err := baseURL(server)
		if err != nil {
			return nil, err
		}
		return base.JoinPath(defaultWritePath), nil
	}
	to, err := target.ParseURL(text)
	if err != nil {
		return nil, err
	}
	if to.User != nil {
		return nil, errors.New("the URL holds a user name or password; remove it and use basic authentication instead")
	}
	if name := redact.CredentialIn(to.Query()); name != "" {
		return nil, fmt.Errorf("the URL holds the parameter %q, which is not stored encrypted; remove it and use basic authentication or a custom HTTP header instead", name)
	}
	return to, nil
}

// Name is the address without what may be secret.
func (w *Writer) Name() string { return redact.URL(w.to) }

// Close lets go of idle connections.
func (w *Writer) Close() { w.client.CloseIdleConnections() }

// Write sends samples; without any it asks whether the server would take some.
func (w *Writer) Write(ctx context.Context, series []prompb.TimeSeries) error {
	// Signing asks what Grafana's administrator allows.
	limited, cancel := context.WithTimeout(config.WithGrafanaConfig(ctx, w.grafana), w.timeout)
	defer cancel()
	about := subject{url: w.to, timeout: w.timeout, secrets: w.secrets}
	message, err := (&prompb.WriteRequest{Timeseries: series}).Marshal()
	if err != nil {
		return fmt.Errorf("the samples cannot be encoded: %w", err)
	}
	request, err := http.NewRequestWithContext(limited, http.MethodPost, w.to.String(), bytes.NewReader(s2.EncodeSnappy(nil, message)))
	if err != nil {
		return about.explain(ctx, err)
	}
	request.Header.Set("Content-Encoding", "snappy")
	request.Header.Set("Content-Type", "application/x-protobuf")
	request.Header.Set("X-Prometheus-Remote-Write-Version", "0.1.0")
	var written atomic.Bool
	request = request.WithContext(httptrace.WithClientTrace(limited, &httptrace.ClientTrace{
		WroteRequest: func(how httptrace.WroteRequestInfo) { written.Store(how.Err == nil) },
	}))
	response, err := w.client.Do(request)
	if err != nil && written.Load() {
		return lostResponseError{about.explain(ctx, err)}
	} else if err != nil {
		return about.explain(ctx, err)
	}
	defer func() { _ = response.Body.Close() }()
	// A reading error leaves the text short, and then the status alone is explained.
	text, _ := io.ReadAll(io.LimitReader(response.Body, maxErrorBytes))
	if response.StatusCode >= 200 && response.StatusCode < 300 {
		return nil
	}
	err = about.explain(ctx, about.explainWriteStatus(response, text))
	switch response.StatusCode {
	case http.StatusInternalServerError, http.StatusBadGateway, http.StatusGatewayTimeout: // of whoever waited for the server, or after it had begun
		return lostResponseError{err}
	}
	return err
}

// lostResponseError is an error after which the server may have accepted the samples.
type lostResponseError struct{ error }

func (u lostResponseError) Unwrap() error { return u.error }

func (lostResponseError) Is(target error) bool { return target == remotewrite.ErrUnanswered }

// explainWriteStatus tells what can never succeed from what can.
func (s subject) explainWriteStatus(response *http.Response, body []byte) *Error {
	excerpt := s.excerptOf(response, body)
	words := ""
	if excerpt != "" {
		words = " Response: " + excerpt + "."
	}
	switch status := response.StatusCode; status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return s.withRetry(response, s.problem(Forbidden, nil, "%s rejects writes of the data source (HTTP %d). Check user and password, token or headers, and their permission to write metrics.%s",
			s.where(), status, words))
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return s.withRetry(response, s.problem(NotFound, nil, "%s does not accept samples (HTTP %d). Start Prometheus with --web.enable-remote-write-receiver. The URL of Mimir ends in "+
			"/api/v1/push, Thanos Receive's in /api/v1/receive, a VictoriaMetrics cluster's in /insert/0/prometheus/api/v1/write.%s", s.where(), status, words))
	case http.StatusTooManyRequests, http.StatusRequestTimeout:
		return s.withRetry(response, s.problem(RateLimited, nil, "%s rejects samples over its rate limit (HTTP %d). Raise the tenant's limits.%s", s.where(), status, words))
	case http.StatusBadRequest, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity, http.StatusUnsupportedMediaType:
		return s.problem(RefusedSamples, remotewrite.ErrRefused, "%s rejects samples (HTTP %d).%s To accept history, a server must allow late samples "+
			"(in Prometheus and Mimir: out_of_order_time_window).", s.where(), status, words)
	}
	return s.withRetry(response, s.ofStatus(response, excerpt))
}
