package profile

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// Definition makes a signal of a team's own. Its name is the key in the profile.
type Definition struct {
	Title       string       `yaml:"title"`
	Description string       `yaml:"description"`
	Unit        signal.Unit  `yaml:"unit"`
	Shape       signal.Shape `yaml:"shape"`
}

var (
	signalName = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)
	shapes     = []signal.Shape{signal.Count, signal.Distribution, signal.Level, signal.Share}
)

// Defined lists the signals that a profile makes, by name.
func (p *Profile) Defined() []signal.Signal {
	var out []signal.Signal
	for _, name := range slices.Sorted(maps.Keys(p.CustomSignals)) {
		d := p.CustomSignals[name]
		out = append(out, signal.Signal{
			Name: name, Title: d.Title, Group: signal.Own, Shape: d.Shape, Unit: d.Unit, Description: d.Description,
			MeasuredBy: "the profile " + p.Name, GroupBy: p.groupings(),
		})
	}
	return out
}

// groupings are the labels that a profile's series can have.
func (p *Profile) groupings() []signal.Label {
	return slices.DeleteFunc(slices.Clone(signal.Labels), func(l signal.Label) bool {
		return p.Labels[l] == "" && (l != signal.Status || p.Status == nil)
	})
}

func (p *Profile) validateDefinitions() error {
	for _, name := range slices.Sorted(maps.Keys(p.CustomSignals)) {
		if err := p.validateDefinition(name, p.CustomSignals[name]); err != nil {
			return at(fmt.Errorf("custom_signals: signal %q: %w", name, err), "custom_signals", name)
		}
	}
	return nil
}

func (p *Profile) validateDefinition(name string, d Definition) error {
	if !signalName.MatchString(name) {
		return errors.New("a name is small letters and digits, joined by underscores")
	}
	if _, taken := signal.Find(name); taken {
		return errors.New("every data source has a signal of this name")
	}
	if d.Title == "" {
		return errors.New("a title is needed")
	}
	if !d.Unit.Known() {
		return fmt.Errorf("unit %q is not known", d.Unit)
	}
	if !slices.Contains(shapes, d.Shape) {
		return fmt.Errorf("shape %q is not one of %q", d.Shape, shapes)
	}
	if d.Shape == signal.Share && d.Unit != signal.Ratio {
		return fmt.Errorf("the unit of a share is %s", signal.Ratio)
	}
	return nil
}

// signal is a signal by name: one that every data source has, or one of the profile's own.
func (p *Profile) signal(name string) (signal.Signal, bool) {
	return signal.Builtin().With(p.Defined()...).Find(name)
}

// Catalogue is the signals that every data source has, and those that the profiles make; of two with one name the first.
func (s Set) Catalogue() signal.Catalogue {
	all := signal.Builtin()
	for _, p := range s {
		for _, own := range p.Defined() {
			if _, known := all.Find(own.Name); !known {
				all = all.With(own)
			}
		}
	}
	return all
}

// Text is a profile's file as somebody wrote it.
type Text struct{ Name, Text string }

// With is the set and more profiles, which are asked first. What is wrong with one is said by its file, line and reason, and
// keeps none of the others out.
func (s Set) With(texts []Text) (Set, []error) {
	var more Set
	var problems []error
	for _, t := range texts {
		p, err := Parse([]byte(t.Text))
		if err == nil {
			err = append(slices.Clone(s), more...).refuse(p)
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", t.Name, err))
			continue
		}
		p.Own = true
		more = append(more, p)
	}
	return append(more, s...), problems
}

// refuse says why a profile cannot join the set.
func (s Set) refuse(p *Profile) error {
	if s.Find(p.ID) != nil {
		return fmt.Errorf("profile %q: line 1: there is a profile of this id already", p.ID)
	}
	for _, own := range p.Defined() {
		for _, other := range s {
			if _, taken := other.CustomSignals[own.Name]; taken {
				return fmt.Errorf("profile %q: the profile %q has a signal %q already", p.ID, other.ID, own.Name)
			}
		}
	}
	return nil
}
