package prometheustest

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery"
	"github.com/prometheus/prometheus/scrape"
)

// Scrape has the server scrape by a configuration, the text of a prometheus.yml, until the test ends.
func (s *Server) Scrape(t testing.TB, text string) {
	t.Helper()
	stop, err := s.StartScraping(text)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
}

// StartScraping is like Scrape for programs that end it themselves, before they close the server.
func (s *Server) StartScraping(text string) (stop func(), err error) {
	silent := slog.New(slog.DiscardHandler)
	loaded, err := config.Load(text, silent)
	if err != nil {
		return nil, err
	}
	registry := prometheus.NewRegistry()
	metrics, err := discovery.CreateAndRegisterSDMetrics(registry)
	if err != nil {
		return nil, err
	}
	scraping, err := scrape.NewManager(&scrape.Options{DiscoveryReloadInterval: model.Duration(time.Second)}, silent, nil, nil, s.DB, registry)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	finding := discovery.NewManager(ctx, silent, registry, metrics, discovery.Updatert(time.Second))
	jobs := map[string]discovery.Configs{}
	for _, job := range loaded.ScrapeConfigs {
		jobs[job.JobName] = job.ServiceDiscoveryConfigs
	}
	if err := errors.Join(scraping.ApplyConfig(loaded), finding.ApplyConfig(jobs)); err != nil {
		cancel()
		return nil, err
	}
	var running sync.WaitGroup
	running.Go(func() { _ = finding.Run() })
	running.Go(func() { _ = scraping.Run(finding.SyncCh()) })
	return func() {
		scraping.Stop()
		cancel()
		running.Wait()
	}, nil
}
