package profile

import (
	"maps"
	"slices"
	"strings"

	"github.com/coldhit/modelserving-datasource/pkg/plan"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// withStatus gives series the label status by the server's own label.
func (p *Profile) withStatus(n plan.Node) plan.Node {
	for _, class := range slices.Sorted(maps.Keys(p.Status.Classes)) {
		n = plan.LabelReplace{Of: n, From: p.Status.Label, To: string(signal.Status), Match: p.Status.Classes[class], Class: class}
	}
	return n
}

// classMatcher matches what belongs to one of the classes; a class that the server does not have matches nothing.
func (p *Profile) classMatcher(values []string) plan.Matcher {
	matches := []string{}
	for _, v := range values {
		if m, ok := p.Status.Classes[v]; ok {
			matches = append(matches, "(?:"+m+")")
		}
	}
	if len(matches) == 0 {
		return plan.Matcher{Label: p.Status.Label, Compare: plan.Match, Value: "[^\\s\\S]"}
	}
	return plan.Matcher{Label: p.Status.Label, Compare: plan.Match, Value: strings.Join(matches, "|")}
}

// factor turns a metric's values into a unit; conversions that do not exist are refused when the profile is loaded.
func (p *Profile) factor(metric string, to signal.Unit) float64 {
	f, err := p.Metrics[metric].Unit.Factor(to)
	if err != nil {
		return 1
	}
	return f
}
