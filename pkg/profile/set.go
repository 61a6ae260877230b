package profile

import (
	"cmp"
	"slices"
)

// Set is the profiles of a data source, in the order of their precedence.
type Set []*Profile

// Find is the profile of an id, or nil.
func (s Set) Find(id string) *Profile {
	i := slices.IndexFunc(s, func(p *Profile) bool { return p.ID == id })
	if i < 0 {
		return nil
	}
	return s[i]
}

// Detect lists the profiles whose servers export metrics that exist.
func (s Set) Detect(exists func(metric string) bool) Set {
	var found Set
	for _, p := range s {
		if p.Has(exists) {
			found = append(found, p)
		}
	}
	return found
}

// ServersFirst is the set with the profiles of model servers before all others.
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
