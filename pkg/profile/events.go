package profile

import (
	"slices"

	"github.com/coldhit/modelserving-datasource/pkg/plan"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

var (
	deploymentLabels = []signal.Label{signal.Environment, signal.Deployment}
	replicaLabels    = append(slices.Clone(deploymentLabels), signal.Replica)
)

// ActiveReplicas are plans of the number of active replicas: by environment, deployment and model from gauges, and by environment and
// deployment from targets that are up.
func (s Set) ActiveReplicas(filters map[signal.Label][]string, env Environment) []plan.Node {
	replicas, _ := signal.Find("replicas")
	q := signal.Query{Signal: replicas, Filters: map[signal.Label][]string{signal.State: {"active"}}}
	for l, values := range filters {
		q.Filters[l] = values
	}
	c := compiler{set: s, q: q, statistic: signal.Last, env: env}
	var counted, scraped []Source
	for _, source := range s.sourcesOf(replicas, signal.Last, env) {
		if source.Recipe.kind() == kindSum {
			counted = append(counted, source)
		} else {
			scraped = append(scraped, source)
		}
	}
	var out []plan.Node
	for _, n := range []plan.Node{
		c.node(counted, append(slices.Clone(deploymentLabels), signal.Model), nil), c.node(scraped, deploymentLabels, nil),
	} {
		if n != nil {
			out = append(out, n)
		}
	}
	return out
}

// Servers is a plan that has a series for each server while it has samples, by environment, deployment and replica; nil if the filters
// leave none. Filters by other labels are ignored.
func (s Set) Servers(filters map[signal.Label][]string) plan.Node {
	ofServers := map[signal.Label][]string{}
	for _, l := range replicaLabels {
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
		labels := p.labelNames(Metric{}, nil, replicaLabels)
		var n plan.Node = plan.Aggregate{Op: plan.Group, By: namesOnServer(labels), Of: plan.Last{Of: identity}}
		for _, l := range labels {
			if l.project != l.server {
				n = plan.Rename{Of: n, From: l.server, To: l.project}
			}
		}
		all = append(all, n)
	}
	if len(all) == 0 {
		return nil
	}
	return plan.Aggregate{Op: plan.Group, By: words(replicaLabels), Of: plan.UnionOf(all)}
}

// processStart is the start time of a process, in seconds since 1970, as client libraries of Prometheus export it.
const processStart = "process_start_time_seconds"

// ProcessStarts is a plan of the start times of the servers' processes, by environment, deployment and replica; nil if the filters
// leave none. Gateways and hosts are excluded.
func (s Set) ProcessStarts(filters map[signal.Label][]string) plan.Node {
	c := compiler{set: s, q: signal.Query{Filters: filters}, statistic: signal.Last}
	var all []plan.Node
	for _, p := range s {
		if isOutsideServer(p) || p.Layer == layerManagement {
			continue
		}
		process, _, started := c.selectSeries(termOf{profile: p}, processStart)
		identity, _, serves := c.selectSeries(termOf{profile: p}, p.IdentityMetric)
		if !started || !serves {
			continue
		}
		page := words(pageLabels)
		labels := p.labelNames(Metric{}, nil, replicaLabels)
		var n plan.Node = plan.Aggregate{Op: plan.Max, By: namesOnServer(labels), Of: plan.SemiJoin{
			Of: plan.Last{Of: process}, On: page, Exists: plan.Aggregate{Op: plan.Group, By: page, Of: plan.Last{Of: identity}}}}
		for _, l := range labels {
			if l.project != l.server {
				n = plan.Rename{Of: n, From: l.server, To: l.project}
			}
		}
		all = append(all, n)
	}
	if len(all) == 0 {
		return nil
	}
	return plan.Aggregate{Op: plan.Max, By: words(replicaLabels), Of: plan.UnionOf(all)}
}

// RequestCounters is a plan of the current values of the servers' counters of requests, by environment, deployment and replica; nil if
// there are none. Gateways and hosts are excluded.
func (s Set) RequestCounters(filters map[signal.Label][]string, env Environment) plan.Node {
	c := compiler{set: s, q: signal.Query{GroupBy: replicaLabels, Filters: filters}, statistic: signal.Last, env: env}
	return c.total(plan.Sum, s.requestCounters(env), replicaLabels, nil)
}

// RequestCountersByModel are the counters of RequestCounters also by model and version, a plan for each metric: of an unloaded model,
// servers may keep one counter and drop another.
func (s Set) RequestCountersByModel(filters map[signal.Label][]string, env Environment) []plan.Node {
	by := append(slices.Clone(replicaLabels), signal.Model, signal.Version)
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
		if isOutsideServer(p) {
			continue
		}
		for _, t := range p.RankBy {
			if slices.ContainsFunc(t.Metric, env.Exists) {
				terms = append(terms, termOf{Term: t, profile: p, unit: signal.Requests, latest: true})
			}
		}
	}
	return terms
}
