package profile

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

func (p *Profile) validate() error {
	if p.ID == "" || p.Name == "" || p.Layer == "" {
		return errors.New("id, name and layer are needed")
	}
	if len(p.Fingerprint) == 0 || len(p.Replica) == 0 {
		return errors.New("fingerprint and replica are needed")
	}
	for _, name := range append([]string{p.Identity}, p.Fingerprint...) {
		if _, ok := p.Metrics[name]; !ok {
			return fmt.Errorf("identity or fingerprint %q is not among the metrics", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.Metrics)) {
		if err := p.validateMetric(p.Metrics[name]); err != nil {
			return fmt.Errorf("metric %q: %w", name, err)
		}
	}
	for _, t := range p.Traffic {
		if err := p.validateTerm(t, signal.Requests); err != nil {
			return fmt.Errorf("traffic: %w", err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.Signals)) {
		s, ok := signal.Find(name)
		if !ok {
			return fmt.Errorf("signals: there is no signal %q", name)
		}
		for i, r := range p.Signals[name] {
			if err := p.validateRecipe(s, r); err != nil {
				return fmt.Errorf("signal %q, recipe %d: %w", name, i+1, err)
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
		if _, ok := p.Metrics[r.Present.Metric]; !ok {
			return fmt.Errorf("metric %q is not among the metrics", r.Present.Metric)
		}
		return nil
	}
	for _, t := range append(append([]Term{}, r.Sum...), r.Average...) {
		if err := p.validateTerm(t, s.Unit); err != nil {
			return err
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
	for l := range t.Set {
		if !slices.Contains(signal.Labels, l) {
			return fmt.Errorf("metric %q sets the label %q, which does not exist", t.Metric, l)
		}
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
