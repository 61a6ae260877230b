package profile

import (
	"slices"
	"time"

	"github.com/coldhit/modelserving-datasource/pkg/plan"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// Pieces are the steps into which a window is cut to see whether a replica was active: one ends at every multiple of Every,
// which is at least the scrape interval.
type Pieces struct{ Every, Scrape time.Duration }

// length is that of the window that holds what a counter grew by in a piece: from the sample before it to its last one.
func (p Pieces) length() time.Duration { return p.Every + p.Scrape }

// activeReplicas is a plan of how many replicas were active when a piece began, by the labels on, and its sources.
type activeReplicas struct {
	on   []signal.Label
	plan plan.Node
	from []Source
}

// WithoutReplica makes the plans of the requests per second, times pieces, that ended in pieces which began without an active replica
// (cold) and in all others (hot): each group of the query has a series for either. A request counts when it ends, and one that waited
// for the first replica ends after that has become active, so the replicas at the beginning of the piece matter. Counters that begin with
// the replica count in full. Pieces in which the number of replicas is unknown count on neither side, such as gaps between scrapes and
// replicas that are counted by targets that are up.
func (s Set) WithoutReplica(q signal.Query, env Environment, pieces Pieces) []Part {
	window := q.Window
	if window == 0 {
		window = env.Window
	}
	counts := s.zeroReplicas(q.Filters, env, pieces.Every)
	requests, _ := signal.Find("requests")
	arrivals := sumSources(s.sourcesOf(requests, signal.Rate, env))
	c := compiler{set: s, q: q, statistic: signal.Rate, env: env}
	c.q.Signal, c.q.Window = requests, pieces.length()
	joined := union(q.GroupBy, []signal.Label{signal.Environment, signal.Deployment, signal.Model})
	terms := termsOf(arrivals, requests.Unit)
	counted, first := c.total(plan.Sum, terms, joined, nil), c.total(plan.Sum, append(terms, newCounterTerms(terms, pieces.Every)...), joined, nil)
	if counted == nil || len(counts) == 0 {
		return nil
	}
	var known []plan.Node
	for _, replicas := range counts {
		on := words(replicas.on)
		none, some := plan.EqualTo{Of: replicas.plan}, plan.GreaterThan{Of: replicas.plan}
		known = append(known,
			withStart("cold", plan.SemiJoin{Of: first, On: on, Exists: none}), withStart("hot", plan.SemiJoin{Of: counted, On: on, Exists: some}))
		counted, first = plan.AntiJoin{Of: counted, On: on, Exists: replicas.plan}, plan.AntiJoin{Of: first, On: on, Exists: replicas.plan}
	}
	all := plan.SumOverTime{Of: plan.Union{Of: known}, Window: max(window, pieces.Every), Every: pieces.Every}
	part := Part{Statistic: signal.Mean, By: q.GroupBy, Sources: c.shareSources(arrivals, counts, known)}
	rank, by := c.rank()
	top := func(rest bool) plan.Node {
		if rank == nil {
			return all
		}
		return plan.TopK{Of: all, By: by, K: q.Limit, Rank: rank, Rest: rest}
	}
	part.Plan = plan.Aggregate{Op: plan.Sum, By: byPath(part.By), Of: top(false)}
	if rank == nil || !q.Others {
		return []Part{part}
	}
	rest := part
	rest.Others, rest.By = true, difference(part.By, rankLabels)
	rest.Plan = plan.Aggregate{Op: plan.Sum, By: byPath(rest.By), Of: top(true)}
	return []Part{part, rest}
}

// withStart marks requests as hot or cold.
func withStart(start string, of plan.Node) plan.Node {
	return plan.SetLabel{Of: of, Label: string(signal.Start), Value: start}
}

func byPath(by []signal.Label) []string { return words(union(by, []signal.Label{signal.Start})) }

// zeroReplicas lists the sources of the number of active replicas that report 0 if there is none, which are gauges. Those with models
// come first. They are compared with the requests for the model, whatever deployments the two are scraped under.
func (s Set) zeroReplicas(filters map[signal.Label][]string, env Environment, before time.Duration) []activeReplicas {
	replicas, _ := signal.Find("replicas")
	byModel := activeReplicas{on: []signal.Label{signal.Environment, signal.Model}}
	byDeployment := activeReplicas{on: []signal.Label{signal.Environment, signal.Deployment}}
	for _, source := range sumSources(s.sourcesOf(replicas, signal.Last, env)) {
		source.Exclusions = nil // sources that count the same replicas agree on whether there are any
		if source.Profile.carries(source.Profile.Metrics[source.Recipe.Reads()[0]], signal.Model) {
			byModel.from = append(byModel.from, source)
		} else {
			byDeployment.from = append(byDeployment.from, source)
		}
	}
	var out []activeReplicas
	for _, a := range []activeReplicas{byModel, byDeployment} {
		q := signal.Query{Signal: replicas, Filters: map[signal.Label][]string{signal.State: {"active"}}}
		for _, l := range a.on {
			if values, filtered := filters[l]; filtered {
				q.Filters[l] = values
			}
		}
		terms := termsOf(a.from, replicas.Unit)
		for i := range terms {
			terms[i].offset = before
		}
		a.plan = compiler{set: s, q: q, statistic: signal.Last, env: env}.total(plan.Sum, terms, a.on, nil)
		if a.plan != nil {
			out = append(out, a)
		}
	}
	return out
}

// shareSources lists the sources of a share, each with its evidence.
func (c compiler) shareSources(arrivals []Source, counts []activeReplicas, known []plan.Node) []Source {
	sources := c.withEvidence(arrivals, c.q.GroupBy)
	for i, replicas := range counts {
		for _, source := range replicas.from {
			source.Evidence = plan.Aggregate{Op: plan.Group, By: words(c.q.GroupBy), Of: plan.Union{Of: known[2*i : 2*i+2]}}
			sources = append(sources, source)
		}
	}
	return sources
}

// counterLookback is how far back an earlier sample shows that a counter is not new.
const counterLookback = time.Hour

// newCounterTerms are the terms for the values at the end of a piece of counters that began in it: a server that has just started is
// scraped for the first time after the requests that waited for it have ended. Counters of layers in front of servers do not restart.
func newCounterTerms(terms []termOf, every time.Duration) []termOf {
	var out []termOf
	for _, t := range terms {
		if t.As == "" && !t.TreatMissingAsZero && !t.Subtract && !isOutsideServer(t.profile) && t.profile.Layer != layerRecorder {
			t.newWithin = every
			out = append(out, t)
		}
	}
	return out
}

// sumSources keeps the sources whose numbers are sums of what metrics say.
func sumSources(sources []Source) []Source {
	return slices.DeleteFunc(sources, func(s Source) bool { return s.Recipe.kind() != kindSum })
}

func termsOf(sources []Source, unit signal.Unit) []termOf {
	var out []termOf
	for _, s := range sources {
		out = append(out, s.terms(s.Recipe.Sum, unit)...)
	}
	return out
}
