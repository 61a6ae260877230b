//go:build linux && cgo

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/exporter-toolkit/web"

	"github.com/coldhit/modelserving-datasource/cmd/internal/program"
	"github.com/coldhit/modelserving-datasource/pkg/nvml"
)

const (
	// shutdownGrace is for scrapes in flight and for calls of NVML that have to return.
	shutdownGrace = 15 * time.Second
)

// background is what runs beside the server until its context ends.
type background interface {
	Run(ctx context.Context) error
}

// serve answers until the context ends.
func serve(ctx context.Context, c config, monitor *nvml.Monitor, beside background, logger *slog.Logger) error {
	// Scrapes in flight outlast the signal to stop, and so does what they need.
	running, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	var mux http.ServeMux
	server, err := program.NewScrapeServer(&http.Server{
		Handler: &mux, ConnContext: nvml.ConnContext, BaseContext: func(net.Listener) context.Context { return running },
	}, c.limits)
	if err != nil {
		return fmt.Errorf("limits of connections: %w", err)
	}
	register(&mux, monitor, c.names, program.ConnectionMetrics("modelserving_nvml", server))
	listener, err := net.Listen("tcp", c.listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	var tasks sync.WaitGroup
	failed := make(chan error, 2)
	tasks.Go(func() { monitor.Run(running) })
	tasks.Go(func() {
		if err := beside.Run(running); err != nil && running.Err() == nil {
			failed <- fmt.Errorf("attribution: %w", err)
		}
	})
	tasks.Go(func() {
		err := web.Serve(server.Listen(listener, c.webConfig != ""), server.Server, &web.FlagConfig{WebConfigFile: &c.webConfig}, logger)
		if !errors.Is(err, http.ErrServerClosed) {
			failed <- err
		}
	})
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	stop(context.WithoutCancel(ctx), server.Server, end, &tasks, logger)
	return err
}

// stop lets scrapes in flight end, then everything else. A call of NVML that never returns is not waited for.
func stop(ctx context.Context, server *http.Server, end func(), tasks *sync.WaitGroup, logger *slog.Logger) {
	grace, cancel := context.WithTimeout(ctx, shutdownGrace)
	defer cancel()
	_ = server.Shutdown(grace)
	_ = server.Close()
	end()
	ended := make(chan struct{})
	go func() {
		tasks.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-grace.Done():
		logger.Error("Stopping although an NVML call has not returned", "grace", shutdownGrace.String())
	}
}

// register adds the pages to mux.
func register(mux *http.ServeMux, monitor *nvml.Monitor, names nvml.Names, connections prometheus.Collector) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(connections, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux.Handle("GET /metrics", nvml.Handler(monitor, names, registry))
	mux.HandleFunc("GET /-/health", func(w http.ResponseWriter, _ *http.Request) {
		status := monitor.Status()
		w.Header().Set("Content-Type", "application/json")
		if status.State == nvml.StateDown {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		_ = encoder.Encode(status)
	})
	mux.HandleFunc("GET /-/live", func(w http.ResponseWriter, _ *http.Request) {
		if status := monitor.Status(); status.Restart {
			http.Error(w, status.Problem, http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ok\n"))
	})
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) { landingPage(w, r, monitor.Status()) })
}
