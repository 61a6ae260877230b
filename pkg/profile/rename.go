package profile

import (
	"maps"

	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// targetLabelNames are the labels that the embedded engine adds to the series of a target.
var targetLabelNames = map[signal.Label]string{signal.Environment: "environment", signal.Deployment: "deployment", signal.Replica: "instance"}

// Named is the set for a store with other names for the labels of targets. Labels that a server itself exports keep their names, such
// as the pods of an exporter.
func (s Set) Named(names map[signal.Label]string) Set {
	out := make(Set, len(s))
	for i, p := range s {
		named := *p
		named.Labels = maps.Clone(p.Labels)
		for l, own := range targetLabelNames {
			if name := names[l]; name != "" && p.Labels[l] == own {
				named.Labels[l] = name
			}
		}
		out[i] = &named
	}
	return out
}
