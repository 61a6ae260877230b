package analysis

import (
	"maps"
	"slices"

	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

var (
	ofReplica    = []signal.Label{signal.Environment, signal.Deployment, signal.Replica}
	ofDeployment = []signal.Label{signal.Environment, signal.Deployment}
)

// GPUShares shares the utilization of GPUs out among the models that were computed beside them, by labels. Utilization needs
// the labels of replicas and GPUs, compute (seconds of computation per second) those of replicas and models. A GPU belongs to
// the models of its replica, or of its deployment where no server has its replica's name; its utilization is divided in
// proportion to their compute time. As the utilization of a group of GPUs is their mean, a model's share in the group is the
// sum of its parts divided by the number of the GPUs, so that the shares of all models add up to the group's utilization.
// Keep says which models are wanted. Unjoined counts the GPUs beside which nothing is computed.
func GPUShares(utilization, compute []Series, by []signal.Label, keep func(labels map[string]string) bool) (out []Series, unjoined int) {
	models := map[string]map[int64][]part{}
	for _, c := range compute {
		for _, labels := range [][]signal.Label{ofReplica, ofDeployment} {
			key := Key(c.Labels, labels)
			if models[key] == nil {
				models[key] = map[int64][]part{}
			}
			for i, t := range c.Times {
				models[key][t] = append(models[key][t], part{c.Labels, c.Values[i]})
			}
		}
	}
	s := sharing{by: by, keep: keep, groups: map[string]*shareGroup{}, gpus: map[string]map[int64]int{}}
	for _, u := range utilization {
		beside, joined := models[Key(u.Labels, ofReplica)]
		if !joined {
			beside, joined = models[Key(u.Labels, ofDeployment)]
		}
		if !joined {
			unjoined++
			continue
		}
		for i, t := range u.Times {
			s.share(u.Labels, t, u.Values[i], beside[t])
		}
	}
	out = s.series()
	provenance := []Series{}
	provenance = append(append(provenance, utilization...), compute...)
	for i := range out {
		for _, p := range provenance {
			out[i].Provenance = addProvenance(out[i].Provenance, p.Provenance)
		}
		out[i].Statistic = utilization[0].Statistic
	}
	return out, unjoined
}

// part is what one model computes.
type part struct {
	labels  map[string]string
	seconds float64
}

type shareGroup struct {
	labels map[string]string
	// gpus is the key of the GPUs that the group's shares are parts of.
	gpus string
	at   map[int64]float64
}

type sharing struct {
	by     []signal.Label
	keep   func(map[string]string) bool
	groups map[string]*shareGroup
	order  []string
	// gpus counts GPUs by the labels that are not a model's.
	gpus map[string]map[int64]int
}

func (s *sharing) share(gpu map[string]string, t int64, utilization float64, beside []part) {
	ofGPUs := slices.DeleteFunc(slices.Clone(s.by), func(l signal.Label) bool { return l == signal.Model || l == signal.Version })
	group := Key(gpu, ofGPUs)
	if s.gpus[group] == nil {
		s.gpus[group] = map[int64]int{}
	}
	s.gpus[group][t]++
	total := 0.0
	for _, p := range beside {
		total += p.seconds
	}
	for _, p := range beside {
		if !s.keep(p.labels) {
			continue
		}
		labels := maps.Clone(p.labels)
		maps.Copy(labels, gpu)
		key := Key(labels, s.by)
		g := s.groups[key]
		if g == nil {
			g = &shareGroup{labels: labels, gpus: group, at: map[int64]float64{}}
			s.groups[key], s.order = g, append(s.order, key)
		}
		if total > 0 {
			g.at[t] += utilization * p.seconds / total
		} else {
			g.at[t] += 0
		}
	}
}

func (s *sharing) series() []Series {
	out := make([]Series, 0, len(s.order))
	for _, key := range s.order {
		g := s.groups[key]
		for t := range g.at {
			g.at[t] /= float64(s.gpus[g.gpus][t])
		}
		one := Series{}
		one.Labels = g.labels
		one.Times, one.Values = points(g.at)
		one.Series = withLabels(one.Series, s.by)
		out = append(out, one)
	}
	return out
}
