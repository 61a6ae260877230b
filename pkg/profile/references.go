package profile

import (
	"maps"
	"slices"
	"strconv"

	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// SeriesReference is a metric that a profile names, and the server's labels that it names of it.
type SeriesReference struct {
	// Metric is the name of the series: that of the buckets if the profile says that the metric is a histogram.
	Metric string
	Labels []string
}

// References lists what a profile expects of a metrics page, each metric once, in the order of their names.
func (p *Profile) References() []SeriesReference {
	labels := map[string][]string{}
	for _, use := range p.labelUses() {
		for _, name := range use.metrics {
			labels[name] = union(labels[name], use.names)
		}
	}
	var out []SeriesReference
	for _, name := range slices.Sorted(maps.Keys(p.Metrics)) {
		own := slices.Clone(labels[name])
		if p.Metrics[name].Type == Summary {
			own = union(own, []string{quantileLabel})
		}
		out = append(out, SeriesReference{Metric: seriesName(p, name), Labels: own})
	}
	return out
}

// labelUse is a place of the file that names a label of a metric. Of several names one is enough.
type labelUse struct {
	metrics Names
	names   []string
	// where is the condition on the label; nil where the file only says that the metric has it.
	where *Where
	path  []string
}

// labelUses lists the places of the file that name labels of the server. Labels of targets are not among them.
func (p *Profile) labelUses() []labelUse {
	var out []labelUse
	for _, name := range slices.Sorted(maps.Keys(p.Metrics)) {
		for _, l := range p.Metrics[name].Labels {
			use := labelUse{metrics: Names{name}, names: p.serverNames(l), path: []string{"metrics", name, "labels"}}
			if len(use.names) > 0 {
				out = append(out, use)
			}
		}
	}
	for _, t := range p.placedTerms() {
		for _, label := range slices.Sorted(maps.Keys(t.Where)) {
			where := t.Where[label]
			out = append(out, labelUse{metrics: t.Metric, names: []string{label}, where: &where, path: slices.Concat(t.path, []string{"where", label})})
		}
		for _, label := range t.DedupeBy {
			out = append(out, labelUse{metrics: t.Metric, names: []string{label}, path: slices.Concat(t.path, []string{"dedupe_by"})})
		}
	}
	return out
}

// serverNames lists the names that one of the project's labels may have on the server.
func (p *Profile) serverNames(l signal.Label) []string {
	if l == signal.Status && p.Status != nil {
		return []string{p.Status.Label}
	}
	var out []string
	for _, name := range []string{p.Labels[l], p.LabelAliases[l]} {
		if name != "" {
			out = append(out, name)
		}
	}
	return out
}

// placedTerm is a term and where it is in the file.
type placedTerm struct {
	Term
	path []string
}

// placedTerms lists all terms of the file; a histogram's conditions are those of a term.
func (p *Profile) placedTerms() []placedTerm {
	out := placed(p.RankBy, "rank_by")
	for _, name := range slices.Sorted(maps.Keys(p.Signals)) {
		for i, r := range p.Signals[name] {
			at := []string{"signals", name, strconv.Itoa(i)}
			in := func(terms []Term, keys ...string) {
				out = append(out, placed(terms, slices.Concat(at, keys)...)...)
			}
			in(r.Sum, "sum")
			in(r.Average, "average")
			if r.Ratio != nil {
				in(r.Ratio.Of, "ratio", "of")
				in(r.Ratio.To, "ratio", "to")
			}
			if r.Mean != nil {
				in(r.Mean.Sum, "mean", "sum")
				in(r.Mean.Count, "mean", "count")
			}
			if r.CountSeries != nil {
				out = append(out, placedTerm{r.CountSeries.Term, slices.Concat(at, []string{"count_series"})})
			}
			if len(r.Histogram) > 0 {
				out = append(out, placedTerm{Term{Metric: r.Histogram, Where: r.Where}, at})
			}
		}
	}
	return out
}

func placed(terms []Term, path ...string) []placedTerm {
	out := make([]placedTerm, len(terms))
	for i, t := range terms {
		out[i] = placedTerm{t, slices.Concat(path, []string{strconv.Itoa(i)})}
	}
	return out
}
