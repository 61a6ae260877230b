package plugin

import (
	"slices"

	"github.com/coldhit/modelserving-datasource/pkg/ingest"
	"github.com/coldhit/modelserving-datasource/pkg/profile"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// Fold is how models of these profiles' servers are added up when a page is too large.
func (p engineProfiles) Fold(ids []string) ingest.Fold {
	var out ingest.Fold
	for _, id := range ids {
		if found := p.set.Find(id); found != nil {
			addFold(&out, found)
		}
	}
	return out
}

func addFold(out *ingest.Fold, p *profile.Profile) {
	add := func(to *[]string, names ...string) {
		for _, name := range names {
			if name != "" && !slices.Contains(*to, name) {
				*to = append(*to, name)
			}
		}
	}
	add(&out.ModelLabels, p.Labels[signal.Model], p.LabelAliases[signal.Model])
	add(&out.DropLabels, p.Labels[signal.Version], p.LabelAliases[signal.Version])
	for _, t := range p.RankBy {
		add(&out.Traffic, t.Metric...)
	}
	// What a recipe sums over series is meant to be added up.
	for _, recipes := range p.Signals {
		for _, r := range recipes {
			for _, t := range r.Sum {
				for _, name := range t.Metric {
					if p.Metrics[name].Type == profile.Gauge {
						add(&out.Gauges, name)
					}
				}
			}
		}
	}
}
