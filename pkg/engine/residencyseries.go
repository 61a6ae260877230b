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

// Series that the engine appends from a management endpoint, for each model and version.
const (
	// MetricModelResident is 1 while a model is in memory and 0 while it is only listed.
	MetricModelResident = "modelserving_model_resident"
	// MetricModelLoads counts the loads that were seen between two polls, of each copy.
	MetricModelLoads = "modelserving_model_loads_total"
	// MetricModelEvictions counts how often a model was seen to have left memory between two polls.
	MetricModelEvictions = "modelserving_model_evictions_total"
	// MetricReplicas is the number of copies by state, where the server tells it.
	MetricReplicas = "modelserving_replicas"
	// MetricModelMemory is what a model takes, in bytes, where the server tells it.
	MetricModelMemory = "modelserving_model_memory_bytes"
	// MetricAgeAtEviction is how long the model had not been used when it last left memory, in seconds.
	MetricAgeAtEviction = "modelserving_age_at_eviction_seconds"

	labelModel   = "model"
	labelVersion = "version"
	labelState   = "state"
)

// seriesKey identifies one series of a model: a metric and, of replicas, a state.
type seriesKey struct{ metric, state string }

type sample struct {
	seriesKey
	value float64
}

// modelSeries is the series of one model.
type modelSeries struct {
	modelHistory
	// identity are the labels that all its series have.
	identity labels.Labels
	series   map[seriesKey]*ownSeries
}

// ownSeries is a series that the engine itself appends. At is the time of its last sample, in unix milliseconds; live is
// false once it was marked as ended.
type ownSeries struct {
	set  labels.Labels
	at   int64
	live bool
}

type modelKey struct{ name, version, deployment string }

func keyOf(m management.Model) modelKey { return modelKey{m.Name, m.Version, m.Deployment} }

func newModelSeries(target labels.Labels, key modelKey) *modelSeries {
	builder := labels.NewBuilder(target)
	builder.Set(labelModel, key.name).Set(labelVersion, key.version)
	if key.deployment != "" {
		// As when a scraped series has a label that the target has too.
		name := labelDeployment
		if target.Has(labelDeployment) {
			name = model.ExportedLabelPrefix + labelDeployment
		}
		builder.Set(name, key.deployment)
	}
	return &modelSeries{identity: builder.Labels(), series: map[seriesKey]*ownSeries{}}
}

func (s *modelSeries) seriesOf(t seriesKey) *ownSeries {
	one, known := s.series[t]
	if !known {
		builder := labels.NewBuilder(s.identity)
		builder.Set(model.MetricNameLabel, t.metric).Set(labelState, t.state)
		one = &ownSeries{set: builder.Labels()}
		s.series[t] = one
	}
	return one
}

// samples are what a model's series show now, given what the server tells of it.
func (s *modelSeries) samples(m management.Model) []sample {
	resident := 0.0
	if m.Residency == management.Resident {
		resident = 1
	}
	out := []sample{
		{seriesKey{metric: MetricModelResident}, resident},
		{seriesKey{metric: MetricModelLoads}, s.loads},
		{seriesKey{metric: MetricModelEvictions}, s.evictions},
	}
	if m.Replicas != nil {
		for state, count := range map[string]int{
			"active": m.Replicas.Active, "starting": m.Replicas.Starting, "desired": m.Replicas.Desired,
			"min": m.Replicas.Min, "max": m.Replicas.Max,
		} {
			out = append(out, sample{seriesKey{MetricReplicas, state}, float64(count)})
		}
	}
	if m.MemoryBytes > 0 {
		out = append(out, sample{seriesKey{metric: MetricModelMemory}, float64(m.MemoryBytes)})
	}
	if s.hasAge {
		out = append(out, sample{seriesKey{metric: MetricAgeAtEviction}, s.ageAtEviction.Seconds()})
	}
	return out
}

// checkLimits holds a listing to the limits of a scrape.
func checkLimits(models []management.Model, limits settings.ScrapeLimits) error {
	// Residency, loads, evictions, memory and age; and the states of replicas.
	const always, ofReplicas = 5, 5
	series := 0
	for _, m := range models {
		series += always
		if m.Replicas != nil {
			series += ofReplicas
		}
		longest := max(len(m.Name), len(m.Version), len(m.Deployment))
		if limits.LabelValueLength > 0 && longest > limits.LabelValueLength {
			return fmt.Errorf("the management endpoint lists a name or version of %d bytes, and the limit is %d: %.60s…",
				longest, limits.LabelValueLength, m.Name)
		}
	}
	if limits.Samples > 0 && series > limits.Samples {
		return fmt.Errorf("the management endpoint lists %d models, which makes up to %d samples, and the limit is %d. Raise the limit, or "+
			"let the server have fewer models", len(models), series, limits.Samples)
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
		key := keyOf(m)
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
		if first {
			s.begin(m)
		} else {
			s.observe(m, at)
		}
		batch.add(s, m)
	}
	for key, s := range p.models {
		switch {
		case listed[key]:
		case s.held:
			// It was unloaded and removed at once: the eviction is recorded now, the end next time.
			gone := management.Model{Name: key.name, Version: key.version, Deployment: key.deployment}
			s.observe(gone, at)
			batch.add(s, gone)
		default:
			batch.end(s)
			delete(p.models, key)
		}
	}
	return batch.commit()
}

// end marks all series of a poller as ended; their counts go on when it answers again.
func (r *residency) end(p *poller) {
	batch := &batch{appender: r.engine.db.Appender(r.engine.ctx), at: time.Now().UnixMilli()}
	for _, s := range p.models {
		batch.end(s)
	}
	if err := batch.commit(); err != nil {
		r.engine.logger.Debug("Series of a management endpoint were not marked as ended", "error", err)
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
	for _, metric := range []string{MetricModelLoads, MetricModelEvictions} {
		b.append(s.seriesOf(seriesKey{metric: metric}).set, b.at-1, 0)
	}
}

// add appends what a model's series show now, and ends those of which the server tells nothing any more.
func (b *batch) add(s *modelSeries, m management.Model) {
	for _, v := range s.samples(m) {
		one := s.seriesOf(v.seriesKey)
		b.append(one.set, b.at, v.value)
		one.at, one.live = b.at, true
	}
	for _, one := range s.series {
		if one.at != b.at {
			b.endOne(one)
		}
	}
}

func (b *batch) end(s *modelSeries) {
	for _, one := range s.series {
		b.endOne(one)
	}
}

func (b *batch) endOne(one *ownSeries) {
	if !one.live {
		return
	}
	b.append(one.set, b.at, math.Float64frombits(value.StaleNaN))
	one.live = false
}

// commit writes what could be appended and answers the first thing that could not.
func (b *batch) commit() error {
	if err := b.appender.Commit(); err != nil {
		b.errs = append(b.errs, fmt.Errorf("write the series of a management endpoint: %w", err))
	}
	if len(b.errs) == 0 {
		return nil
	}
	return b.errs[0]
}
