package analysis

import (
	"maps"
	"slices"

	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

var (
	ofGPU        = []signal.Label{signal.GPU}
	ofReplica    = []signal.Label{signal.Environment, signal.Deployment, signal.Replica}
	ofDeployment = []signal.Label{signal.Environment, signal.Deployment}
)

// Fold is how the readings of several GPUs make one number.
type Fold int

// GPUs' utilization is averaged, their power added up.
const (
	MeanOfGPUs Fold = iota
	SumOfGPUs
)

// GPUShares shares readings of GPUs out among the models that were computed on them, by labels. Readings need the labels of
// replicas and GPUs; work, in any unit that all series of a replica have in common, those of replicas and models. A GPU's reading
// is divided in proportion to the work that names the GPU (by an id that no other one has, whoever reads it), else among the models of its replica, or of its deployment where no server
// has its replica's name. The shares of all models add up to the readings of their group, whether that is their mean or their sum.
// Keep says which models are wanted. Unjoined counts the GPUs beside which nothing is computed.
func GPUShares(readings, work []Series, by []signal.Label, fold Fold, keep func(labels map[string]string) bool) (out []Series, unjoined int) {
	models := map[string]map[int64][]part{}
	for _, c := range work {
		keys := []string{Key(c.Labels, ofReplica), Key(c.Labels, ofDeployment)}
		if c.Labels[string(signal.GPU)] != "" {
			keys = []string{Key(c.Labels, ofGPU)}
		}
		for _, key := range keys {
			if models[key] == nil {
				models[key] = map[int64][]part{}
			}
			for i, t := range c.Times {
				models[key][t] = append(models[key][t], part{c.Labels, c.Values[i]})
			}
		}
	}
	s := sharing{by: by, keep: keep, fold: fold, groups: map[string]*shareGroup{}, gpus: map[string]map[int64]int{}}
	for _, u := range readings {
		var beside map[int64][]part
		joined := false
		for _, labels := range [][]signal.Label{ofGPU, ofReplica, ofDeployment} {
			if beside, joined = models[Key(u.Labels, labels)]; joined {
				break
			}
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
	provenance = append(append(provenance, readings...), work...)
	for i := range out {
		for _, p := range provenance {
			out[i].Provenance = addProvenance(out[i].Provenance, p.Provenance)
		}
		out[i].Statistic = readings[0].Statistic
	}
	return out, unjoined
}

// part is the work that one model does.
type part struct {
	labels map[string]string
	work   float64
}

type shareGroup struct {
	labels map[string]string
	// gpus is the key of the GPUs that the group's shares are parts of.
	gpus string
	at   map[int64]float64
}

type sharing struct {
	by     []signal.Label
	fold   Fold
	keep   func(map[string]string) bool
	groups map[string]*shareGroup
	order  []string
	// gpus counts GPUs by the labels that are not a model's.
	gpus map[string]map[int64]int
}

func (s *sharing) share(gpu map[string]string, t int64, reading float64, beside []part) {
	ofGPUs := slices.DeleteFunc(slices.Clone(s.by), func(l signal.Label) bool { return l == signal.Model || l == signal.Version })
	group := Key(gpu, ofGPUs)
	if s.gpus[group] == nil {
		s.gpus[group] = map[int64]int{}
	}
	s.gpus[group][t]++
	total := 0.0
	for _, p := range beside {
		total += p.work
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
			g.at[t] += reading * p.work / total
		} else {
			g.at[t] += 0
		}
	}
}

func (s *sharing) series() []Series {
	out := make([]Series, 0, len(s.order))
	for _, key := range s.order {
		g := s.groups[key]
		if s.fold == MeanOfGPUs {
			for t := range g.at {
				g.at[t] /= float64(s.gpus[g.gpus][t])
			}
		}
		one := Series{}
		one.Labels = g.labels
		one.Times, one.Values = points(g.at)
		one.Series = withLabels(one.Series, s.by)
		out = append(out, one)
	}
	return out
}
