// The backend of the Model Serving data source.
package main

import (
	"os"

	"github.com/grafana/grafana-plugin-sdk-go/backend/datasource"
	"github.com/grafana/grafana-plugin-sdk-go/backend/log"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/coldhit/modelserving-datasource/pkg/engine"
	"github.com/coldhit/modelserving-datasource/pkg/plugin"
	"github.com/coldhit/modelserving-datasource/pkg/profile"
)

func main() {
	if err := run(); err != nil {
		log.DefaultLogger.Error("The plugin ends", "error", err.Error())
		os.Exit(1)
	}
}

func run() error {
	profiles, err := profile.Embedded()
	if err != nil {
		return err
	}
	registry := engine.NewRegistry(engine.Options{
		DataPath:      os.Getenv("GF_PLUGIN_DATA_PATH"),
		DiscoveryPath: os.Getenv("GF_PLUGIN_DISCOVERY_PATH"),
		Logger:        log.DefaultLogger,
		Profiles:      plugin.EngineProfiles(profiles),
	})
	defer registry.Close()
	prometheus.MustRegister(registry) // the SDK serves the default registry
	registry.Restore()
	return datasource.Manage(plugin.ID, plugin.Factory(registry, profiles), datasource.ManageOpts{})
}
