// The backend of the Model Serving data source.
package main

import (
	"os"

	"github.com/grafana/grafana-plugin-sdk-go/backend/datasource"
	"github.com/grafana/grafana-plugin-sdk-go/backend/log"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/coldhit/modelserving-datasource/pkg/admission"
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
	limits, err := admission.LimitsOf(os.Getenv("GF_PLUGIN_QUERY_MEMORY"), os.Getenv("GF_PLUGIN_QUERY_SLOTS"))
	if err != nil {
		log.DefaultLogger.Error("A setting in the section of the plugin in grafana.ini is ignored", "error", err.Error())
	}
	controller := admission.New(limits)
	registry := engine.NewRegistry(engine.Options{
		DataPath:      os.Getenv("GF_PLUGIN_DATA_PATH"),
		DiscoveryPath: os.Getenv("GF_PLUGIN_DISCOVERY_PATH"),
		Logger:        log.DefaultLogger,
		Profiles:      plugin.EngineProfiles(profiles),
		Admission:     controller,
	})
	defer registry.Close()
	prometheus.MustRegister(registry, controller) // the SDK serves the default registry
	registry.Restore()
	return datasource.Manage(plugin.ID, plugin.Factory(registry, profiles), datasource.ManageOpts{})
}
