package profile

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/prometheus/common/model"

	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

func (p *Profile) validateRecipe(s signal.Signal, r Recipe) error {
	kinds := 0
	for _, set := range []bool{
		len(r.Sum) > 0, len(r.Average) > 0, r.Ratio != nil, r.Mean != nil, r.Summary != "", len(r.Histogram) > 0, r.CountSeries != nil, r.Age != "",
	} {
		if set {
			kinds++
		}
	}
	if kinds == 0 {
		return fmt.Errorf("it does not say how the signal is computed. Add one of %s", recipeKinds())
	}
	if kinds > 1 {
		return fmt.Errorf("it has %d of %s. Write a recipe for each", kinds, recipeKinds())
	}
	if len(r.Where) > 0 && len(r.Histogram) == 0 {
		return errors.New("where beside the recipe is for histograms only. Move it into the term")
	}
	if !s.Unit.Pure() && (r.Ratio != nil || r.CountSeries != nil) {
		return fmt.Errorf("the signal is in %s, but a ratio or a count of series has no unit", s.Unit)
	}
	switch {
	case r.Ratio != nil:
		if of, to := p.unitOf(r.Ratio.Of), p.unitOf(r.Ratio.To); !of.Comparable(to) {
			return fmt.Errorf("%s cannot be divided by %s. Use metrics of one kind of unit", of, to)
		}
		return p.validateQuotient(r.Ratio.Of, r.Ratio.To, p.unitOf(r.Ratio.Of))
	case r.Mean != nil:
		for _, t := range r.Mean.Count {
			if unit := p.unitOf([]Term{t}); unit != "" && !unit.Comparable(signal.Requests) {
				return fmt.Errorf("metric %q: %q cannot be converted to %q", t.Metric[0], unit, signal.Requests)
			}
		}
		return p.validateQuotient(r.Mean.Sum, r.Mean.Count, s.Unit)
	case r.Summary != "":
		return p.validateDistribution(Names{r.Summary}, Summary, s.Unit)
	case len(r.Histogram) > 0:
		if err := p.validateDistribution(r.Histogram, Histogram, s.Unit); err != nil {
			return err
		}
		return p.validateConditions(Term{Metric: r.Histogram, Where: r.Where})
	case r.Age != "":
		return p.validateDistribution(Names{r.Age}, Gauge, s.Unit)
	case r.CountSeries != nil:
		return p.validatePresent(*r.CountSeries)
	}
	if err := distinctTerms(slices.Concat(r.Sum, r.Average)); err != nil {
		return err
	}
	for _, t := range slices.Concat(r.Sum, r.Average) {
		if t.As == asConcurrency && !s.Unit.Pure() {
			return fmt.Errorf("metric %q: the signal is in %s, but concurrency is a number of requests", t.Metric[0], s.Unit)
		}
		if err := p.validateTerm(t, s.Unit); err != nil {
			return err
		}
		kind := p.Metrics[t.Metric[0]].Type
		if counted := kind == Counter && t.As == "" && !t.TreatMissingAsZero; counted != (s.Shape == signal.Count) {
			return fmt.Errorf("metric %q is a %s, and the signal is a %s. %s", t.Metric[0], kind, s.Shape,
				map[bool]string{true: "Use a gauge, or as: concurrency", false: "Use a counter"}[counted])
		}
	}
	return nil
}

func (p *Profile) validatePresent(present CountSeries) error {
	if err := p.validateNames(present.Metric); err != nil {
		return err
	}
	for _, l := range present.By {
		if !p.carries(p.Metrics[present.Metric[0]], l) {
			return fmt.Errorf("metric %q has no label %q to count by. Add it to the labels of the metric", present.Metric[0], l)
		}
	}
	return p.validateConditions(present.Term)
}

// validateConditions checks the labels that a term names.
func (p *Profile) validateConditions(t Term) error {
	for _, l := range slices.Sorted(maps.Keys(t.Set)) {
		if !slices.Contains(signal.Labels, l) {
			return fmt.Errorf("metric %q: set: there is no label %q%s", t.Metric[0], l, didYouMean(string(l), texts(signal.Labels)))
		}
		if l == signal.Status && !slices.Contains(statusClasses, t.Set[l]) {
			return fmt.Errorf("metric %q: set: status %q is not one of %s", t.Metric[0], t.Set[l], strings.Join(statusClasses, ", "))
		}
	}
	for _, l := range t.DropLabels {
		if !slices.Contains(p.Metrics[t.Metric[0]].Labels, l) {
			return fmt.Errorf("metric %q: drop_labels: the metric has no label %q", t.Metric[0], l)
		}
	}
	for _, name := range t.DedupeBy {
		if !model.LegacyValidation.IsValidLabelName(name) {
			return fmt.Errorf("metric %q: dedupe_by: %q is not a valid label name", t.Metric[0], name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(t.Where)) {
		w := t.Where[name]
		if !model.LegacyValidation.IsValidLabelName(name) {
			return fmt.Errorf("metric %q: where: %q is not a valid label name", t.Metric[0], name)
		}
		if len(w.In) == 0 && len(w.NotIn) == 0 && w.Regex == "" {
			return fmt.Errorf("metric %q: the condition on %q is empty. Add in, not_in or regex", t.Metric[0], name)
		}
		if err := validExpression(w.Regex); err != nil {
			return fmt.Errorf("metric %q: the condition on %q: %w", t.Metric[0], name, err)
		}
	}
	return nil
}

func (p *Profile) validateQuotient(of, to []Term, unit signal.Unit) error {
	if len(of) == 0 || len(to) == 0 {
		return errors.New("both parts of the quotient need at least one term")
	}
	for _, terms := range [][]Term{of, to} {
		if err := distinctTerms(terms); err != nil {
			return err
		}
	}
	for _, t := range of {
		if err := p.validateTerm(t, unit); err != nil {
			return err
		}
	}
	for _, t := range to {
		if err := p.validateTerm(t, p.unitOf(to)); err != nil {
			return err
		}
	}
	return nil
}

// distinctTerms is the error about a term that occurs twice.
func distinctTerms(terms []Term) error {
	for i, t := range terms {
		if slices.ContainsFunc(terms[:i], func(before Term) bool { return reflect.DeepEqual(before, t) }) {
			return fmt.Errorf("metric %q occurs twice with the same conditions and would count twice. Remove one", strings.Join(t.Metric, ", "))
		}
	}
	return nil
}

// maxExpression limits the time that a regular expression takes to match.
const maxExpression = 4096

func validExpression(text string) error {
	if len(text) > maxExpression {
		return fmt.Errorf("the regular expression has %d characters, the maximum is %d", len(text), maxExpression)
	}
	_, err := regexp.Compile(text)
	return err
}

// unitOf is the unit that terms which are only counted are summed in: that of the first.
func (p *Profile) unitOf(terms []Term) signal.Unit {
	if len(terms) == 0 || len(terms[0].Metric) == 0 {
		return ""
	}
	return p.Metrics[terms[0].Metric[0]].Unit
}

// validateNames checks that the names of a metric are described, and alike: one plan reads all of them.
func (p *Profile) validateNames(names Names) error {
	if len(names) == 0 {
		return errors.New("a metric is required")
	}
	newest := p.Metrics[names[0]]
	for _, name := range names {
		m, ok := p.Metrics[name]
		if !ok {
			return p.undescribed(name)
		}
		if m.Type != newest.Type || !slices.Equal(m.Labels, newest.Labels) {
			return fmt.Errorf("metrics %q and %q cannot be names of one metric: their types or labels differ", names[0], name)
		}
		if m.Type == Histogram && m.Unit != newest.Unit {
			return fmt.Errorf("histograms %q and %q cannot be names of one metric: their units differ", names[0], name)
		}
	}
	return nil
}

func (p *Profile) validateDistribution(names Names, want Type, unit signal.Unit) error {
	if err := p.validateNames(names); err != nil {
		return err
	}
	m := p.Metrics[names[0]]
	if m.Type != want {
		return fmt.Errorf("metric %q is a %s, not a %s", names[0], m.Type, want)
	}
	_, err := m.Unit.Factor(unit)
	return err
}

func (p *Profile) validateTerm(t Term, unit signal.Unit) error {
	if err := p.validateNames(t.Metric); err != nil {
		return err
	}
	m := p.Metrics[t.Metric[0]]
	if m.Type != Counter && m.Type != Gauge {
		return fmt.Errorf("metric %q is a %s. A term needs a counter or a gauge", t.Metric[0], m.Type)
	}
	if err := p.validateConditions(t); err != nil {
		return err
	}
	if t.As != "" && t.TreatMissingAsZero {
		return fmt.Errorf("metric %q: as and treat_missing_as_zero cannot be combined. Remove one", t.Metric[0])
	}
	switch t.As {
	case "":
	case asConcurrency:
		if m.Type != Counter {
			return fmt.Errorf("metric %q is a %s. concurrency needs a counter of durations", t.Metric[0], m.Type)
		}
		_, err := m.Unit.Factor(signal.Seconds)
		return err
	default:
		return fmt.Errorf("metric %q: as: %q is not a value. Write concurrency, or remove the key", t.Metric[0], t.As)
	}
	for _, name := range t.Metric {
		if _, err := p.Metrics[name].Unit.Factor(unit); err != nil {
			return fmt.Errorf("metric %q: %w", name, err)
		}
	}
	return nil
}

// recipeKinds lists the keys of which a recipe has exactly one.
func recipeKinds() string {
	var out []string
	recipe, _ := blockOf(reflect.TypeFor[Recipe]())
	for _, k := range recipe.keys() {
		if k.kind {
			out = append(out, k.name)
		}
	}
	return strings.Join(out, ", ")
}
