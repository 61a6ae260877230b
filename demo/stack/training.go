package stack

import (
	_ "embed"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/coldhit/modelserving-datasource/demo/fleet"
)

// trainingProfile is a custom profile, for a team whose training jobs export the time of their end.
//
//go:embed training.yaml
var trainingProfile string

// trainingPage is the metrics page of the training jobs, which a team has beside its model server.
func trainingPage(models []fleet.Model, now time.Time) (http.Handler, error) {
	finished := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "training_finished_timestamp_seconds", Help: "When the last training of the model ended, in seconds since 1970.",
	}, []string{"model"})
	for _, model := range models {
		if model.TrainedAgo > 0 {
			finished.WithLabelValues(model.Name).Set(float64(now.Add(-model.TrainedAgo).Unix()))
		}
	}
	registry := prometheus.NewRegistry()
	if err := registry.Register(finished); err != nil {
		return nil, err
	}
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{}), nil
}
