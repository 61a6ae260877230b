// Package stack runs the whole demo: a Triton that serves the fleet, traffic at it, and a Grafana with the plugin that
// watches it.
package stack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/coldhit/modelserving-datasource/demo/fleet"
	"github.com/coldhit/modelserving-datasource/demo/grafana"
	"github.com/coldhit/modelserving-datasource/demo/load"
	"github.com/coldhit/modelserving-datasource/demo/pluginbuild"
	"github.com/coldhit/modelserving-datasource/demo/prerequisite"
	"github.com/coldhit/modelserving-datasource/demo/progress"
	"github.com/coldhit/modelserving-datasource/demo/supervise"
	"github.com/coldhit/modelserving-datasource/demo/triton"
)

const (
	pluginID       = "coldhit-modelserving-datasource"
	cacheName      = "modelserving-datasource"
	dashboardFile  = "metrics.json"
	dataSourceName = "Model Serving"
	// DataSourceUID, Environment and Deployment are those of the provisioned data source and its one target.
	DataSourceUID = "modelserving-demo"
	Environment   = "production"
	Deployment    = "demo"
	// scrapeInterval makes panels fill within seconds.
	scrapeInterval = "5s"
	// dataTimeout bounds the wait for the first values: a few scrapes, on a busy machine.
	dataTimeout = 2 * time.Minute
	// stopGrace leaves time within the five seconds that mage allows after a Ctrl-C.
	stopGrace = 3 * time.Second
)

// CacheFolder is where downloads and builds are kept between runs: modelserving-datasource in XDG_CACHE_HOME or ~/.cache.
func CacheFolder() (string, error) {
	folder, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the cache folder: %w; set HOME or XDG_CACHE_HOME", err)
	}
	folder = filepath.Join(folder, cacheName)
	return folder, os.MkdirAll(folder, 0o755)
}

// Options say what to run.
type Options struct {
	// Root is the project's root, Cache the CacheFolder, Folder the place for this stack's own files.
	Root, Cache, Folder string
	// Port picks Grafana's port.
	Port func() (int, error)
	// Reloads and Bursts say whether the traffic has these disturbances.
	Reloads, Bursts bool
	Out             *progress.Printer
}

// Stack is a running stack.
type Stack struct {
	// GrafanaURL, DashboardURL, CountsURL, TritonURL and MetricsURL are where its parts are reached.
	GrafanaURL, DashboardURL, CountsURL, TritonURL, MetricsURL string

	group       supervise.Group
	lock        *supervise.Lock
	out         *progress.Printer
	stopTraffic context.CancelFunc
	traffic     sync.WaitGroup
	counts      *http.Server
	stopOnce    sync.Once
}

// Start builds, installs and starts everything that the stack needs and returns when data flows. What it started is
// stopped again when it fails.
func Start(ctx context.Context, options Options) (*Stack, error) {
	lock, err := supervise.TryLock(filepath.Clean(options.Folder) + ".lock")
	if errors.Is(err, supervise.ErrLocked) {
		return nil, fmt.Errorf("the demo runs already (%w); stop it first", err)
	}
	if err != nil {
		return nil, err
	}
	s := &Stack{out: options.Out, lock: lock, stopTraffic: func() {}}
	if err := s.start(ctx, options); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

func (s *Stack) start(ctx context.Context, options Options) error {
	found, err := prerequisite.Check(ctx)
	if err != nil {
		return err
	}
	s.out.Printf("Found %s", found.Versions)
	builder := pluginbuild.Builder{Root: options.Root, Logs: filepath.Join(options.Cache, "logs"), Out: s.out}
	if err := builder.Build(ctx); err != nil {
		return err
	}
	installed, err := grafana.Find(ctx, options.Cache, s.out)
	if err != nil {
		return err
	}
	s.out.Printf("Grafana: %s", installed.Origin)
	installation, err := triton.Install(ctx, options.Cache, found.Python, s.out)
	if err != nil {
		return err
	}
	models := fleet.Models()
	server, err := triton.Start(&s.group, installation, filepath.Join(options.Folder, "triton"), models)
	if err != nil {
		return err
	}
	s.TritonURL, s.MetricsURL = server.HTTP, server.Metrics
	s.out.Printf("Triton: starting with %d models, metrics at %s", len(models), server.Metrics)
	running, err := s.startGrafana(ctx, options, installed)
	if err != nil {
		return err
	}
	if err := server.WaitReady(ctx); err != nil {
		return err
	}
	s.out.Printf("Triton: all models are loaded")
	if err := s.startTraffic(options, models); err != nil {
		return err
	}
	s.out.Printf("Waiting for data to flow through the plugin")
	if err := running.WaitForData(ctx, DataSourceUID, "requests", dataTimeout); err != nil {
		return err
	}
	s.out.Printf("Data flows")
	return nil
}

func (s *Stack) startGrafana(ctx context.Context, options Options, installed *grafana.Grafana) (*grafana.Server, error) {
	port, err := options.Port()
	if err != nil {
		return nil, fmt.Errorf("a port for Grafana: %w", err)
	}
	dashboard := filepath.Join(options.Root, "dashboards", dashboardFile)
	uid, err := dashboardUID(dashboard)
	if err != nil {
		return nil, err
	}
	s.out.Printf("Grafana: starting on port %d", port)
	running, err := installed.Start(ctx, &s.group, grafana.Options{
		Folder: filepath.Join(options.Folder, "grafana"), Port: port, LogLevel: "warn",
		PluginID: pluginID, PluginFolder: filepath.Join(options.Root, pluginbuild.Dist),
		DashboardFolder: filepath.Join(options.Root, "dashboards"), HomeDashboard: dashboard,
		DataSource: s.dataSource(),
	})
	if err != nil {
		return nil, err
	}
	s.GrafanaURL = running.URL
	s.DashboardURL, err = running.DashboardURL(ctx, uid)
	if err != nil {
		return nil, err
	}
	s.out.Printf("Grafana: started")
	return running, nil
}

// dataSource watches the stack's own Triton with the embedded engine.
func (s *Stack) dataSource() grafana.DataSource {
	return grafana.DataSource{
		Name: dataSourceName, UID: DataSourceUID, Type: pluginID, Access: "proxy", IsDefault: true, Editable: true,
		JSONData: map[string]any{
			"kind": "embedded", "interval": scrapeInterval, "timeout": scrapeInterval, "retentionTime": "2d", "retentionSize": "1GB",
			"targets": []any{map[string]any{
				"id": "demo", "url": s.MetricsURL, "managementUrl": s.TritonURL, "environment": Environment, "deployment": Deployment,
			}},
		},
	}
}

// startTraffic starts the load driver and serves its counts.
func (s *Stack) startTraffic(options Options, models []fleet.Model) error {
	loadOptions := load.DefaultOptions(s.TritonURL, models)
	if !options.Reloads {
		loadOptions.ReloadEvery = 0
	}
	if !options.Bursts {
		loadOptions.BurstEvery = 0
	}
	driver := load.NewDriver(loadOptions)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("a port for the load driver's counts: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("/counts", driver.Handler())
	s.counts = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	s.CountsURL = fmt.Sprintf("http://%s/counts", listener.Addr())
	s.traffic.Go(func() {
		if err := s.counts.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.out.Printf("Traffic: the counts are no longer served: %v", err)
		}
	})
	// It ends with Stop, after the programs that it talks to were told to end.
	ctx, cancel := context.WithCancel(context.Background())
	s.stopTraffic = cancel
	s.traffic.Go(func() {
		driver.Run(ctx)
		if ctx.Err() == nil {
			s.out.Printf("Traffic: ended after %s; restart the demo for more", loadOptions.MaxDuration)
		}
	})
	s.out.Printf("Traffic: %.0f requests a second, counts at %s", loadOptions.RequestsPerSecond, s.CountsURL)
	return nil
}

// Wait returns when the context ends, with nil, or when one of the stack's programs does, with what it said.
func (s *Stack) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case died := <-s.group.Died():
		return died.Err()
	}
}

// Stop stops everything that the stack started and returns when it is gone.
func (s *Stack) Stop() {
	s.stopOnce.Do(func() {
		s.stopTraffic()
		s.group.Stop(stopGrace)
		if s.counts != nil {
			_ = s.counts.Close()
		}
		s.traffic.Wait()
		s.lock.Unlock()
	})
}
