// Package objective says what each model is held to: objectives that hold for all models, and overrides by pattern.
package objective

import (
	"fmt"
	"slices"
	"time"
)

// Objective is what one model is held to. A field that is zero is switched off: the model is not held to it.
type Objective struct {
	// P95 is the longest that 95 % of the requests may take, end to end.
	P95 time.Duration
	// ErrorRate is the largest share of requests that may fail, between 0 and 1.
	ErrorRate float64
	// CacheHitRatio is the least share of requests that a model already in memory has to serve, between 0 and 1.
	CacheHitRatio float64
	// Staleness is the longest that the last training may be ago.
	Staleness time.Duration
}

// Default is what a model is held to where nothing is configured.
func Default() Objective {
	return Objective{P95: 200 * time.Millisecond, ErrorRate: 0.01, CacheHitRatio: 0.8, Staleness: 48 * time.Hour}
}

// Override sets fields of the objective for the models that it matches.
type Override struct {
	// Environment, Deployment and Model are globs over the whole of a label's value: * is any number of characters, ? is
	// one. Case matters. An empty one matches everything.
	Environment, Deployment, Model string
	// Each field that is nil is left to the overrides that follow and to what holds for all; zero switches it off.
	P95           *time.Duration
	ErrorRate     *float64
	CacheHitRatio *float64
	Staleness     *time.Duration
}

// Set has the objectives of all models, those unknown yet included. It is immutable and may be used concurrently. The
// zero Set holds no model to anything.
type Set struct {
	unmatched Objective
	rules     []rule
}

// rule is an override with its patterns ready to match.
type rule struct {
	environment, deployment, model glob
	override                       Override
}

// NewSet holds every model to unmatched, except for what overrides set: of those that match a model and set a field,
// the first one wins. The error names the override, counted from 1.
func NewSet(unmatched Objective, overrides []Override) (Set, error) {
	s := Set{unmatched: unmatched}
	for i, o := range overrides {
		r, err := newRule(o)
		if err != nil {
			return Set{}, fmt.Errorf("objective override %d: %w", i+1, err)
		}
		s.rules = append(s.rules, r)
	}
	return s, nil
}

func newRule(o Override) (r rule, err error) {
	r.override = o
	for _, p := range []struct {
		label, pattern string
		to             *glob
	}{
		{"environment", o.Environment, &r.environment},
		{"deployment", o.Deployment, &r.deployment},
		{"model", o.Model, &r.model},
	} {
		if *p.to, err = newGlob(p.pattern); err != nil {
			return rule{}, fmt.Errorf("the %s pattern %q cannot be matched: %w", p.label, p.pattern, err)
		}
	}
	return r, nil
}

// For is what the model of these labels is held to. A label that a model does not have is empty.
func (s Set) For(environment, deployment, model string) Objective {
	out := s.unmatched
	// From the last to the first, so that what stays is what the first one set.
	for i := range slices.Backward(s.rules) {
		r := &s.rules[i]
		if r.model.matches(model) && r.deployment.matches(deployment) && r.environment.matches(environment) {
			out = r.override.Over(out)
		}
	}
	return out
}

// Unmatched is what the models are held to that no override matches.
func (s Set) Unmatched() Objective { return s.unmatched }

// Overrides are those that the set was made of, in their order.
func (s Set) Overrides() []Override {
	out := make([]Override, len(s.rules))
	for i := range s.rules {
		out[i] = s.rules[i].override
	}
	return out
}

// Over is an objective with the fields that the override sets; the others stay.
func (o Override) Over(other Objective) Objective {
	if o.P95 != nil {
		other.P95 = *o.P95
	}
	if o.ErrorRate != nil {
		other.ErrorRate = *o.ErrorRate
	}
	if o.CacheHitRatio != nil {
		other.CacheHitRatio = *o.CacheHitRatio
	}
	if o.Staleness != nil {
		other.Staleness = *o.Staleness
	}
	return other
}
