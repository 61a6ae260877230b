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

// activeReplicas is a plan of how many replicas were active when a piece began, by the labels On, and who tells.
type activeReplicas struct {
	on   []signal.Label
	plan plan.Node
	from []Source
}

// WithoutReplica makes the plans of how many requests a second, times pieces, ended in pieces which began without an active
// replica, cold, and in others, hot: each group of the query has a series for either. A
// request counts when it ends, and one that waited for the first replica ends after that has become active; so it is the
// replicas at the beginning that matter, and of counters that begin with the replica all that they count. Pieces of which nobody tells the replicas count on neither side, such as those in a
// gap between scrapes, and where replicas are counted by who answers scrapes, nobody tells that there is none.
func (s Set) WithoutReplica(q signal.Query, env Environment, pieces Pieces) []Part {
	window := q.Window
	if window == 0 {
		window = env.Window
	}
	told := s.tellsOfNone(q.Filters, env, pieces.Every)
	requests, _ := signal.Find("requests")
	arrivals := adding(s.choose(requests, signal.Rate, env))
	c := compiler{set: s, q: q, statistic: signal.Rate, env: env}
	c.q.Signal, c.q.Window = requests, pieces.length()
	joined := union(q.GroupBy, []signal.Label{signal.Environment, signal.Deployment, signal.Model})
	terms := termsOf(arrivals, requests.Unit)
	counted, first := c.total(plan.Sum, terms, joined, nil), c.total(plan.Sum, append(terms, firstOf(terms, pieces.Every)...), joined, nil)
	if counted == nil || len(told) == 0 {
		return nil
	}
	var known []plan.Node
	for _, replicas := range told {
		on := words(replicas.on)
		none, some := plan.EqualTo{Of: replicas.plan}, plan.GreaterThan{Of: replicas.plan}
		known = append(known,
			withStart("cold", plan.SemiJoin{Of: first, On: on, Exists: none}), withStart("hot", plan.SemiJoin{Of: counted, On: on, Exists: some}))
		counted, first = plan.AntiJoin{Of: counted, On: on, Exists: replicas.plan}, plan.AntiJoin{Of: first, On: on, Exists: replicas.plan}
	}
	all := plan.SumOverTime{Of: plan.Union{Of: known}, Window: max(window, pieces.Every), Every: pieces.Every}
	part := Part{Statistic: signal.Mean, By: q.GroupBy, Sources: c.toldBy(arrivals, told, known)}
	rank, by := c.rank()
	top := func(rest bool) plan.Node {
		if rank == nil {
			return all
		}
		return plan.TopK{Of: all, By: by, K: q.Limit, Rank: rank, Rest: rest}
	}
	part.Plan = plan.Aggregate{Op: plan.Sum, By: byStart(part.By), Of: top(false)}
	if rank == nil || !q.Others {
		return []Part{part}
	}
	rest := part
	rest.Others, rest.By = true, without(part.By, ranked)
	rest.Plan = plan.Aggregate{Op: plan.Sum, By: byStart(rest.By), Of: top(true)}
	return []Part{part, rest}
}

// withStart labels requests as hot or cold.
func withStart(start string, of plan.Node) plan.Node {
	return plan.SetLabel{Of: of, Label: string(signal.Start), Value: start}
}

func byStart(by []signal.Label) []string { return words(union(by, []signal.Label{signal.Start})) }

// tellsOfNone lists what tells how many replicas are active, and of none when there is none: gauges alone. Those that know
// models come first; they are set against the requests for the model, whatever deployment the two are scraped under.
func (s Set) tellsOfNone(filters map[signal.Label][]string, env Environment, before time.Duration) []activeReplicas {
	replicas, _ := signal.Find("replicas")
	ofModel := activeReplicas{on: []signal.Label{signal.Environment, signal.Model}}
	ofDeployment := activeReplicas{on: []signal.Label{signal.Environment, signal.Deployment}}
	for _, source := range adding(s.choose(replicas, signal.Last, env)) {
		source.Yields = nil // who counts the same replicas again says no less of whether there are any
		if source.Profile.carries(source.Profile.Metrics[source.Recipe.Reads()[0]], signal.Model) {
			ofModel.from = append(ofModel.from, source)
		} else {
			ofDeployment.from = append(ofDeployment.from, source)
		}
	}
	var out []activeReplicas
	for _, a := range []activeReplicas{ofModel, ofDeployment} {
		q := signal.Query{Signal: replicas, Filters: map[signal.Label][]string{signal.State: {"active"}}}
		for _, l := range a.on {
			if values, filtered := filters[l]; filtered {
				q.Filters[l] = values
			}
		}
		terms := termsOf(a.from, replicas.Unit)
		for i := range terms {
			terms[i].before = before
		}
		a.plan = compiler{set: s, q: q, statistic: signal.Last, env: env}.total(plan.Sum, terms, a.on, nil)
		if a.plan != nil {
			out = append(out, a)
		}
	}
	return out
}

// toldBy lists the sources of a share, each with the evidence of the groups that it tells something of.
func (c compiler) toldBy(arrivals []Source, told []activeReplicas, known []plan.Node) []Source {
	sources := c.evident(arrivals, c.q.GroupBy)
	for i, replicas := range told {
		for _, source := range replicas.from {
			source.Evidence = plan.Aggregate{Op: plan.Group, By: words(c.q.GroupBy), Of: plan.Union{Of: known[2*i : 2*i+2]}}
			sources = append(sources, source)
		}
	}
	return sources
}

// remembered is how far back a counter is known to be the one that was there before.
const remembered = time.Hour

// firstOf are the terms for what counters that begin in a piece have counted by its end: those of a server that has just come
// up are scraped for the first time when the requests that waited for it have ended. Counters of what stands before servers go
// on without them.
func firstOf(terms []termOf, every time.Duration) []termOf {
	var out []termOf
	for _, t := range terms {
		if t.As == "" && !t.Subtract && !around(t.profile) && t.profile.Layer != layerRecorder {
			t.begun = every
			out = append(out, t)
		}
	}
	return out
}

// adding keeps the sources whose numbers are sums of what metrics say.
func adding(sources []Source) []Source {
	return slices.DeleteFunc(sources, func(s Source) bool { return s.Recipe.kind() != kindSum })
}

func termsOf(sources []Source, unit signal.Unit) []termOf {
	var out []termOf
	for _, s := range sources {
		out = append(out, s.terms(s.Recipe.Sum, unit)...)
	}
	return out
}

func oneOrUnion(of []plan.Node) plan.Node {
	if len(of) == 1 {
		return of[0]
	}
	return plan.Union{Of: of}
}
