package profile

import (
	"bytes"
	"cmp"
	_ "embed" // the profiles that come with the plugin
	"errors"
	"fmt"
	"io"
	"slices"

	"go.yaml.in/yaml/v3"
)

var (
	//go:embed modelserving.yaml
	modelservingYAML string
	//go:embed recorder.yaml
	recorderYAML string
	//go:embed nvml.yaml
	nvmlYAML string
	//go:embed baseten.yaml
	basetenYAML string
	//go:embed bentoml.yaml
	bentomlYAML string
	//go:embed cadvisor.yaml
	cadvisorYAML string
	//go:embed dcgm.yaml
	dcgmYAML string
	//go:embed djl.yaml
	djlYAML string
	//go:embed dynamo.yaml
	dynamoYAML string
	//go:embed envoy.yaml
	envoyYAML string
	//go:embed gie.yaml
	gieYAML string
	//go:embed istio.yaml
	istioYAML string
	//go:embed knative_before_1_19.yaml
	knativeBefore119YAML string
	//go:embed knative.yaml
	knativeYAML string
	//go:embed kserve.yaml
	kserveYAML string
	//go:embed kube_state_metrics.yaml
	kubeStateMetricsYAML string
	//go:embed litellm.yaml
	litellmYAML string
	//go:embed llamacpp.yaml
	llamacppYAML string
	//go:embed llm_d.yaml
	llmDYAML string
	//go:embed mlserver.yaml
	mlserverYAML string
	//go:embed modelmesh.yaml
	modelmeshYAML string
	//go:embed otel_genai.yaml
	otelGenaiYAML string
	//go:embed ovms.yaml
	ovmsYAML string
	//go:embed ray_serve.yaml
	rayServeYAML string
	//go:embed ray_sglang.yaml
	raySGLangYAML string
	//go:embed ray_vllm.yaml
	rayVllmYAML string
	//go:embed seldon.yaml
	seldonYAML string
	//go:embed sglang.yaml
	sglangYAML string
	//go:embed tfserving.yaml
	tfservingYAML string
	//go:embed tgi.yaml
	tgiYAML string
	//go:embed torchserve.yaml
	torchserveYAML string
	//go:embed triton.yaml
	tritonYAML string
	//go:embed vllm.yaml
	vllmYAML string
)

// Set is the profiles of a data source, in a fixed order.
type Set []*Profile

// Embedded loads the profiles that come with the plugin.
func Embedded() (Set, error) {
	var set Set
	for _, text := range []string{
		modelservingYAML, recorderYAML, nvmlYAML, basetenYAML, bentomlYAML, cadvisorYAML, dcgmYAML, djlYAML, dynamoYAML, envoyYAML, gieYAML, istioYAML,
		knativeBefore119YAML, knativeYAML, kserveYAML, kubeStateMetricsYAML, litellmYAML, llamacppYAML, llmDYAML, mlserverYAML, modelmeshYAML, otelGenaiYAML, ovmsYAML,
		rayServeYAML, raySGLangYAML, rayVllmYAML, seldonYAML, sglangYAML, tfservingYAML, tgiYAML, torchserveYAML, tritonYAML, vllmYAML,
	} {
		p, err := Parse([]byte(text))
		if err != nil {
			return nil, err
		}
		set = append(set, p)
	}
	return set, nil
}

// Find is the profile of an id, or nil.
func (s Set) Find(id string) *Profile {
	i := slices.IndexFunc(s, func(p *Profile) bool { return p.ID == id })
	if i < 0 {
		return nil
	}
	return s[i]
}

// Detect lists the profiles whose server is told by the metrics that exist.
func (s Set) Detect(exists func(metric string) bool) Set {
	var found Set
	for _, p := range s {
		if p.Has(exists) {
			found = append(found, p)
		}
	}
	return found
}

// ServersFirst is the set with the profiles of model servers before those of what stands around them.
func (s Set) ServersFirst() Set {
	out := slices.Clone(s)
	slices.SortStableFunc(out, func(a, b *Profile) int {
		order := []string{layerServer, layerWorker}
		return cmp.Compare(rankOf(order, a.Layer), rankOf(order, b.Layer))
	})
	return out
}

// rankOf is a word's place in an order; words that are not in it come last.
func rankOf(order []string, word string) int {
	if i := slices.Index(order, word); i >= 0 {
		return i
	}
	return len(order)
}

// Targets lists the profiles of servers that have a metrics page of their own.
func (s Set) Targets() Set {
	return slices.DeleteFunc(slices.Clone(s), func(p *Profile) bool { return p.Endpoint == (Endpoint{}) })
}

// Parse reads one profile and checks it. Its errors name the profile, the line and what is wrong there.
func Parse(text []byte) (*Profile, error) {
	var document yaml.Node
	if yaml.Unmarshal(text, &document) == nil {
		if line := crowded(&document); line > 0 {
			return nil, fmt.Errorf(`profile "": line %d: there are more than %d keys side by side`, line, mostKeys)
		}
	}
	p, err := read(text)
	if err != nil {
		return nil, fmt.Errorf("profile %q: %w", p.ID, placed(err, text))
	}
	if err := p.validate(); err != nil {
		var place misplaced
		if errors.As(err, &place) {
			return nil, fmt.Errorf("profile %q: line %d: %w", p.ID, lineOf(text, place.path), err)
		}
		return nil, fmt.Errorf("profile %q: %w", p.ID, err)
	}
	return p, nil
}

var errEmpty = errors.New("the file is empty")

// read reads one profile as it is.
func read(text []byte) (*Profile, error) {
	p := &Profile{}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	err := decoder.Decode(p)
	if errors.Is(err, io.EOF) {
		return p, errEmpty
	}
	if err != nil {
		return p, err
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return p, errors.New("the file holds more than one document; a profile is one file")
	}
	return p, nil
}

// SeriesNames lists the stored name of every metric that a profile knows.
func (s Set) SeriesNames() []string {
	var out []string
	for _, p := range s {
		for name := range p.Metrics {
			out = append(out, seriesName(p, name))
			if p.Metrics[name].Type == Histogram {
				out = append(out, name) // as a native histogram
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
