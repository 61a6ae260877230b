package profile

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/prometheus/common/model"

	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

var layers = []string{"recorder", "gateway", "queue proxy", "server", "worker", ownLayer}

// managementProtocols are those that a management endpoint can be asked by.
var managementProtocols = []string{"open_inference_v2"}

// validate checks everything that compiling relies on. Its errors are misplaced ones where they have a place.
func (p *Profile) validate() error {
	if p.ID == "" || p.Name == "" {
		return errors.New("id and name are needed")
	}
	if !slices.Contains(layers, p.Layer) {
		return at(fmt.Errorf("layer %q is not one of %q", p.Layer, layers), "layer")
	}
	if len(p.Fingerprint) == 0 || len(p.Replica) == 0 {
		return errors.New("fingerprint and replica are needed")
	}
	if p.Management != nil && !slices.Contains(managementProtocols, p.Management.Protocol) {
		return at(fmt.Errorf("management protocol %q is not one of %q", p.Management.Protocol, managementProtocols), "management", "protocol")
	}
	if _, ok := p.Metrics[p.Identity]; !ok {
		return at(fmt.Errorf("identity %q is not among the metrics", p.Identity), "identity")
	}
	for i, name := range p.Fingerprint {
		if _, ok := p.Metrics[name]; !ok {
			return at(fmt.Errorf("fingerprint %q is not among the metrics", name), "fingerprint", strconv.Itoa(i))
		}
	}
	for _, check := range []func() error{p.validateLabels, p.validateMetrics, p.validateTraffic, p.validateSignals} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (p *Profile) validateLabels() error {
	for i, name := range p.Replica {
		if !model.LegacyValidation.IsValidLabelName(name) {
			return at(fmt.Errorf("replica: %q cannot name a label", name), "replica", strconv.Itoa(i))
		}
	}
	for _, l := range slices.Sorted(maps.Keys(p.Labels)) {
		if !slices.Contains(signal.Labels, l) {
			return at(fmt.Errorf("labels: there is no label %q", l), "labels", string(l))
		}
		if !model.LegacyValidation.IsValidLabelName(p.Labels[l]) {
			return at(fmt.Errorf("labels: %q cannot name a label", p.Labels[l]), "labels", string(l))
		}
	}
	return nil
}

func (p *Profile) validateMetrics() error {
	for _, name := range slices.Sorted(maps.Keys(p.Metrics)) {
		if !model.LegacyValidation.IsValidMetricName(name) {
			return at(fmt.Errorf("metric %q cannot name a metric", name), "metrics", name)
		}
		if err := p.validateMetric(p.Metrics[name]); err != nil {
			return at(fmt.Errorf("metric %q: %w", name, err), "metrics", name)
		}
	}
	return nil
}

func (p *Profile) validateTraffic() error {
	for i, t := range p.Traffic {
		err := p.validateTerm(t, signal.Requests)
		if err == nil && p.Metrics[t.Metric].Type != Counter {
			err = fmt.Errorf("metric %q is a %s; traffic is counted", t.Metric, p.Metrics[t.Metric].Type)
		}
		if err != nil {
			return at(fmt.Errorf("traffic: %w", err), "traffic", strconv.Itoa(i))
		}
	}
	return nil
}

func (p *Profile) validateSignals() error {
	for _, name := range slices.Sorted(maps.Keys(p.Signals)) {
		s, ok := signal.Find(name)
		if !ok {
			return at(fmt.Errorf("signals: there is no signal %q", name), "signals", name)
		}
		for i, r := range p.Signals[name] {
			if err := p.validateRecipe(s, r); err != nil {
				return at(fmt.Errorf("signal %q, recipe %d: %w", name, i+1, err), "signals", name, strconv.Itoa(i))
			}
		}
	}
	return nil
}

func (p *Profile) validateMetric(m Metric) error {
	switch m.Type {
	case Counter, Gauge, Summary, Histogram:
	default:
		return fmt.Errorf("type %q is not one of counter, gauge, summary, histogram", m.Type)
	}
	if !m.Unit.Known() {
		return fmt.Errorf("unit %q is not known", m.Unit)
	}
	for _, l := range m.Labels {
		if p.Labels[l] == "" {
			return fmt.Errorf("label %q is not among the profile's labels", l)
		}
	}
	return nil
}

func (p *Profile) validateRecipe(s signal.Signal, r Recipe) error {
	kinds := 0
	for _, set := range []bool{len(r.Sum) > 0, len(r.Average) > 0, r.Ratio != nil, r.Mean != nil, r.Summary != "", r.Histogram != "", r.Present != nil} {
		if set {
			kinds++
		}
	}
	if kinds != 1 {
		return fmt.Errorf("it has %d of sum, average, ratio, mean, summary, histogram, present; exactly one is needed", kinds)
	}
	switch {
	case r.Ratio != nil:
		return p.validateQuotient(r.Ratio.Of, r.Ratio.To, signal.Requests)
	case r.Mean != nil:
		return p.validateQuotient(r.Mean.Sum, r.Mean.Count, s.Unit)
	case r.Summary != "":
		return p.validateDistribution(r.Summary, Summary, s.Unit)
	case r.Histogram != "":
		return p.validateDistribution(r.Histogram, Histogram, s.Unit)
	case r.Present != nil:
		return p.validatePresent(*r.Present)
	}
	for _, t := range slices.Concat(r.Sum, r.Average) {
		if err := p.validateTerm(t, s.Unit); err != nil {
			return err
		}
		if counted := p.Metrics[t.Metric].Type == Counter && t.As == ""; counted != (s.Shape == signal.Count) {
			return fmt.Errorf("metric %q is a %s; a %s cannot be made of it as it is", t.Metric, p.Metrics[t.Metric].Type, s.Shape)
		}
	}
	return nil
}

func (p *Profile) validatePresent(present Present) error {
	m, ok := p.Metrics[present.Metric]
	if !ok {
		return fmt.Errorf("metric %q is not among the metrics", present.Metric)
	}
	for _, l := range present.Per {
		if !p.carries(m, l) {
			return fmt.Errorf("metric %q has no label %q to count by", present.Metric, l)
		}
	}
	return p.validateConditions(present.Term)
}

// validateConditions checks the labels that a term names.
func (p *Profile) validateConditions(t Term) error {
	for l := range t.Set {
		if !slices.Contains(signal.Labels, l) {
			return fmt.Errorf("metric %q sets the label %q, which does not exist", t.Metric, l)
		}
	}
	for name, w := range t.Where {
		if !model.LegacyValidation.IsValidLabelName(name) {
			return fmt.Errorf("metric %q: %q cannot name a label", t.Metric, name)
		}
		if len(w.Is) == 0 && len(w.Not) == 0 {
			return fmt.Errorf("metric %q: the condition on %q has neither is nor not", t.Metric, name)
		}
	}
	return nil
}

func (p *Profile) validateQuotient(of, to []Term, unit signal.Unit) error {
	if len(of) == 0 || len(to) == 0 {
		return errors.New("both parts of the quotient need a term")
	}
	for _, t := range of {
		if err := p.validateTerm(t, unit); err != nil {
			return err
		}
	}
	for _, t := range to {
		if err := p.validateTerm(t, signal.Requests); err != nil {
			return err
		}
	}
	return nil
}

func (p *Profile) validateDistribution(metric string, want Type, unit signal.Unit) error {
	m, ok := p.Metrics[metric]
	if !ok {
		return fmt.Errorf("metric %q is not among the metrics", metric)
	}
	if m.Type != want {
		return fmt.Errorf("metric %q is a %s, not a %s", metric, m.Type, want)
	}
	_, err := m.Unit.Factor(unit)
	return err
}

func (p *Profile) validateTerm(t Term, unit signal.Unit) error {
	m, ok := p.Metrics[t.Metric]
	if !ok {
		return fmt.Errorf("metric %q is not among the metrics", t.Metric)
	}
	if m.Type != Counter && m.Type != Gauge {
		return fmt.Errorf("metric %q is a %s; a term needs a counter or a gauge", t.Metric, m.Type)
	}
	if err := p.validateConditions(t); err != nil {
		return err
	}
	switch t.As {
	case "":
	case asConcurrency:
		if m.Type != Counter {
			return fmt.Errorf("metric %q is a %s; concurrency needs a counter of durations", t.Metric, m.Type)
		}
		_, err := m.Unit.Factor(signal.Seconds)
		return err
	default:
		return fmt.Errorf("metric %q: as %q is not concurrency", t.Metric, t.As)
	}
	if _, err := m.Unit.Factor(unit); err != nil {
		return fmt.Errorf("metric %q: %w", t.Metric, err)
	}
	return nil
}
