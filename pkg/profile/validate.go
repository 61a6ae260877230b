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

// managementProtocols are the protocols of management endpoints.
var managementProtocols = management.Protocols()

const highestPort = 65535

// validate checks everything that compiling relies on. Its errors have a position where they can.
func (p *Profile) validate() error {
	if p.ID == "" || p.Name == "" {
		return atPath(errors.New("id and name are required"), "id")
	}
	if !slices.Contains(layers, p.Layer) {
		return atPath(fmt.Errorf("layer %q is not one of %s", p.Layer, strings.Join(layers, ", ")), "layer")
	}
	if p.Precedence < 0 {
		return atPath(fmt.Errorf("precedence %d is negative. Use 0 or more", p.Precedence), "precedence")
	}
	if len(p.Detect) == 0 {
		return atPath(errors.New("detect and replica are required"), "detect")
	}
	if len(p.Replica) == 0 {
		return atPath(errors.New("detect and replica are required"), "replica")
	}
	if p.Management != nil && !slices.Contains(managementProtocols, p.Management.Protocol) {
		return atPath(fmt.Errorf("management: protocol %q is not one of %s", p.Management.Protocol, strings.Join(managementProtocols, ", ")), "management", "protocol")
	}
	if _, ok := p.Metrics[p.IdentityMetric]; !ok {
		return atPath(fmt.Errorf("identity_metric: %w", p.undescribed(p.IdentityMetric)), "identity_metric")
	}
	for i, name := range p.Detect {
		if _, ok := p.Metrics[name]; !ok {
			return atPath(fmt.Errorf("detect: %w", p.undescribed(name)), "detect", strconv.Itoa(i))
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
		return atPath(fmt.Errorf("endpoint: port %d is out of range. Use 1 to 65535", port), "endpoint", "port")
	}
	if path := p.Endpoint.Path; path != "" && !strings.HasPrefix(path, "/") {
		return atPath(fmt.Errorf("endpoint: the path %q must begin with /", path), "endpoint", "path")
	}
	if p.Management != nil && (p.Management.Port < 0 || p.Management.Port > highestPort) {
		return atPath(fmt.Errorf("management: port %d is out of range. Use 1 to 65535", p.Management.Port), "management", "port")
	}
	return nil
}

// namesLabel says whether a name can be that of a label of the server. Those of buckets and quantiles cannot.
func namesLabel(name string) bool {
	return model.LegacyValidation.IsValidLabelName(name) && name != model.MetricNameLabel && name != bucketBound && name != quantileLabel
}

func (p *Profile) validateLabels() error {
	for i, name := range p.Replica {
		if !namesLabel(name) {
			return atPath(fmt.Errorf("replica: %q is not a valid label name", name), "replica", strconv.Itoa(i))
		}
	}
	for i, name := range p.Device {
		if !model.LegacyValidation.IsValidLabelName(name) {
			return atPath(fmt.Errorf("device: %q is not a valid label name", name), "device", strconv.Itoa(i))
		}
	}
	if len(p.Device) > 0 && !p.carries(p.Metrics[p.IdentityMetric], signal.GPU) {
		return atPath(fmt.Errorf("device: identity_metric %q has no label gpu. Add it to the labels of the metric", p.IdentityMetric), "device")
	}
	for _, l := range slices.Sorted(maps.Keys(p.Labels)) {
		if !slices.Contains(signal.Labels, l) {
			return atPath(fmt.Errorf("labels: there is no label %q%s", l, didYouMean(string(l), texts(signal.Labels))), "labels", string(l))
		}
		if !namesLabel(p.Labels[l]) {
			return atPath(fmt.Errorf("labels: %q is not a valid label name", p.Labels[l]), "labels", string(l))
		}
	}
	for _, l := range slices.Sorted(maps.Keys(p.LabelAliases)) {
		if p.Labels[l] == "" {
			return atPath(fmt.Errorf("label_aliases: %q is not among the labels", l), "label_aliases", string(l))
		}
		if !namesLabel(p.LabelAliases[l]) || p.LabelAliases[l] == p.Labels[l] {
			return atPath(fmt.Errorf("label_aliases: %q cannot be an alias of %q", p.LabelAliases[l], l), "label_aliases", string(l))
		}
	}
	return nil
}

func (p *Profile) validateStatus() error {
	if p.Status == nil {
		return nil
	}
	if p.Labels[signal.Status] != "" {
		return atPath(errors.New("status is among the labels already"), "status")
	}
	if !namesLabel(p.Status.Label) {
		return atPath(fmt.Errorf("status: %q is not a valid label name", p.Status.Label), "status", "label")
	}
	for _, class := range slices.Sorted(maps.Keys(p.Status.Classes)) {
		if !slices.Contains(statusClasses, class) {
			return atPath(fmt.Errorf("status: class %q is not one of %s", class, strings.Join(statusClasses, ", ")), "status", "classes", class)
		}
		if err := validExpression(p.Status.Classes[class]); err != nil {
			return atPath(fmt.Errorf("status: class %q: %w", class, err), "status", "classes", class)
		}
	}
	if len(p.Status.Classes) == 0 {
		return atPath(errors.New("status: classes are required"), "status")
	}
	return nil
}

func (p *Profile) validateMetrics() error {
	for _, name := range slices.Sorted(maps.Keys(p.Metrics)) {
		if !model.LegacyValidation.IsValidMetricName(name) {
			return atPath(fmt.Errorf("metric %q is not a valid metric name", name), "metrics", name)
		}
		if err := p.validateMetric(p.Metrics[name]); err != nil {
			return atPath(fmt.Errorf("metric %q: %w", name, err), "metrics", name)
		}
	}
	return nil
}

func (p *Profile) validateTraffic() error {
	for i, t := range p.RankBy {
		err := p.validateTerm(t, signal.Requests)
		if err == nil && p.Metrics[t.Metric[0]].Type != Counter {
			err = fmt.Errorf("metric %q is a %s. Use a counter of requests", t.Metric[0], p.Metrics[t.Metric[0]].Type)
		}
		if err != nil {
			return atPath(fmt.Errorf("rank_by: %w", err), "rank_by", strconv.Itoa(i))
		}
	}
	return nil
}

func (p *Profile) validateSignals() error {
	for _, name := range slices.Sorted(maps.Keys(p.Signals)) {
		s, ok := p.signal(name)
		if !ok {
			return atPath(fmt.Errorf("there is no signal %q%s", name, didYouMean(name, p.signalNames())), "signals", name)
		}
		if d := s.Derivation; d != nil && name != signal.ModelGPUUtilization {
			return atPath(fmt.Errorf("signal %q is always computed from %s. Write recipes for those instead", name, strings.Join(d.From, ", ")), "signals", name)
		}
		if len(p.Signals[name]) == 0 {
			return atPath(fmt.Errorf("signal %q has no recipe. Add one, or remove the signal", name), "signals", name)
		}
		for i, r := range p.Signals[name] {
			if err := p.validateRecipe(s, r); err != nil {
				return atPath(fmt.Errorf("signal %q, recipe %d: %w", name, i+1, err), "signals", name, strconv.Itoa(i))
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
		return fmt.Errorf("unit %q does not exist%s", m.Unit, didYouMean(string(m.Unit), texts(signal.Units())))
	}
	if len(m.RankErrors) > 0 && m.Type != Summary {
		return fmt.Errorf("rank_errors are for summaries, and this is a %s", m.Type)
	}
	for quantile, off := range m.RankErrors {
		if q, err := strconv.ParseFloat(quantile, 64); err != nil || number(q) != quantile || !(q > 0 && q < 1) || !(off >= 0 && off < 1) {
			return fmt.Errorf("rank_errors: %s of the quantile %q. Both must be between 0 and 1", number(off), quantile)
		}
	}
	for _, l := range m.Labels {
		if p.Labels[l] == "" && (l != signal.Status || p.Status == nil) {
			return fmt.Errorf("label %q is not under labels%s", l, didYouMean(string(l), texts(slices.Sorted(maps.Keys(p.Labels)))))
		}
	}
	return nil
}

// undescribed is the error about a metric that is not under metrics.
func (p *Profile) undescribed(name string) error {
	return fmt.Errorf("metric %q is not under metrics%s", name, didYouMean(name, slices.Sorted(maps.Keys(p.Metrics))))
}

// signalNames lists the signals that the profile can have recipes for.
func (p *Profile) signalNames() []string {
	var out []string
	for _, s := range signal.Builtin().With(p.Defined()...) {
		out = append(out, s.Name)
	}
	return out
}
