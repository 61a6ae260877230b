package profile

import (
	"slices"

	"github.com/coldhit/modelserving-datasource/pkg/plan"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// Source is a recipe that takes part in a plan.
type Source struct {
	Profile *Profile
	Recipe  Recipe
	// Native says that the recipe's histogram is read as a native one, which the store holds beside or instead of the
	// classic buckets.
	Native bool
	// Yields are the sources that are preferred to this one.
	Yields []Yield
	// Evidence is a plan that has a series for each group of the part that the source tells something of.
	Evidence plan.Node
}

// Yield leaves to another source whatever agrees in the labels On with something that the other one tells of.
type Yield struct {
	To Source
	On []signal.Label
}

// choose lists the recipes that a query reads, the preferred ones first. All that measures the same thing is chosen, and
// each leaves to those before it what they tell of, so that every model has its best recipe and nothing counts twice.
func (s Set) choose(sig signal.Signal, st signal.Statistic, env Environment) []Source {
	var chosen []Source
	for _, next := range s.candidates(sig, st, env.Exists) {
		for _, before := range chosen {
			if on := env.sameThing(before.Profile, next.Profile); on != nil {
				next.Yields = append(next.Yields, Yield{To: before.alone(), On: on})
			}
		}
		chosen = append(chosen, next)
	}
	return chosen
}

// candidates lists what could be read, the preferred ones first. That a model is in memory because it has series is only
// concluded where nobody says so.
func (s Set) candidates(sig signal.Signal, st signal.Statistic, exists func(string) bool) []Source {
	var told, concluded []Source
	for _, layer := range preferredLayers(sig) {
		for _, p := range s {
			if p.Layer != layer {
				continue
			}
			for _, r := range p.Signals[sig.Name] {
				switch {
				case !p.answers(r, sig, st):
				case sig.Group == signal.ModelCache && r.kind() == kindPresent:
					concluded = append(concluded, p.sources(r, exists)...)
				default:
					told = append(told, p.sources(r, exists)...)
				}
			}
		}
	}
	return append(told, concluded...)
}

// sources lists in which ways a recipe can be read: a histogram's native form is finer than its classic buckets.
func (p *Profile) sources(r Recipe, exists func(string) bool) []Source {
	var out []Source
	if slices.ContainsFunc(r.Histogram, exists) {
		out = append(out, Source{Profile: p, Recipe: r, Native: true})
	}
	if p.reads(r, exists) {
		out = append(out, Source{Profile: p, Recipe: r})
	}
	return out
}

// alone is the source whatever it leaves to others.
func (s Source) alone() Source { return Source{Profile: s.Profile, Recipe: s.Recipe, Native: s.Native} }

// Answers says whether any profile has a recipe for a statistic of a signal whose metrics exist.
func (s Set) Answers(sig signal.Signal, st signal.Statistic, exists func(string) bool) bool {
	return len(s.choose(sig, st, Environment{Exists: exists})) > 0
}

// sameThing lists the labels in which what one profile measures agrees with what the other one measures of the same
// requests or devices; none where the two never measure the same.
func (env Environment) sameThing(a, b *Profile) []signal.Label {
	switch {
	case a == b:
		return []signal.Label{signal.Environment, signal.Deployment, signal.Model}
	case a.Layer == layerHost && b.Layer == layerHost && a.Labels[signal.GPU] != "" && b.Labels[signal.GPU] != "":
		return []signal.Label{signal.GPU} // every GPU has an id that no other one has
	case a.Layer == layerHost && a.Labels[signal.Model] != "":
		return []signal.Label{signal.Environment, signal.Model} // by the names that the servers give their models
	case a.Layer != b.Layer && (around(a) || around(b)):
		// What stands around the servers has names of its own for what they call deployment and model.
		return []signal.Label{signal.Environment}
	case a.Layer != b.Layer:
		return []signal.Label{signal.Environment, signal.Deployment}
	case env.Together == nil || !env.Together(a, b):
		return nil
	case a.Own || b.Own:
		return append([]signal.Label{signal.Environment, signal.Deployment, signal.Model}, ofPage...)
	}
	return append([]signal.Label{signal.Environment, signal.Deployment}, ofPage...)
}

func around(p *Profile) bool { return p.Layer == layerGateway || p.Layer == layerHost }

// preferredLayers are the layers in the order in which they are asked for a signal: of requests, who knows every model
// before who sees only services; of replicas, who knows those that do not serve yet; of what they run on, who measures the
// device before who reports its own view; of what is in memory, who counts it before who is only asked now and then.
func preferredLayers(sig signal.Signal) []string {
	switch sig.Group {
	case signal.ReplicaRow:
		return []string{layerManagement, layerQueueProxy, layerHost, layerGateway, layerServer, layerWorker, layerRecorder}
	case signal.Compute:
		return []string{layerHost, layerManagement, layerServer, layerWorker, layerRecorder, layerQueueProxy, layerGateway}
	case signal.ModelCache:
		return []string{layerRecorder, layerServer, layerWorker, layerManagement, layerQueueProxy, layerGateway, layerHost}
	}
	return []string{layerRecorder, layerServer, layerWorker, layerQueueProxy, layerGateway, layerHost, layerManagement}
}

// reads says whether a recipe finds anything to read. A server leaves out what it has nothing to count for, so that one of
// its metrics is enough.
func (p *Profile) reads(r Recipe, exists func(string) bool) bool {
	return slices.ContainsFunc(r.Reads(), func(m string) bool { return exists(seriesName(p, m)) })
}

// yielding leaves out of a term's series what preferred sources tell of.
func (c compiler) yielding(n plan.Node, t termOf) plan.Node {
	for _, y := range t.yields {
		own, other := t.metric(t.Metric[0]), y.To.Profile.Metrics[y.To.Recipe.Reads()[0]]
		on := slices.DeleteFunc(slices.Clone(y.On), func(l signal.Label) bool {
			return !t.profile.carries(own, l) || !y.To.Profile.carries(other, l) || t.profile.LabelAliases[l] != ""
		})
		told := c.told(y.To, on)
		if told == nil {
			continue
		}
		names := make([]string, len(on))
		for i, l := range on {
			names[i] = string(l)
			if theirs := t.profile.Labels[l]; theirs != "" && theirs != names[i] {
				names[i] = theirs
				told = plan.Rename{Of: told, From: string(l), To: names[i]}
			}
		}
		n = plan.AntiJoin{Of: n, On: names, Exists: told}
	}
	return n
}

// told is a plan that has a series, by labels, for everything that others leave to a source. Whoever reads the slices of a GPU
// tells of the GPU: others know slices by its id.
func (c compiler) told(s Source, by []signal.Label) plan.Node {
	p := s.Profile
	if len(p.Device) == 0 || !slices.Contains(by, signal.GPU) || !c.env.Exists(p.IdentityMetric) {
		return c.evidence(s, by)
	}
	device := union(p.Replica, p.Device)
	var read []plan.Node
	for _, t := range c.telling(s) {
		if values, _ := c.values(t); values != nil {
			read = append(read, plan.Aggregate{Op: plan.Group, By: device, Of: values})
		}
	}
	if len(read) == 0 {
		return nil
	}
	exists := read[0]
	if len(read) > 1 {
		exists = plan.Union{Of: read}
	}
	known := termOf{Term: Term{Metric: Names{p.IdentityMetric}}, profile: p}
	identity := plan.SemiJoin{Of: c.read(known, plan.Select{Metric: p.IdentityMetric, Layer: p.Layer}), On: device, Exists: exists}
	var n plan.Node = plan.Aggregate{Op: plan.Group, By: theirs(p.native(p.Metrics[p.IdentityMetric], nil, by)), Of: identity}
	for _, l := range p.native(p.Metrics[p.IdentityMetric], nil, by) {
		if l.ours != l.theirs {
			n = plan.Rename{Of: n, From: l.theirs, To: l.ours}
		}
	}
	return n
}

// evidence is a plan that has a series, by labels, for everything that a source tells of; nil where the filters leave
// nothing of it.
func (c compiler) evidence(s Source, by []signal.Label) plan.Node {
	return c.total(plan.Group, c.telling(s), by, nil)
}

// evident is the sources, each with the evidence of what it tells of.
func (c compiler) evident(sources []Source, by []signal.Label) []Source {
	out := slices.Clone(sources)
	for i, s := range out {
		out[i].Evidence = c.evidence(s, by)
	}
	return out
}

// telling lists the terms of a source of which every one alone shows that it tells something.
func (c compiler) telling(s Source) []termOf {
	var terms []termOf
	r := s.Recipe
	switch r.kind() {
	case kindQuotient:
		_, terms = c.quotient(s)
	case kindHistogram:
		terms = []termOf{s.term(Term{Metric: r.Histogram, Where: r.Where}, c.q.Signal.Unit).of("_count")}
	case kindSummary, kindAge:
		t := s.term(Term{Metric: Names{r.Reads()[0]}}, c.q.Signal.Unit)
		t.standing = true
		terms = []termOf{t}
	case kindPresent:
		t := s.term(r.CountSeries.Term, c.q.Signal.Unit)
		t.present = r.CountSeries
		terms = []termOf{t}
	default:
		terms = s.terms(r.terms(), c.q.Signal.Unit)
	}
	for i := range terms {
		terms[i].DropNonpositive = false // what is zero is told, too
	}
	return slices.DeleteFunc(terms, func(t termOf) bool {
		return t.TreatMissingAsZero || !slices.ContainsFunc(t.Metric, func(m string) bool { return c.env.Exists(t.stored(m)) })
	})
}
