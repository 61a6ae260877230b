package engine

import (
	"context"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/scrape"
	"github.com/prometheus/prometheus/storage"

	"github.com/coldhit/modelserving-datasource/pkg/redact"
	"github.com/coldhit/modelserving-datasource/pkg/settings"
	"github.com/coldhit/modelserving-datasource/pkg/target"
)

// useSecrets has the secrets of settings redacted from now on, and those in the URLs of discovered targets.
func (e *engine) useSecrets(s settings.Embedded) {
	e.secrets.Store(target.Secrets(s.Targets...))
	e.addDiscoveredSecrets(e.activeTargets()[fileDiscoveryJob])
}

// addDiscoveredSecrets adds the credentials in the URLs of targets that files name.
func (e *engine) addDiscoveredSecrets(targets []*scrape.Target) {
	for _, t := range targets {
		e.redactor().Add(redact.OfURL(t.URL())...)
	}
}

// redactor is the redactor of the engine's secrets.
func (e *engine) redactor() *redact.Redactor { return e.secrets.Load() }

// redactingStorage takes samples from scraping. Labels are stored without the secrets that were sent to a target: once stored, a query could
// take one apart, so that it would not be found in the result.
type redactingStorage struct {
	storage.AppendableV2
	secrets func() *redact.Redactor
}

func (s redactingStorage) AppenderV2(ctx context.Context) storage.AppenderV2 {
	appender := s.AppendableV2.AppenderV2(ctx)
	secrets := s.secrets()
	if secrets.Empty() {
		return appender
	}
	return redactingAppender{appender, secrets}
}

type redactingAppender struct {
	storage.AppenderV2
	secrets *redact.Redactor
}

// Append redacts the labels of a series that is new to the caller. Of a known one the reference counts.
func (a redactingAppender) Append(ref storage.SeriesRef, set labels.Labels, st, t int64, v float64, h *histogram.Histogram, fh *histogram.FloatHistogram, o storage.AppendV2Options) (storage.SeriesRef, error) {
	if ref == 0 {
		set = redactLabels(a.secrets, set)
	}
	return a.AppenderV2.Append(ref, set, st, t, v, h, fh, o)
}

// redactLabels are labels without secrets. Those that the settings give to a target stay, because they tell it.
func redactLabels(secrets *redact.Redactor, set labels.Labels) labels.Labels {
	var builder *labels.Builder
	set.Range(func(l labels.Label) {
		switch l.Name {
		case model.JobLabel, model.InstanceLabel, labelEnvironment, labelDeployment:
			return
		}
		name, value := secrets.Text(l.Name), secrets.Text(l.Value)
		if name == l.Name && value == l.Value {
			return
		}
		if builder == nil {
			builder = labels.NewBuilder(set)
		}
		builder.Del(l.Name)
		builder.Set(name, value)
	})
	if builder == nil {
		return set
	}
	return builder.Labels()
}
