package profile

import (
	"maps"

	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// ownNames are the labels that scraping gives a target's series, unless somebody else scrapes.
var ownNames = map[signal.Label]string{signal.Environment: "environment", signal.Deployment: "deployment", signal.Replica: "instance"}

// Named is the set for a store that calls the labels of targets otherwise. What a server itself names, such as the pods that an
// exporter reports on, keeps its name.
func (s Set) Named(names map[signal.Label]string) Set {
	out := make(Set, len(s))
	for i, p := range s {
		named := *p
		named.Labels = maps.Clone(p.Labels)
		for l, own := range ownNames {
			if theirs := names[l]; theirs != "" && p.Labels[l] == own {
				named.Labels[l] = theirs
			}
		}
		out[i] = &named
	}
	return out
}
