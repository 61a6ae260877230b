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
	// Exclusions are the sources that are preferred to this one.
	Exclusions []Exclusion
	// Evidence is a plan that has a series for each group of the part that the source has data of.
	Evidence plan.Node
}

// Exclusion drops what agrees in the labels On with something that a preferred source covers.
type Exclusion struct {
	By Source
	On []signal.Label
}

// sourcesOf lists the recipes that a query reads, the preferred ones first. Recipes that measure the same thing are all read, and each
// excludes what those before it cover, so that every model has its best recipe and nothing counts twice.
func (s Set) sourcesOf(sig signal.Signal, st signal.Statistic, env Environment) []Source {
	var chosen []Source
	for _, next := range s.candidates(sig, st, env.Exists) {
		for _, before := range chosen {
			if on := env.sharedLabels(before.Profile, next.Profile); on != nil {
				next.Exclusions = append(next.Exclusions, Exclusion{By: before.withoutExclusions(), On: on})
			}
		}
		chosen = append(chosen, next)
	}
	return chosen
}

// candidates lists what could be read, the preferred ones first. That a model is in memory because it has series is only inferred
// if no recipe reports it.
func (s Set) candidates(sig signal.Signal, st signal.Statistic, exists func(string) bool) []Source {
	var reported, inferred []Source
	for _, layer := range preferredLayers(sig) {
		for _, p := range s {
			if p.Layer != layer {
				continue
			}
			for _, r := range p.Signals[sig.Name] {
				switch {
				case !p.answers(r, sig, st):
				case sig.Group == signal.ModelCache && r.kind() == kindPresent:
					inferred = append(inferred, p.sources(r, exists)...)
				default:
					reported = append(reported, p.sources(r, exists)...)
				}
			}
		}
	}
	return append(reported, inferred...)
}

// sources lists the ways in which a recipe can be read: native histograms are finer than classic buckets.
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

// withoutExclusions is the source with all that it covers.
func (s Source) withoutExclusions() Source {
	return Source{Profile: s.Profile, Recipe: s.Recipe, Native: s.Native}
}

// Answers says whether any profile has a recipe for a statistic of a signal whose metrics exist.
func (s Set) Answers(sig signal.Signal, st signal.Statistic, exists func(string) bool) bool {
	return len(s.sourcesOf(sig, st, Environment{Exists: exists})) > 0
}

// sharedLabels lists the labels in which two profiles agree if they measure the same requests or devices; none if they never do.
func (env Environment) sharedLabels(a, b *Profile) []signal.Label {
	switch {
	case a == b:
		return []signal.Label{signal.Environment, signal.Deployment, signal.Model}
	case a.Layer == layerHost && b.Layer == layerHost && a.Labels[signal.GPU] != "" && b.Labels[signal.GPU] != "":
		return []signal.Label{signal.GPU} // ids of GPUs are unique
	case a.Layer == layerHost && a.Labels[signal.Model] != "":
		return []signal.Label{signal.Environment, signal.Model} // by the names that the servers give their models
	case a.Layer != b.Layer && (isOutsideServer(a) || isOutsideServer(b)):
		// Gateways and hosts have other names for deployments and models than servers.
		return []signal.Label{signal.Environment}
	case a.Layer != b.Layer:
		return []signal.Label{signal.Environment, signal.Deployment}
	case env.Together == nil || !env.Together(a, b):
		return nil
	case a.Own || b.Own:
		return append([]signal.Label{signal.Environment, signal.Deployment, signal.Model}, pageLabels...)
	}
	return append([]signal.Label{signal.Environment, signal.Deployment}, pageLabels...)
}

// isOutsideServer says whether a profile is of a gateway or a host and not of a server.
func isOutsideServer(p *Profile) bool { return p.Layer == layerGateway || p.Layer == layerHost }

// preferredLayers are the layers in the order in which they are read for a signal. For requests, layers with models come before layers
// with services. For replicas, the first are those that include replicas which do not serve yet. For compute, measurements of the
// device come before a server's own view. For models in memory, counters come before polls.
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

// reads says whether a recipe finds anything to read. One of its metrics is enough, because servers omit counters without events.
func (p *Profile) reads(r Recipe, exists func(string) bool) bool {
	return slices.ContainsFunc(r.Reads(), func(m string) bool { return exists(seriesName(p, m)) })
}

// excludeCovered drops the series of a term that preferred sources cover.
func (c compiler) excludeCovered(n plan.Node, t termOf) plan.Node {
	for _, y := range t.exclusions {
		own, other := t.metric(t.Metric[0]), y.By.Profile.Metrics[y.By.Recipe.Reads()[0]]
		on := slices.DeleteFunc(slices.Clone(y.On), func(l signal.Label) bool {
			return !t.profile.carries(own, l) || !y.By.Profile.carries(other, l) || t.profile.LabelAliases[l] != ""
		})
		covered := c.coverage(y.By, on)
		if covered == nil {
			continue
		}
		names := make([]string, len(on))
		for i, l := range on {
			names[i] = string(l)
			if name := t.profile.Labels[l]; name != "" && name != names[i] {
				names[i] = name
				covered = plan.Rename{Of: covered, From: string(l), To: names[i]}
			}
		}
		n = plan.AntiJoin{Of: n, On: names, Exists: covered}
	}
	return n
}

// coverage is a plan that has a series, by labels, for everything that a source covers. A source of MIG slices covers their GPU, under
// whose id other sources report them.
func (c compiler) coverage(s Source, by []signal.Label) plan.Node {
	p := s.Profile
	if len(p.Device) == 0 || !slices.Contains(by, signal.GPU) || !c.env.Exists(p.IdentityMetric) {
		return c.evidence(s, by)
	}
	device := union(p.Replica, p.Device)
	var read []plan.Node
	for _, t := range c.evidenceTerms(s) {
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
	var n plan.Node = plan.Aggregate{Op: plan.Group, By: namesOnServer(p.labelNames(p.Metrics[p.IdentityMetric], nil, by)), Of: identity}
	for _, l := range p.labelNames(p.Metrics[p.IdentityMetric], nil, by) {
		if l.project != l.server {
			n = plan.Rename{Of: n, From: l.server, To: l.project}
		}
	}
	return n
}

// evidence is a plan that has a series, by labels, for everything that a source has data of; nil if the filters leave none.
func (c compiler) evidence(s Source, by []signal.Label) plan.Node {
	return c.total(plan.Group, c.evidenceTerms(s), by, nil)
}

// withEvidence is the sources, each with its evidence.
func (c compiler) withEvidence(sources []Source, by []signal.Label) []Source {
	out := slices.Clone(sources)
	for i, s := range out {
		out[i].Evidence = c.evidence(s, by)
	}
	return out
}

// evidenceTerms lists the terms of a source that each show on their own that it has data.
func (c compiler) evidenceTerms(s Source) []termOf {
	var terms []termOf
	r := s.Recipe
	switch r.kind() {
	case kindQuotient:
		_, terms = c.quotient(s)
	case kindHistogram:
		terms = []termOf{s.term(Term{Metric: r.Histogram, Where: r.Where}, c.q.Signal.Unit).withSuffix("_count")}
	case kindSummary, kindAge:
		t := s.term(Term{Metric: Names{r.Reads()[0]}}, c.q.Signal.Unit)
		t.latest = true
		terms = []termOf{t}
	case kindPresent:
		t := s.term(r.CountSeries.Term, c.q.Signal.Unit)
		t.present = r.CountSeries
		terms = []termOf{t}
	default:
		terms = s.terms(r.terms(), c.q.Signal.Unit)
	}
	for i := range terms {
		terms[i].DropNonpositive = false // zero is data, too
	}
	return slices.DeleteFunc(terms, func(t termOf) bool {
		return t.TreatMissingAsZero || !slices.ContainsFunc(t.Metric, func(m string) bool { return c.env.Exists(t.stored(m)) })
	})
}
