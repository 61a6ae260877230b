package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/coldhit/modelserving-datasource/cmd/internal/program"
	"github.com/coldhit/modelserving-datasource/pkg/httpserver"
	"github.com/coldhit/modelserving-datasource/pkg/recorder"
)

// serve takes requests until the context ends, then lets those in flight end, as long as the grace lasts.
func serve(ctx context.Context, c config, r *recorder.Recorder, config *tls.Config, logger *slog.Logger) error {
	// Requests and the recorder outlast the signal to stop: they end in stopServing.
	lasting := context.WithoutCancel(ctx)
	requests, cutOff := context.WithCancelCause(lasting)
	defer cutOff(nil)
	server, err := recorder.NewServer(requests, r, config, c.Connections.limits(), logger)
	if err != nil {
		return fmt.Errorf("connections: %w", err)
	}
	var draining atomic.Bool
	admin, err := program.NewScrapeServer(&http.Server{Handler: adminHandler(r, server, &draining)}, httpserver.Limits{})
	if err != nil {
		return fmt.Errorf("admin: %w", err)
	}
	listener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	adminListener, err := net.Listen("tcp", c.Admin)
	if err != nil {
		_ = listener.Close()
		return fmt.Errorf("admin: %w", err)
	}
	running, end := context.WithCancel(lasting)
	var tasks sync.WaitGroup
	tasks.Go(func() { r.Run(running) })

	failed := make(chan error, 2)
	tasks.Go(func() { failed <- server.Serve(listener) })
	tasks.Go(func() { failed <- admin.Serve(adminListener) })
	logger.Info("Listening", "listen", listener.Addr().String(), "admin", adminListener.Addr().String())

	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	draining.Store(true)
	stopServing(lasting, server, r, cutOff, c.ShutdownGrace, logger)
	_ = admin.Close()
	end()
	tasks.Wait()
	return err
}

// stopServing takes no new requests, waits for those in flight and cuts off what outlasts the grace.
func stopServing(ctx context.Context, server *httpserver.Server, r *recorder.Recorder, cutOff context.CancelCauseFunc, grace time.Duration, logger *slog.Logger) {
	graceful, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	stopCutOff := context.AfterFunc(graceful, func() {
		if errors.Is(graceful.Err(), context.DeadlineExceeded) {
			logger.Info("Cancelling requests that outlast the shutdown grace", "grace", grace.String())
			cutOff(recorder.ErrStopped)
		}
	})
	defer stopCutOff()
	// Shutdown does not wait for WebSocket sessions, and gives up when the grace is over; Wait does neither.
	_ = server.Shutdown(graceful)
	r.Wait()
	// What the last handlers answered is sent after they return.
	sending, cancelSending := context.WithTimeout(ctx, sendTimeout)
	defer cancelSending()
	_ = server.Shutdown(sending)
	_ = server.Close()
}

const sendTimeout = 2 * time.Second

// adminHandler answers /metrics, /models and /healthz, which is 503 from the moment the recorder is told to stop.
func adminHandler(r *recorder.Recorder, server *httpserver.Server, draining *atomic.Bool) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(r, program.ConnectionMetrics("modelserving_recorder", server), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", httpserver.NewPages(1).Handler(registry))
	mux.Handle("GET /models", r.ModelsHandler())
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		if draining.Load() {
			http.Error(w, "stopping", http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ok\n"))
	})
	return mux
}
