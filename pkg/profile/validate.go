package profile

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

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

const highestPort = 65535

// validate checks everything that compiling relies on. Its errors are misplaced ones where they have a place.
func (p *Profile) validate() error {
	if p.ID == "" || p.Name == "" {
		return at(errors.New("id and name are needed"), "id")
	}
	if !slices.Contains(layers, p.Layer) {
		return at(fmt.Errorf("layer %q is not one of %q", p.Layer, layers), "layer")
	}
	if len(p.Detect) == 0 {
		return at(errors.New("detect and replica are needed"), "detect")
	}
	if len(p.Replica) == 0 {
		return at(errors.New("detect and replica are needed"), "replica")
	}
	if p.Management != nil && !slices.Contains(managementProtocols, p.Management.Protocol) {
		return at(fmt.Errorf("management protocol %q is not one of %q", p.Management.Protocol, managementProtocols), "management", "protocol")
	}
	if _, ok := p.Metrics[p.IdentityMetric]; !ok {
		return at(fmt.Errorf("identity_metric %q is not among the metrics", p.IdentityMetric), "identity_metric")
	}
	for i, name := range p.Detect {
		if _, ok := p.Metrics[name]; !ok {
			return at(fmt.Errorf("detect: %q is not among the metrics", name), "detect", strconv.Itoa(i))
		}
	}
	for _, check := range []func() error{p.validateEndpoints, p.validateLabels, p.validateStatus, p.validateDefinitions, p.validateMetrics, p.validateTraffic, p.validateSignals} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (p *Profile) validateEndpoints() error {
	if port := p.Endpoint.Port; port < 0 || port > highestPort {
		return at(fmt.Errorf("endpoint: there is no port %d", port), "endpoint", "port")
	}
	if path := p.Endpoint.Path; path != "" && !strings.HasPrefix(path, "/") {
		return at(fmt.Errorf("endpoint: the path %q does not begin with /", path), "endpoint", "path")
	}
	if p.Management != nil && (p.Management.Port < 0 || p.Management.Port > highestPort) {
		return at(fmt.Errorf("management: there is no port %d", p.Management.Port), "management", "port")
	}
	return nil
}

// namesLabel says whether a name can be that of a label that the server gives its series. Those that tell the parts of a metric
// from one another cannot.
func namesLabel(name string) bool {
	return model.LegacyValidation.IsValidLabelName(name) && name != model.MetricNameLabel && name != bucketBound && name != quantileLabel
}

func (p *Profile) validateLabels() error {
	for i, name := range p.Replica {
		if !namesLabel(name) {
			return at(fmt.Errorf("replica: %q cannot name a label", name), "replica", strconv.Itoa(i))
		}
	}
	for i, name := range p.Device {
		if !model.LegacyValidation.IsValidLabelName(name) {
			return at(fmt.Errorf("device: %q cannot name a label", name), "device", strconv.Itoa(i))
		}
	}
	if len(p.Device) > 0 && !p.carries(p.Metrics[p.IdentityMetric], signal.GPU) {
		return at(fmt.Errorf("device: identity_metric %q has no label gpu, by which devices are told apart", p.IdentityMetric), "device")
	}
	for _, l := range slices.Sorted(maps.Keys(p.Labels)) {
		if !slices.Contains(signal.Labels, l) {
			return at(fmt.Errorf("labels: there is no label %q", l), "labels", string(l))
		}
		if !namesLabel(p.Labels[l]) {
			return at(fmt.Errorf("labels: %q cannot name a label", p.Labels[l]), "labels", string(l))
		}
	}
	for _, l := range slices.Sorted(maps.Keys(p.LabelAliases)) {
		if p.Labels[l] == "" {
			return at(fmt.Errorf("label_aliases: %q is not among the labels", l), "label_aliases", string(l))
		}
		if !namesLabel(p.LabelAliases[l]) || p.LabelAliases[l] == p.Labels[l] {
			return at(fmt.Errorf("label_aliases: %q cannot be an alias of %q", p.LabelAliases[l], l), "label_aliases", string(l))
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
	if !namesLabel(p.Status.Label) {
		return at(fmt.Errorf("status: %q cannot name a label", p.Status.Label), "status", "label")
	}
	for _, class := range slices.Sorted(maps.Keys(p.Status.Classes)) {
		if !slices.Contains(statusClasses, class) {
			return at(fmt.Errorf("status: class %q is not one of %q", class, statusClasses), "status", "classes", class)
		}
		if err := validExpression(p.Status.Classes[class]); err != nil {
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
	for i, t := range p.RankBy {
		err := p.validateTerm(t, signal.Requests)
		if err == nil && p.Metrics[t.Metric[0]].Type != Counter {
			err = fmt.Errorf("metric %q is a %s; traffic is counted", t.Metric[0], p.Metrics[t.Metric[0]].Type)
		}
		if err != nil {
			return at(fmt.Errorf("rank_by: %w", err), "rank_by", strconv.Itoa(i))
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
		if d := s.Derivation; d != nil && name != signal.ModelGPUUtilization {
			return at(fmt.Errorf("signal %q is computed from %s, and from nothing else; give recipes for what it is computed from", name, strings.Join(d.From, ", ")), "signals", name)
		}
		if len(p.Signals[name]) == 0 {
			return at(fmt.Errorf("signal %q has no recipe", name), "signals", name)
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
