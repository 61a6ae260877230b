package profile

import (
	"maps"
	"slices"

	"github.com/coldhit/modelserving-datasource/pkg/plan"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// Summable is one family of a store's series that can be kept summed: the rates of counters, of a classic histogram's buckets or of
// native histograms, over everything but some labels.
type Summable struct {
	// Series is the name of what is summed, as the store has it.
	Series string
	// Labels are those that are kept, by the store's names: of environment, deployment, model and start, of a request's status
	// and code, those by which recipes choose among a metric's series, and le of buckets.
	Labels []string
	// ModelLabels are the labels among them that name a model; none where the series have no models.
	ModelLabels []string
	// Buckets says that the series are a classic histogram's buckets.
	Buckets bool
}

// keptLabels are the project's labels that sums keep. Versions and replicas are what they sum over.
var keptLabels = []signal.Label{signal.Environment, signal.Deployment, signal.Model, signal.Start, signal.Status, signal.Code}

// Traffic is what ranks the models of a profile's servers: the counters, and the labels that are a model's.
type Traffic struct {
	Of []plan.Select
	By []string
}

// Summable lists what can be kept summed of the signals that the profile answers from series that exist: of counters and
// histograms, whatever is read as a rate. What one recipe reads together is in one list, because it has to be summed at the
// same moments.
func (p *Profile) Summable(signals []signal.Signal, exists func(metric string) bool) [][]Summable {
	var families families
	for _, s := range signals {
		for _, r := range p.Signals[s.Name] {
			families.add(p.summablesOf(r, exists))
		}
	}
	if len(families.all) > 0 {
		families.add(p.summablesOf(Recipe{Sum: p.RankBy}, exists)) // shows whether sums leave anybody out
	}
	return families.all
}

// summablesOf lists what a recipe reads as rates.
func (p *Profile) summablesOf(r Recipe, exists func(string) bool) []Summable {
	var out []Summable
	for _, t := range r.terms() {
		for _, name := range t.Metric {
			if p.Metrics[name].Type == Counter && exists(name) && r.CountSeries == nil {
				out = append(out, p.summable(name, name, nil))
			}
		}
	}
	for _, name := range r.Histogram {
		if exists(name) {
			out = append(out, p.summable(name, name, nil))
		}
		if !exists(name + "_bucket") {
			continue
		}
		buckets := p.summable(name, name+"_bucket", []string{bucketBound})
		buckets.Buckets = true
		out = append(out, buckets, p.summable(name, name+"_count", nil))
		if !p.Metrics[name].FabricatedSum {
			out = append(out, p.summable(name, name+"_sum", nil))
		}
	}
	return out
}

func (p *Profile) summable(metric, series string, also []string) Summable {
	r := Summable{Series: series}
	m := p.Metrics[metric]
	for _, l := range p.labelNames(m, nil, keptLabels) {
		if l.server != "" {
			r.Labels = union(r.Labels, []string{l.server})
		}
	}
	if p.carries(m, signal.Model) {
		r.ModelLabels = p.modelLabels(m)
	}
	r.Labels = union(union(r.Labels, p.selectingLabels(metric)), also)
	return r
}

func (p *Profile) modelLabels(m Metric) []string {
	return namesOnServer(p.labelNames(m, nil, []signal.Label{signal.Environment, signal.Deployment, signal.Model}))
}

// selectingLabels lists the labels by which recipes choose among a metric's series.
func (p *Profile) selectingLabels(metric string) []string {
	found := map[string]bool{}
	note := func(names Names, where map[string]Where) {
		if slices.Contains(names, metric) {
			for label := range where {
				found[label] = true
			}
		}
	}
	for _, t := range p.RankBy {
		note(t.Metric, t.Where)
	}
	for _, recipes := range p.Signals {
		for _, r := range recipes {
			note(r.Histogram, r.Where)
			for _, t := range r.terms() {
				note(t.Metric, t.Where)
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// Always reports that every metric exists.
func Always(string) bool { return true }

// Ranking is what models are ranked by; it has no series where nothing that exists counts the traffic of models.
func (p *Profile) Ranking(exists func(metric string) bool) Traffic {
	var out Traffic
	for _, t := range p.RankBy {
		for _, name := range t.Metric {
			if m := p.Metrics[name]; exists(name) && m.Type == Counter && p.carries(m, signal.Model) {
				out.Of = append(out.Of, plan.Select{Metric: name, Matchers: conditions(t.Where), Layer: p.Layer})
				out.By = union(out.By, p.modelLabels(m))
				break // of several names of one metric, the newest counts
			}
		}
	}
	return out
}

// families are lists of what is read together. Each is in one of them.
type families struct{ all [][]Summable }

// add makes one family of all those that the members are in, and of the members.
func (f *families) add(members []Summable) {
	if len(members) == 0 {
		return
	}
	var together []Summable
	var rest [][]Summable
	for _, family := range f.all {
		if slices.ContainsFunc(family, func(r Summable) bool { return slices.ContainsFunc(members, r.Same) }) {
			together = append(together, family...)
		} else {
			rest = append(rest, family)
		}
	}
	for _, m := range members {
		if !slices.ContainsFunc(together, m.Same) {
			together = append(together, m)
		}
	}
	rest = append(rest, together)
	f.all = rest
}

// Same reports whether two have the same series and keep the same labels.
func (r Summable) Same(other Summable) bool {
	return r.Series == other.Series && slices.Equal(r.Labels, other.Labels)
}

// PlaceLabels are the store's labels of a metric that name an environment and a deployment.
func (p *Profile) PlaceLabels(metric string) []string {
	return namesOnServer(p.labelNames(p.Metrics[metric], nil, []signal.Label{signal.Environment, signal.Deployment}))
}
