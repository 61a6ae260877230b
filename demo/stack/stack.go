// Package stack runs the whole demo: a Triton that serves the fleet, another whose models do not all fit into memory behind a
// recorder and a router, traffic at both, and a Grafana with the plugin that watches them.
package stack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/coldhit/modelserving-datasource/demo/fleet"
	"github.com/coldhit/modelserving-datasource/demo/gpuhost"
	"github.com/coldhit/modelserving-datasource/demo/grafana"
	"github.com/coldhit/modelserving-datasource/demo/load"
	"github.com/coldhit/modelserving-datasource/demo/pluginbuild"
	"github.com/coldhit/modelserving-datasource/demo/prerequisite"
	"github.com/coldhit/modelserving-datasource/demo/progress"
	"github.com/coldhit/modelserving-datasource/demo/router"
	"github.com/coldhit/modelserving-datasource/demo/supervise"
	"github.com/coldhit/modelserving-datasource/demo/triton"
)

const (
	cacheName     = "modelserving-datasource"
	dashboardFile = "metrics.json"
	// dataTimeout bounds the wait for the first values: a few scrapes, on a busy machine.
	dataTimeout = 2 * time.Minute
	// stopGrace leaves time within the five seconds that mage allows after a Ctrl-C.
	stopGrace = 3 * time.Second
)

// CacheFolder is where downloads and builds are kept between runs: modelserving-datasource in XDG_CACHE_HOME or ~/.cache.
func CacheFolder() (string, error) {
	folder, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the cache folder: %w: set HOME or XDG_CACHE_HOME", err)
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
	// Development makes browsers fetch the plugin's files again at each load of a page.
	Development bool
	Out         *progress.Printer
}

// Stack is a running stack.
type Stack struct {
	// GrafanaURL, DashboardURL, CountsURL, TritonURL and MetricsURL are where its parts are reached.
	GrafanaURL, DashboardURL, CountsURL, TritonURL, MetricsURL string

	group     supervise.Group
	endpoints *endpoints
	tail      *longTail
	gpus      *gpuhost.Host
	grafana   *grafana.Server
	// launchGrafana starts Grafana, at the first start and after a restart.
	launchGrafana func(context.Context) (*grafana.Server, error)
	trainingURL   string
	cache         string
	lock          *supervise.Lock
	out           *progress.Printer
	stopTraffic   context.CancelFunc
	traffic       sync.WaitGroup
	stopOnce      sync.Once
}

// Start builds, installs and starts everything that the stack needs and returns when data flows. What it started is
// stopped again when it fails.
func Start(ctx context.Context, options Options) (*Stack, error) {
	lock, err := supervise.TryLock(filepath.Clean(options.Folder) + ".lock")
	if errors.Is(err, supervise.ErrLocked) {
		return nil, fmt.Errorf("the demo is already running (%w): stop it first", err)
	}
	if err != nil {
		return nil, err
	}
	s := &Stack{out: options.Out, lock: lock, cache: options.Cache, endpoints: newEndpoints(), tail: &longTail{}, stopTraffic: func() {}}
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
	recorder, err := builder.Recorder(ctx)
	if err != nil {
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
	if s.tail, err = startLongTail(ctx, s, installation, recorder, filepath.Join(options.Folder, "long-tail")); err != nil {
		return err
	}
	drivers := s.newDrivers(options, models)
	if err := s.serveCounts(drivers); err != nil {
		return err
	}
	if err := s.startGPUHost(ctx, options, &builder); err != nil {
		return err
	}
	running, err := s.startGrafana(ctx, options, installed)
	if err != nil {
		return err
	}
	if err := server.WaitReady(ctx); err != nil {
		return err
	}
	s.out.Printf("Triton: all models are loaded")
	if err := s.gpus.Work(server.PID()); err != nil {
		return err
	}
	s.startTraffic(ctx, drivers)
	s.out.Printf("Waiting for the first values from the plugin")
	if err := running.WaitForData(ctx, DataSourceUID, "requests", dataTimeout); err != nil {
		return err
	}
	s.out.Printf("The plugin returns values")
	return nil
}

// startGPUHost gives the demo's Triton GPUs, which this host need not have: they are fakes, the endpoint that reads them is not.
func (s *Stack) startGPUHost(ctx context.Context, options Options, builder *pluginbuild.Builder) error {
	program, err := builder.NVML(ctx)
	if err != nil {
		return err
	}
	s.gpus, err = gpuhost.Start(ctx, &s.group, options.Root, program, filepath.Join(options.Folder, "gpus"))
	if err != nil {
		return fmt.Errorf("start the host with fake GPUs: %w", err)
	}
	s.out.Printf("GPUs: three fakes, read by the NVML endpoint, metrics at %s", s.gpus.Metrics)
	return s.gpus.Process.AwaitOK(ctx, s.gpus.Base+"/-/health", programTimeout)
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
	s.launchGrafana = func(ctx context.Context) (*grafana.Server, error) {
		return installed.Start(ctx, &s.group, grafana.Options{
			Folder: filepath.Join(options.Folder, "grafana"), Port: port, LogLevel: "warn", Development: options.Development,
			PluginID: pluginID, PluginFolder: filepath.Join(options.Root, pluginbuild.Dist),
			DashboardFolder: filepath.Join(options.Root, "dashboards"), HomeDashboard: dashboard,
			DataSource: s.dataSource(),
		})
	}
	running, err := s.launchGrafana(ctx)
	if err != nil {
		return nil, err
	}
	s.grafana = running
	s.GrafanaURL = running.URL
	s.DashboardURL, err = running.DashboardURL(ctx, uid)
	if err != nil {
		return nil, err
	}
	s.out.Printf("Grafana: started")
	return running, nil
}

// drivers send the traffic of the two deployments.
type drivers struct{ demo, tail *load.Driver }

func (s *Stack) newDrivers(options Options, models []fleet.Model) drivers {
	demo := load.DefaultOptions(s.TritonURL, models)
	if !options.Reloads {
		demo.ReloadEvery = 0
	}
	if !options.Bursts {
		demo.BurstEvery = 0
	}
	tail := load.TailOptions(s.tail.RecorderURL, fleet.Tail(), router.DefaultStartHeader)
	return drivers{demo: load.NewDriver(demo), tail: load.NewDriver(tail)}
}

// serveCounts serves what the drivers and the router count, and the metrics page of the training jobs.
func (s *Stack) serveCounts(drivers drivers) error {
	training, err := trainingPage(fleet.Tail(), time.Now())
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/counts", drivers.demo.Handler())
	mux.Handle("/long-tail/counts", drivers.tail.Handler())
	mux.Handle("/router/counts", s.tail.router.CountsHandler())
	mux.Handle("/training/metrics", training)
	base, err := s.endpoints.serve("page of counts", 0, mux)
	if err != nil {
		return err
	}
	s.CountsURL, s.trainingURL = base+"/counts", base+"/training/metrics"
	s.out.Printf("Counts: %s, of the long tail %s and %s", s.CountsURL, base+"/long-tail/counts", base+"/router/counts")
	return nil
}

// startTraffic lets the drivers run until Stop, which ends them after the programs that they send requests to.
func (s *Stack) startTraffic(ctx context.Context, drivers drivers) {
	ctx, s.stopTraffic = context.WithCancel(context.WithoutCancel(ctx))
	for _, driver := range []*load.Driver{drivers.demo, drivers.tail} {
		s.traffic.Go(func() {
			driver.Run(ctx)
			if ctx.Err() == nil {
				s.out.Printf("Traffic: stopped after its maximum duration: restart the demo")
			}
		})
	}
	s.out.Printf("Traffic: started")
}

// Wait returns when the context ends, with nil, or when one of the stack's programs does, with what it said.
func (s *Stack) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case died := <-s.group.Deaths():
		return died.Err()
	case err := <-s.endpoints.failed:
		return err
	}
}

// Stop stops everything that the stack started and returns when it is gone.
func (s *Stack) Stop() {
	s.stopOnce.Do(func() {
		s.stopTraffic()
		// Requests that wait in the router end with it, so that the recorder need not wait for them.
		s.endpoints.close()
		s.tail.close()
		s.group.Stop(stopGrace)
		s.traffic.Wait()
		s.lock.Unlock()
	})
}
