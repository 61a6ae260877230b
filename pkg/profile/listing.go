package profile

import (
	"maps"
	"slices"

	"github.com/coldhit/modelserving-datasource/pkg/plan"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// Listing is where the values of a label are found: its name in the store, and the series that have it.
type Listing struct {
	Label  string
	Series []plan.Select
}

// Listing says where to look for the values of a label, one answer a profile that knows it.
func (s Set) Listing(label signal.Label, filters map[signal.Label][]string) []Listing {
	var out []Listing
	for _, p := range s {
		l := Listing{Label: p.Labels[label]}
		if l.Label == "" {
			continue
		}
		for _, metric := range p.metricsWith(label) {
			c := compiler{set: s, q: signal.Query{Filters: filtersExcept(filters, label)}}
			// Where a filter's label is not the metric's own, the list is that of all models: rather long than empty.
			if selected, _, ok := c.selectSeries(termOf{profile: p}, metric); ok {
				selected.Metric = seriesName(p, metric)
				l.Series = append(l.Series, selected)
			}
		}
		if len(l.Series) > 0 {
			out = append(out, l)
			if second := p.LabelAliases[label]; second != "" {
				out = append(out, Listing{Label: second, Series: l.Series})
			}
		}
	}
	return out
}

// metricsWith lists the metrics to read a label's values from: the identity metric if it has the label, else all those that carry it.
func (p *Profile) metricsWith(label signal.Label) []string {
	if p.carries(p.Metrics[p.IdentityMetric], label) {
		return []string{p.IdentityMetric}
	}
	return slices.DeleteFunc(slices.Sorted(maps.Keys(p.Metrics)), func(name string) bool {
		return !slices.Contains(p.Metrics[name].Labels, label)
	})
}

// filtersExcept leaves a label's own filter out, so that a dropdown does not shrink to what it has chosen.
func filtersExcept(filters map[signal.Label][]string, label signal.Label) map[signal.Label][]string {
	out := maps.Clone(filters)
	delete(out, label)
	return out
}

// SetValues lists the values that recipes set for a label, such as the states of replicas.
func (s Set) SetValues(label signal.Label) []string {
	var out []string
	for _, p := range s {
		if label == signal.Status && p.Status != nil {
			out = append(out, slices.Collect(maps.Keys(p.Status.Classes))...)
		}
		for _, recipes := range p.Signals {
			for _, r := range recipes {
				for _, t := range r.terms() {
					if v := t.Set[label]; v != "" {
						out = append(out, v)
					}
				}
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// ModelsServed is a plan of how many models each replica serves, by the labels Replica; nil where the profile knows no models.
func (p *Profile) ModelsServed() plan.Node {
	if !p.carries(p.Metrics[p.IdentityMetric], signal.Model) {
		return nil
	}
	once := union(p.Replica, []string{p.Labels[signal.Model]})
	return plan.Aggregate{Op: plan.Count, By: p.Replica,
		Of: plan.Aggregate{Op: plan.Group, By: once, Of: plan.Last{Of: plan.Select{Metric: p.IdentityMetric, Layer: p.Layer}}}}
}
