package profile

import (
	"slices"

	"github.com/coldhit/modelserving-datasource/pkg/plan"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

var (
	ofDeployment = []signal.Label{signal.Environment, signal.Deployment}
	ofServer     = append(slices.Clone(ofDeployment), signal.Replica)
)

// ActiveReplicas are plans of how many replicas are active as it stands: by environment, deployment and model where somebody
// counts them by model, and by environment and deployment where replicas are who answers scrapes.
func (s Set) ActiveReplicas(filters map[signal.Label][]string, env Environment) []plan.Node {
	replicas, _ := signal.Find("replicas")
	q := signal.Query{Signal: replicas, Filters: map[signal.Label][]string{signal.State: {"active"}}}
	for l, values := range filters {
		q.Filters[l] = values
	}
	c := compiler{set: s, q: q, statistic: signal.Last, env: env}
	var counted, answering []Source
	for _, source := range s.choose(replicas, signal.Last, env) {
		if source.Recipe.kind() == kindSum {
			counted = append(counted, source)
		} else {
			answering = append(answering, source)
		}
	}
	var out []plan.Node
	for _, n := range []plan.Node{
		c.node(counted, append(slices.Clone(ofDeployment), signal.Model), nil), c.node(answering, ofDeployment, nil),
	} {
		if n != nil {
			out = append(out, n)
		}
	}
	return out
}

// Servers is a plan that has a series for each server as long as it is seen, by environment, deployment and replica; nil where the
// filters leave none. Filters of what servers have are left out.
func (s Set) Servers(filters map[signal.Label][]string) plan.Node {
	ofServers := map[signal.Label][]string{}
	for _, l := range ofServer {
		if values, filtered := filters[l]; filtered {
			ofServers[l] = values
		}
	}
	c := compiler{set: s, q: signal.Query{Filters: ofServers}, statistic: signal.Last}
	var all []plan.Node
	for _, p := range s {
		identity, _, ok := c.selectSeries(termOf{profile: p}, p.IdentityMetric)
		if !ok {
			continue
		}
		labels := p.native(Metric{}, nil, ofServer)
		var n plan.Node = plan.Aggregate{Op: plan.Group, By: theirs(labels), Of: plan.Last{Of: identity}}
		for _, l := range labels {
			if l.ours != l.theirs {
				n = plan.Rename{Of: n, From: l.theirs, To: l.ours}
			}
		}
		all = append(all, n)
	}
	if len(all) == 0 {
		return nil
	}
	return plan.Aggregate{Op: plan.Group, By: words(ofServer), Of: oneOrUnion(all)}
}

// processStart is what client libraries of Prometheus report of the process that they are in, in seconds since 1970.
const processStart = "process_start_time_seconds"

// ProcessStarts is a plan of when the servers' processes began, by environment, deployment and replica; nil where the filters
// leave none. What stands around servers is left out.
func (s Set) ProcessStarts(filters map[signal.Label][]string) plan.Node {
	c := compiler{set: s, q: signal.Query{Filters: filters}, statistic: signal.Last}
	var all []plan.Node
	for _, p := range s {
		if around(p) || p.Layer == layerManagement {
			continue
		}
		process, _, started := c.selectSeries(termOf{profile: p}, processStart)
		identity, _, serves := c.selectSeries(termOf{profile: p}, p.IdentityMetric)
		if !started || !serves {
			continue
		}
		page := words(ofPage)
		labels := p.native(Metric{}, nil, ofServer)
		var n plan.Node = plan.Aggregate{Op: plan.Max, By: theirs(labels), Of: plan.SemiJoin{
			Of: plan.Last{Of: process}, On: page, Exists: plan.Aggregate{Op: plan.Group, By: page, Of: plan.Last{Of: identity}}}}
		for _, l := range labels {
			if l.ours != l.theirs {
				n = plan.Rename{Of: n, From: l.theirs, To: l.ours}
			}
		}
		all = append(all, n)
	}
	if len(all) == 0 {
		return nil
	}
	return plan.Aggregate{Op: plan.Max, By: words(ofServer), Of: oneOrUnion(all)}
}

// RequestCounters is a plan of the servers' counters of requests as they stand, by environment, deployment and replica; nil where
// nothing there counts. What stands around servers is left out.
func (s Set) RequestCounters(filters map[signal.Label][]string, env Environment) plan.Node {
	c := compiler{set: s, q: signal.Query{GroupBy: ofServer, Filters: filters}, statistic: signal.Last, env: env}
	return c.total(plan.Sum, s.requestCounters(env), ofServer, nil)
}

// RequestCountersByModel are the counters of RequestCounters by model and version too, a plan for each metric: of a model that is
// gone, servers may keep one of them and drop another.
func (s Set) RequestCountersByModel(filters map[signal.Label][]string, env Environment) []plan.Node {
	by := append(slices.Clone(ofServer), signal.Model, signal.Version)
	c := compiler{set: s, q: signal.Query{GroupBy: by, Filters: filters}, statistic: signal.Last, env: env}
	var out []plan.Node
	for _, t := range s.requestCounters(env) {
		if n := c.total(plan.Sum, []termOf{t}, by, nil); n != nil {
			out = append(out, n)
		}
	}
	return out
}

func (s Set) requestCounters(env Environment) []termOf {
	var terms []termOf
	for _, p := range s {
		if around(p) {
			continue
		}
		for _, t := range p.RankBy {
			if slices.ContainsFunc(t.Metric, env.Exists) {
				terms = append(terms, termOf{Term: t, profile: p, unit: signal.Requests, standing: true})
			}
		}
	}
	return terms
}
