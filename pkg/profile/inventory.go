package profile

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Inventory is what a metrics page or a store has.
type Inventory struct {
	// Series has, for each name of series, the values of its labels. Values of a label that some series lack are those of the others.
	Series map[string]map[string][]string
	// Types are those that a page declares, by metric; nil where that is unknown, as in a store.
	Types map[string]Type
	// Native says that a histogram may be there under its own name, as native histograms are.
	Native bool
}

// maxFindings is how many findings of one profile are reported. Of more than that the profile is for another server.
const maxFindings = 50

// Missing lists what the profile names and a page or a store that it fits does not have, one sentence each with file and line, in
// the order of the file: metrics, labels of metrics, and conditions that no series meets. Metrics that are not always there (since,
// enable) and the older names of a metric are not missing.
func (p *Profile) Missing(has Inventory) []string {
	var findings []positionError
	full := func() bool { return len(findings) == maxFindings }
	for _, name := range slices.Sorted(maps.Keys(p.Metrics)) {
		if full() {
			break
		}
		if text := p.missingMetric(name, has); text != "" {
			findings = append(findings, atPath(errors.New(text), "metrics", name))
		}
	}
	for _, use := range p.labelUses() {
		if full() {
			break
		}
		if text := p.missingLabel(use, has); text != "" {
			findings = append(findings, atPath(errors.New(text), use.path...))
		}
	}
	return p.located(findings)
}

// located are findings with file and line, in the order of the lines, each once.
func (p *Profile) located(findings []positionError) []string {
	type finding struct {
		line int
		text string
	}
	var sorted []finding
	for _, f := range findings {
		line := lineOf([]byte(p.file.Text), f.path)
		sorted = append(sorted, finding{line, fmt.Sprintf("%s: line %d: %s", p.file.Name, line, withPeriod(f.Error()))})
	}
	slices.SortStableFunc(sorted, func(a, b finding) int { return a.line - b.line })
	var out []string
	for _, f := range slices.Compact(sorted) {
		out = append(out, f.text)
	}
	return out
}

// Undetected is a sentence about a profile that no page and no store fits, with file and line.
func (p *Profile) Undetected(has Inventory) string {
	text := fmt.Sprintf("no target has %s", orList(p.Detect))
	for _, name := range p.Detect {
		hint := p.metricHint(name, has)
		if p.Metrics[name].Type == Histogram && has.Has(name+"_bucket") {
			hint = fmt.Sprintf("A histogram is not detected by its name: describe %s_count as a counter and detect that", name)
		}
		if hint != "" {
			text += ". " + hint
			break
		}
	}
	return p.located([]positionError{atPath(errors.New(text), "detect")})[0]
}

func orList(names []string) string {
	if len(names) == 1 {
		return names[0]
	}
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}

// Has says whether there are series of a name.
func (has Inventory) Has(series string) bool { _, ok := has.Series[series]; return ok }

// Merged is what several pages and stores have together. A histogram without buckets is a native one only if all of them may have
// native ones.
func Merged(all ...Inventory) Inventory {
	out := Inventory{Series: map[string]map[string][]string{}, Native: true}
	for _, one := range all {
		out.Native = out.Native && one.Native
		for name, labels := range one.Series {
			if out.Series[name] == nil {
				out.Series[name] = map[string][]string{}
			}
			for label, values := range labels {
				out.Series[name][label] = union(out.Series[name][label], values)
			}
		}
		if one.Types != nil && out.Types == nil {
			out.Types = map[string]Type{}
		}
		maps.Copy(out.Types, one.Types)
	}
	return out
}

// metric says whether a metric is there as the profile describes it.
func (has Inventory) metric(name string, m Metric) bool {
	return has.Has(name) && (m.Type != Histogram || has.Native) || m.Type == Histogram && has.Has(name+"_bucket")
}

// missingMetric says what is wrong with a metric; nothing if it is there, or need not be.
func (p *Profile) missingMetric(name string, has Inventory) string {
	m := p.Metrics[name]
	if has.metric(name, m) {
		return p.wrongType(name, has)
	}
	optional := m.Enable != "" || m.Since != "" || slices.ContainsFunc(p.otherNames(name), func(other string) bool {
		return has.metric(other, p.Metrics[other])
	})
	if optional {
		return ""
	}
	if hint := p.metricHint(name, has); hint != "" {
		return fmt.Sprintf("metric %s is not there. %s", name, hint)
	}
	return fmt.Sprintf("metric %s is not there", name)
}

// wrongType says that a metric is of another type than in the profile; nothing if it is not known to be.
func (p *Profile) wrongType(name string, has Inventory) string {
	m := p.Metrics[name]
	declared, known := has.Types[name]
	switch {
	case m.Type == Summary && len(has.Series[name][quantileLabel]) == 0:
		return fmt.Sprintf("metric %s has no quantiles, so it is no summary. Change its type", name)
	case m.Type == Gauge && has.Types != nil && len(has.Series[name][quantileLabel]) > 0:
		return fmt.Sprintf("metric %s has quantiles. Set its type to summary", name)
	case known && declared != m.Type && (declared == Counter && m.Type == Gauge || declared == Gauge && m.Type == Counter):
		return fmt.Sprintf("metric %s is exposed as a %s, not as a %s. Check its type", name, declared, m.Type)
	}
	return ""
}

// metricHint is a sentence about what was most likely meant by the name of a metric that is not there; empty if that is not
// apparent.
func (p *Profile) metricHint(name string, has Inventory) string {
	kind := p.Metrics[name].Type
	sumAndCount := has.Has(name+"_sum") && has.Has(name+"_count")
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		if base := strings.TrimSuffix(name, suffix); kind == Histogram && base != name && has.Has(base+"_bucket") {
			return fmt.Sprintf("A histogram is named without %s: write %s", suffix, base)
		}
	}
	switch {
	case kind != Histogram && has.Has(name+"_bucket"):
		return fmt.Sprintf("It is a histogram: set its type to histogram, or use %s_count or %s_sum", name, name)
	case kind == Histogram && sumAndCount:
		return fmt.Sprintf("Only its sum and count are exported, so quantiles are unavailable: use mean with %s_sum and %s_count", name, name)
	case kind == Summary && sumAndCount:
		return fmt.Sprintf("It has no quantiles: use mean with %s_sum and %s_count", name, name)
	case kind == Histogram && has.Has(name):
		return "It has no buckets, so it is no histogram. Change its type"
	case has.Has(name + "_total"):
		return fmt.Sprintf("Did you mean %s_total?", name)
	}
	if meant := closest(name, has.metricNames()); meant != "" {
		return fmt.Sprintf("Did you mean %s?", meant)
	}
	return ""
}

// metricNames lists the names of metrics, those of histograms without the suffixes of their series.
func (has Inventory) metricNames() []string {
	var out []string
	for name := range has.Series {
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			if base := strings.TrimSuffix(name, suffix); base != name && has.Has(base+"_bucket") {
				out = append(out, base)
			}
		}
		out = append(out, name)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// otherNames lists the other names that recipes give a metric.
func (p *Profile) otherNames(name string) []string {
	var out []string
	for _, t := range p.placedTerms() {
		if slices.Contains(t.Metric, name) {
			out = union(out, t.Metric)
		}
	}
	return slices.DeleteFunc(out, func(other string) bool { return other == name })
}

// missingLabel says what is wrong with a label that the file names; nothing if its metric is not there at all.
func (p *Profile) missingLabel(use labelUse, has Inventory) string {
	for _, metric := range use.metrics {
		series, there := p.seriesIn(metric, has)
		if !there {
			continue
		}
		i := slices.IndexFunc(use.names, func(name string) bool { return len(has.Series[series][name]) > 0 })
		switch {
		case i < 0 && use.where != nil && slices.Contains(use.where.In, ""):
			return ""
		case i < 0:
			known := slices.DeleteFunc(slices.Sorted(maps.Keys(has.Series[series])), func(l string) bool {
				return l == bucketBound || l == quantileLabel
			})
			return fmt.Sprintf("metric %s has no label %s%s", metric, orList(use.names), meantOrAll(use.names[0], known, "labels"))
		case use.where != nil:
			return use.where.unmet(metric, use.names[i], has.Series[series][use.names[i]])
		}
		return ""
	}
	return ""
}

// seriesIn is the name under which a metric's series are there.
func (p *Profile) seriesIn(metric string, has Inventory) (string, bool) {
	if stored := seriesName(p, metric); has.Has(stored) {
		return stored, true
	}
	return metric, has.metric(metric, p.Metrics[metric])
}

// acceptsMissing says whether a condition is met by series that lack the label.
func (w Where) acceptsMissing() bool {
	return slices.Contains(w.In, "") || len(w.In) == 0 && w.Regex == "" && !slices.Contains(w.NotIn, "")
}

// shortestTypo is how long a value is at least that is taken for a misspelt one: 4xx is no misspelt 5xx. Other values may be missing
// because what they count has not happened yet.
const shortestTypo = 5

// unmet says why a condition selects nothing of a label's values, or which of its values is misspelt; nothing if it is fine.
func (w Where) unmet(metric, label string, values []string) string {
	matches := regexp.MustCompile("^(?s:" + w.Regex + ")$") // checked when the profile was loaded
	selected := slices.ContainsFunc(values, func(v string) bool {
		return (len(w.In) == 0 || slices.Contains(w.In, v)) && !slices.Contains(w.NotIn, v) && (w.Regex == "" || matches.MatchString(v))
	})
	if !selected && !w.acceptsMissing() {
		wanted := slices.Concat(w.In, w.NotIn)
		if len(w.In) == 0 && w.Regex != "" {
			return fmt.Sprintf("no series of %s has a value of %s that matches %q%s", metric, label, w.Regex, meantOrAll("", values, "values"))
		}
		return fmt.Sprintf("no series of %s meets the condition on %s%s", metric, label, meantOrAll(wanted[0], values, "values"))
	}
	// A value that the condition lists too is not what another one was meant to be.
	unlisted := slices.DeleteFunc(slices.Clone(values), func(v string) bool { return slices.Contains(w.In, v) || slices.Contains(w.NotIn, v) })
	for _, v := range slices.Concat(w.In, w.NotIn) {
		if meant := closest(v, unlisted); len(v) >= shortestTypo && !slices.Contains(values, v) && meant != "" {
			return fmt.Sprintf("no series of %s has the value %s of %s. Did you mean %s?", metric, v, label, meant)
		}
	}
	return ""
}

// maxListed is how many words a sentence lists.
const maxListed = 8

// meantOrAll ends a sentence about a word that is not there: with the one that was meant, or with those that there are.
func meantOrAll(word string, there []string, noun string) string {
	if meant := closest(word, there); meant != "" {
		return ". Did you mean " + meant + "?"
	}
	switch {
	case len(there) == 0:
		return ""
	case len(there) > maxListed:
		return fmt.Sprintf(". Its %s include %s", noun, strings.Join(there[:maxListed], ", "))
	}
	return fmt.Sprintf(". Its %s are %s", noun, strings.Join(there, ", "))
}

// withPeriod ends a sentence that is no question.
func withPeriod(text string) string {
	if strings.HasSuffix(text, "?") {
		return text
	}
	return text + "."
}
