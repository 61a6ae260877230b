package profile

import (
	"regexp"
	"slices"
	"strings"

	"github.com/coldhit/modelserving-datasource/pkg/plan"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// nameVariants says by which names of its labels a metric's series are selected: by the second ones, too, where a filter is
// about a label that has two.
func (c compiler) nameVariants(t termOf, name string) []bool {
	for l := range t.profile.LabelAliases {
		if _, filtered := c.q.Filters[l]; filtered && t.profile.carries(t.metric(name), l) {
			return []bool{false, true}
		}
	}
	return []bool{false}
}

// selectSeries is the selection that the query's filters leave of a term. Where the metric does not say the model, served
// is what exists only on the replicas that serve it. The answer is false where nothing can be left.
func (c compiler) selectSeries(t termOf, name string) (s plan.Select, served *plan.Node, ok bool) {
	p, metric := t.profile, t.metric(name)
	s = plan.Select{Metric: name + t.suffix, Layer: p.Layer}
	if t.native {
		s.Metric = name
	}
	var ofModel []plan.Matcher
	for _, l := range signal.Labels {
		values, filtered := c.q.Filters[l]
		if !filtered {
			continue
		}
		if set, ok := t.Set[l]; ok {
			if !slices.Contains(values, set) {
				return s, nil, false
			}
			continue
		}
		switch {
		case l == signal.Status && p.Status != nil && p.carries(metric, l):
			s.Matchers = append(s.Matchers, p.classMatcher(values))
		case p.carries(metric, l):
			s.Matchers = append(s.Matchers, p.matchersOf(l, t.aliased, values)...)
		case p.carries(p.Metrics[p.IdentityMetric], l):
			ofModel = append(ofModel, equalsAny(p.Labels[l], values))
		case !slices.Contains(values, ""):
			return s, nil, false
		}
	}
	s.Matchers = append(s.Matchers, conditions(t.Where)...)
	if len(ofModel) > 0 {
		for _, m := range s.Matchers {
			if slices.ContainsFunc(targetLabels, func(l signal.Label) bool { return p.Labels[l] == m.Label }) {
				ofModel = append(ofModel, m)
			}
		}
		var exists plan.Node = plan.Aggregate{Op: plan.Group, By: p.Replica,
			Of: plan.Last{Of: plan.Select{Metric: p.IdentityMetric, Matchers: ofModel, Layer: p.Layer}}}
		served = &exists
	}
	return s, served, true
}

// matchersOf matches a label that has one of the values, under its first name or its second.
func (p *Profile) matchersOf(l signal.Label, also bool, values []string) []plan.Matcher {
	if second := p.LabelAliases[l]; also && second != "" {
		return []plan.Matcher{{Label: p.Labels[l], Compare: plan.Equal}, equalsAny(second, values)}
	}
	return []plan.Matcher{equalsAny(p.Labels[l], values)}
}

// carries says whether a metric's series have a label of the project's: their own, or the target's.
func (p *Profile) carries(m Metric, l signal.Label) bool {
	if l == signal.Status && p.Status != nil {
		return slices.Contains(m.Labels, l)
	}
	if slices.Contains(pageLabels, l) {
		return slices.Contains(p.Replica, string(l))
	}
	return p.Labels[l] != "" && (slices.Contains(m.Labels, l) || slices.Contains(targetLabels, l))
}

// conditions writes a term's own conditions as matchers, in a fixed order.
func conditions(where map[string]Where) []plan.Matcher {
	var out []plan.Matcher
	for label, w := range where {
		if len(w.In) > 0 {
			out = append(out, equalsAny(label, w.In))
		}
		if w.Regex != "" {
			out = append(out, plan.Matcher{Label: label, Compare: plan.Match, Value: w.Regex})
		}
		if len(w.NotIn) > 0 {
			m := equalsAny(label, w.NotIn)
			m.Compare = map[plan.Comparison]plan.Comparison{plan.Equal: plan.NotEqual, plan.Match: plan.NotMatch}[m.Compare]
			out = append(out, m)
		}
	}
	slices.SortFunc(out, func(a, b plan.Matcher) int {
		return strings.Compare(a.Label+string(a.Compare), b.Label+string(b.Compare))
	})
	return out
}

// equalsAny matches a label that has one of the values, taken literally.
func equalsAny(label string, values []string) plan.Matcher {
	if len(values) == 1 {
		return plan.Matcher{Label: label, Compare: plan.Equal, Value: values[0]}
	}
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = regexp.QuoteMeta(v)
	}
	return plan.Matcher{Label: label, Compare: plan.Match, Value: strings.Join(quoted, "|")}
}
