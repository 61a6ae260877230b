package engine

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"

	"github.com/coldhit/modelserving-datasource/pkg/management"
	"github.com/coldhit/modelserving-datasource/pkg/settings"
)

// Series that the engine appends from a model repository, one a model and version.
const (
	// MetricModelsResident is 1 while a model is in memory and 0 while it is only listed.
	MetricModelsResident = "modelserving_models_resident"
	// MetricModelLoads counts the loads that were seen between two polls.
	MetricModelLoads = "modelserving_model_loads_total"
	// MetricModelEvictions counts the unloads that were seen between two polls.
	MetricModelEvictions = "modelserving_model_evictions_total"

	labelModel   = "model"
	labelVersion = "version"
)

type modelKey struct{ name, version string }

// modelSeries is one model's state between polls.
type modelSeries struct {
	resident, loads, evictions labels.Labels
	isResident                 bool
	loadCount, evictionCount   float64
	// ended is set once the series were marked as ended, until they are appended to again.
	ended bool
}

func newModelSeries(target labels.Labels, key modelKey) *modelSeries {
	builder := labels.NewBuilder(target)
	builder.Set(labelModel, key.name).Set(labelVersion, key.version)
	named := func(metric string) labels.Labels { return builder.Set(model.MetricNameLabel, metric).Labels() }
	return &modelSeries{
		resident:  named(MetricModelsResident),
		loads:     named(MetricModelLoads),
		evictions: named(MetricModelEvictions),
	}
}

// checkLimits holds what a repository lists to the limits of a scrape.
func checkLimits(models []management.Model, limits settings.Limits) error {
	const seriesPerModel = 3
	if limits.Samples > 0 && len(models)*seriesPerModel > limits.Samples {
		return fmt.Errorf("the model repository lists %d models, more than the limit of %d samples allows", len(models), limits.Samples)
	}
	for _, m := range models {
		if limits.LabelValueLength > 0 && max(len(m.Name), len(m.Version)) > limits.LabelValueLength {
			return fmt.Errorf("the model repository lists a name or version longer than %d bytes, which is the limit: %.60s…",
				limits.LabelValueLength, m.Name)
		}
	}
	return nil
}

// record appends one listing. Loads and evictions are the changes since the listing before; the first listing changes
// nothing, because what happened before it is unknown.
func (p *poller) record(ctx context.Context, db storage.Appendable, target labels.Labels, models []management.Model, at time.Time) error {
	first := p.models == nil
	if first {
		p.models = map[modelKey]*modelSeries{}
	}
	batch := &batch{appender: db.Appender(ctx), at: at.UnixMilli()}
	listed := make(map[modelKey]bool, len(models))
	for _, m := range models {
		key := modelKey{name: m.Name, version: m.Version}
		if listed[key] {
			continue
		}
		listed[key] = true
		s, known := p.models[key]
		if !known {
			s = newModelSeries(target, key)
			p.models[key] = s
			if !first {
				batch.startCounters(s)
			}
		}
		s.observe(m.State == management.StateReady, known || !first)
		batch.add(s)
	}
	for key, s := range p.models {
		switch {
		case listed[key]:
		case s.isResident:
			// It was unloaded and removed at once: the eviction is recorded now, the end next time.
			s.observe(false, true)
			batch.add(s)
		default:
			batch.end(s)
			delete(p.models, key)
		}
	}
	return batch.commit()
}

// observe takes over a model's state and counts the change if the state before is known.
func (s *modelSeries) observe(resident, count bool) {
	if count && resident && !s.isResident {
		s.loadCount++
	}
	if count && !resident && s.isResident {
		s.evictionCount++
	}
	s.isResident = resident
}

// end marks all series of a poller as ended; their counts go on when it answers again.
func (r *residency) end(p *poller) {
	batch := &batch{appender: r.engine.db.Appender(r.engine.ctx), at: time.Now().UnixMilli()}
	for _, s := range p.models {
		batch.end(s)
	}
	if err := batch.commit(); err != nil {
		r.engine.logger.Debug("Series of a model repository were not marked as ended", "error", err)
	}
}

// batch collects samples of one time and writes them together.
type batch struct {
	appender storage.Appender
	at       int64
	errs     []error
}

func (b *batch) append(set labels.Labels, at int64, v float64) {
	if _, err := b.appender.Append(0, set, at, v); err != nil {
		b.errs = append(b.errs, fmt.Errorf("append %s: %w", set.Get(model.MetricNameLabel), err))
	}
}

// startCounters gives new counters a 0 to rise from, so that increase() sees their first step.
func (b *batch) startCounters(s *modelSeries) {
	b.append(s.loads, b.at-1, 0)
	b.append(s.evictions, b.at-1, 0)
}

func (b *batch) add(s *modelSeries) {
	resident := 0.0
	if s.isResident {
		resident = 1
	}
	b.append(s.resident, b.at, resident)
	b.append(s.loads, b.at, s.loadCount)
	b.append(s.evictions, b.at, s.evictionCount)
	s.ended = false
}

func (b *batch) end(s *modelSeries) {
	if s.ended {
		return
	}
	for _, set := range []labels.Labels{s.resident, s.loads, s.evictions} {
		b.append(set, b.at, math.Float64frombits(value.StaleNaN))
	}
	s.ended = true
}

// commit writes what could be appended and answers the first thing that could not.
func (b *batch) commit() error {
	if err := b.appender.Commit(); err != nil {
		b.errs = append(b.errs, fmt.Errorf("write the model repository's series: %w", err))
	}
	if len(b.errs) == 0 {
		return nil
	}
	return b.errs[0]
}
