package plugin

import (
	"net/http"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/coldhit/modelserving-datasource/pkg/profile"
	"github.com/coldhit/modelserving-datasource/pkg/query"
	"github.com/coldhit/modelserving-datasource/pkg/settings"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// candidates are the labels that usually tell an environment, a deployment or a replica in a Prometheus: those of Kubernetes'
// discovery, of service meshes, and what people choose by hand.
var candidates = []string{
	"environment", "env", "namespace", "exported_namespace", "kubernetes_namespace", "cluster", "region",
	"deployment", "service", "job", "app", "app_kubernetes_io_name", "release", "container",
	"instance", "pod", "kubernetes_pod_name", "node", "hostname",
}

// labelConcurrency bounds how many labels are listed at once.
const labelConcurrency = 4

// previewed is how many values of a label are shown.
const previewed = 5

type labelPreview struct {
	Name   string   `json:"name"`
	Values []string `json:"values"`
}

// listLabels shows which labels the series of model servers have, with values of the last hour, for who chooses what tells
// environments, deployments and replicas.
func (d *Datasource) listLabels(w http.ResponseWriter, r *http.Request) {
	now := time.Now()
	configured := d.settings.Prometheus.Labels
	candidates := slices.Clone(candidates)
	for _, name := range []string{configured.Environment, configured.Deployment, configured.Replica} {
		if name != "" && !slices.Contains(candidates, name) {
			candidates = append(candidates, name)
		}
	}
	known := query.KnownSeries(d.Profiles)
	found := make([]labelPreview, len(candidates))
	group, ctx := errgroup.WithContext(r.Context())
	group.SetLimit(labelConcurrency)
	for i, name := range candidates {
		group.Go(func() error {
			values, err := d.Store.LabelValues(ctx, name, known, now.Add(-recentTime), now, previewed)
			found[i] = labelPreview{Name: name, Values: slices.DeleteFunc(values, func(v string) bool { return v == "" })}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		d.refuse(w, r, http.StatusBadGateway, err.Error())
		return
	}
	d.respond(w, r, map[string]any{"labels": slices.DeleteFunc(found, func(l labelPreview) bool { return len(l.Values) == 0 })})
}

// withLabelNames is the profiles with the names that the settings give the labels of targets.
func withLabelNames(profiles profile.Set, s settings.Settings) profile.Set {
	if s.Mode != settings.ModePrometheus {
		return profiles
	}
	l := s.Prometheus.Labels
	return profiles.Named(map[signal.Label]string{
		signal.Environment: l.Environment, signal.Deployment: l.Deployment, signal.Replica: l.Replica,
	})
}
