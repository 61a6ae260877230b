package target

import (
	"slices"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
)

// maxValues is how many values of one label Contents lists.
const maxValues = 1000

// Contents are, for each name of the page's series, the distinct values of its labels, at most 1,000 of each, and the types that
// the page declares, by metric.
func (p Page) Contents() (series map[string]map[string][]string, types map[string]string) {
	series, types = map[string]map[string][]string{}, map[string]string{}
	// The page was parsed before, so the parser exists and reaches the end.
	parser, _ := newParser(p.body, p.contentType)
	var sample labels.Labels
	for parser != nil {
		entry, err := parser.Next()
		if err != nil {
			return series, types
		}
		switch entry {
		case textparse.EntryType:
			name, kind := parser.Type()
			types[string(name)] = string(kind)
		case textparse.EntrySeries:
			parser.Labels(&sample)
			addValues(series, sample)
		}
	}
	return series, types
}

func addValues(series map[string]map[string][]string, sample labels.Labels) {
	name := sample.Get(model.MetricNameLabel)
	if series[name] == nil {
		series[name] = map[string][]string{}
	}
	sample.Range(func(l labels.Label) {
		values := series[name][l.Name]
		if l.Name != model.MetricNameLabel && l.Value != "" && len(values) < maxValues && !slices.Contains(values, l.Value) {
			series[name][l.Name] = append(values, l.Value)
		}
	})
}
