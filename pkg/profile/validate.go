package profile

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"

	"github.com/prometheus/common/model"

	"github.com/coldhit/modelserving-datasource/pkg/management"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// The layers at which something is measured. The management layer is that of the series that the project makes itself.
const (
	layerRecorder   = "recorder"
	layerGateway    = "gateway"
	layerQueueProxy = "queue proxy"
	layerServer     = "server"
	layerWorker     = "worker"
	layerHost       = "host"
	layerManagement = "management"
)

var layers = []string{layerRecorder, layerGateway, layerQueueProxy, layerServer, layerWorker, layerHost, layerManagement}

// statusClasses are the values of the label status: by HTTP code where the server knows it, else by outcome.
var statusClasses = []string{"2xx", "3xx", "4xx", "5xx", "success", "failure"}

// managementProtocols are those that a management endpoint can be asked by.
var managementProtocols = management.Protocols()

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
	for _, check := range []func() error{p.validateLabels, p.validateStatus, p.validateDefinitions, p.validateMetrics, p.validateTraffic, p.validateSignals} {
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
	for _, l := range slices.Sorted(maps.Keys(p.Also)) {
		if p.Labels[l] == "" {
			return at(fmt.Errorf("also: %q has no first name among the labels", l), "also", string(l))
		}
		if !model.LegacyValidation.IsValidLabelName(p.Also[l]) || p.Also[l] == p.Labels[l] {
			return at(fmt.Errorf("also: %q cannot be the second name of %q", p.Also[l], l), "also", string(l))
		}
	}
	return nil
}

func (p *Profile) validateStatus() error {
	if p.Status == nil {
		return nil
	}
	if p.Labels[signal.Status] != "" {
		return at(errors.New("status is among the labels already"), "status")
	}
	if !model.LegacyValidation.IsValidLabelName(p.Status.Label) {
		return at(fmt.Errorf("status: %q cannot name a label", p.Status.Label), "status", "label")
	}
	for _, class := range slices.Sorted(maps.Keys(p.Status.Classes)) {
		if !slices.Contains(statusClasses, class) {
			return at(fmt.Errorf("status: class %q is not one of %q", class, statusClasses), "status", "classes", class)
		}
		if _, err := regexp.Compile("^(?:" + p.Status.Classes[class] + ")$"); err != nil {
			return at(fmt.Errorf("status: class %q: %w", class, err), "status", "classes", class)
		}
	}
	if len(p.Status.Classes) == 0 {
		return at(errors.New("status: classes are needed"), "status")
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
		if err == nil && p.Metrics[t.Metric[0]].Type != Counter {
			err = fmt.Errorf("metric %q is a %s; traffic is counted", t.Metric[0], p.Metrics[t.Metric[0]].Type)
		}
		if err != nil {
			return at(fmt.Errorf("traffic: %w", err), "traffic", strconv.Itoa(i))
		}
	}
	return nil
}

func (p *Profile) validateSignals() error {
	for _, name := range slices.Sorted(maps.Keys(p.Signals)) {
		s, ok := p.signal(name)
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
	if len(m.RankErrors) > 0 && m.Type != Summary {
		return fmt.Errorf("a %s has no rank_errors; a summary's quantiles have", m.Type)
	}
	for quantile, off := range m.RankErrors {
		if q, err := strconv.ParseFloat(quantile, 64); err != nil || number(q) != quantile || !(q > 0 && q < 1) || !(off >= 0 && off < 1) {
			return fmt.Errorf("rank_errors: %s of the quantile %q; both are shares between 0 and 1", number(off), quantile)
		}
	}
	for _, l := range m.Labels {
		if p.Labels[l] == "" && (l != signal.Status || p.Status == nil) {
			return fmt.Errorf("label %q is not among the profile's labels", l)
		}
	}
	return nil
}

func (p *Profile) validateRecipe(s signal.Signal, r Recipe) error {
	kinds := 0
	for _, set := range []bool{
		len(r.Sum) > 0, len(r.Average) > 0, r.Ratio != nil, r.Mean != nil, r.Summary != "", len(r.Histogram) > 0, r.Present != nil, r.Age != "",
	} {
		if set {
			kinds++
		}
	}
	if kinds != 1 {
		return fmt.Errorf("it has %d of sum, average, ratio, mean, summary, histogram, present, age; exactly one is needed", kinds)
	}
	if len(r.Where) > 0 && len(r.Histogram) == 0 {
		return errors.New("where beside the kind of recipe is for histograms; a term has its own")
	}
	switch {
	case r.Ratio != nil:
		if of, to := p.unitOf(r.Ratio.Of), p.unitOf(r.Ratio.To); !of.Comparable(to) {
			return fmt.Errorf("%s divided by %s are no ratio", of, to)
		}
		return p.validateQuotient(r.Ratio.Of, r.Ratio.To, p.unitOf(r.Ratio.Of))
	case r.Mean != nil:
		for _, t := range r.Mean.Count {
			if unit := p.unitOf([]Term{t}); unit != "" && !unit.Comparable(signal.Requests) {
				return fmt.Errorf("metric %q: %q cannot be converted to %q", t.Metric[0], unit, signal.Requests)
			}
		}
		return p.validateQuotient(r.Mean.Sum, r.Mean.Count, s.Unit)
	case r.Summary != "":
		return p.validateDistribution(Names{r.Summary}, Summary, s.Unit)
	case len(r.Histogram) > 0:
		if err := p.validateDistribution(r.Histogram, Histogram, s.Unit); err != nil {
			return err
		}
		return p.validateConditions(Term{Metric: r.Histogram, Where: r.Where})
	case r.Age != "":
		return p.validateDistribution(Names{r.Age}, Gauge, s.Unit)
	case r.Present != nil:
		return p.validatePresent(*r.Present)
	}
	for _, t := range slices.Concat(r.Sum, r.Average) {
		if err := p.validateTerm(t, s.Unit); err != nil {
			return err
		}
		kind := p.Metrics[t.Metric[0]].Type
		if counted := kind == Counter && t.As == ""; counted != (s.Shape == signal.Count) {
			return fmt.Errorf("metric %q is a %s; a %s cannot be made of it as it is", t.Metric[0], kind, s.Shape)
		}
	}
	return nil
}

func (p *Profile) validatePresent(present Present) error {
	if err := p.validateNames(present.Metric); err != nil {
		return err
	}
	for _, l := range present.Per {
		if !p.carries(p.Metrics[present.Metric[0]], l) {
			return fmt.Errorf("metric %q has no label %q to count by", present.Metric[0], l)
		}
	}
	return p.validateConditions(present.Term)
}

// validateConditions checks the labels that a term names.
func (p *Profile) validateConditions(t Term) error {
	for l := range t.Set {
		if !slices.Contains(signal.Labels, l) {
			return fmt.Errorf("metric %q sets the label %q, which does not exist", t.Metric[0], l)
		}
	}
	for _, l := range t.Without {
		if !slices.Contains(p.Metrics[t.Metric[0]].Labels, l) {
			return fmt.Errorf("metric %q is to be without the label %q, which it does not have", t.Metric[0], l)
		}
	}
	for name, w := range t.Where {
		if !model.LegacyValidation.IsValidLabelName(name) {
			return fmt.Errorf("metric %q: %q cannot name a label", t.Metric[0], name)
		}
		if len(w.Is) == 0 && len(w.Not) == 0 && w.Matches == "" {
			return fmt.Errorf("metric %q: the condition on %q has neither is nor not nor matches", t.Metric[0], name)
		}
		if _, err := regexp.Compile(w.Matches); err != nil {
			return fmt.Errorf("metric %q: the condition on %q does not match anything: %w", t.Metric[0], name, err)
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
		if err := p.validateTerm(t, p.unitOf(to)); err != nil {
			return err
		}
	}
	return nil
}

// unitOf is the unit that terms which are only counted are summed in: that of the first.
func (p *Profile) unitOf(terms []Term) signal.Unit {
	if len(terms) == 0 || len(terms[0].Metric) == 0 {
		return ""
	}
	return p.Metrics[terms[0].Metric[0]].Unit
}

// validateNames checks that the names of a metric are described, and alike: one plan reads all of them.
func (p *Profile) validateNames(names Names) error {
	if len(names) == 0 {
		return errors.New("a metric is needed")
	}
	newest := p.Metrics[names[0]]
	for _, name := range names {
		m, ok := p.Metrics[name]
		if !ok {
			return fmt.Errorf("metric %q is not among the metrics", name)
		}
		if m.Type != newest.Type || !slices.Equal(m.Labels, newest.Labels) {
			return fmt.Errorf("metrics %q and %q are not one metric under two names: their types or labels differ", names[0], name)
		}
		if m.Type == Histogram && m.Unit != newest.Unit {
			return fmt.Errorf("histograms %q and %q have buckets in different units and cannot be one", names[0], name)
		}
	}
	return nil
}

func (p *Profile) validateDistribution(names Names, want Type, unit signal.Unit) error {
	if err := p.validateNames(names); err != nil {
		return err
	}
	m := p.Metrics[names[0]]
	if m.Type != want {
		return fmt.Errorf("metric %q is a %s, not a %s", names[0], m.Type, want)
	}
	_, err := m.Unit.Factor(unit)
	return err
}

func (p *Profile) validateTerm(t Term, unit signal.Unit) error {
	if err := p.validateNames(t.Metric); err != nil {
		return err
	}
	m := p.Metrics[t.Metric[0]]
	if m.Type != Counter && m.Type != Gauge {
		return fmt.Errorf("metric %q is a %s; a term needs a counter or a gauge", t.Metric[0], m.Type)
	}
	if err := p.validateConditions(t); err != nil {
		return err
	}
	switch t.As {
	case "", asZero:
	case asConcurrency:
		if m.Type != Counter {
			return fmt.Errorf("metric %q is a %s; concurrency needs a counter of durations", t.Metric[0], m.Type)
		}
		_, err := m.Unit.Factor(signal.Seconds)
		return err
	default:
		return fmt.Errorf("metric %q: as %q is neither concurrency nor zero", t.Metric[0], t.As)
	}
	for _, name := range t.Metric {
		if _, err := p.Metrics[name].Unit.Factor(unit); err != nil {
			return fmt.Errorf("metric %q: %w", name, err)
		}
	}
	return nil
}
