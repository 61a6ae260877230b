package profile

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// Definition is a signal that a profile adds to the catalogue. Its name is the key in the profile.
type Definition struct {
	Title       string       `yaml:"title" required:"true" doc:"Title in panels and menus."`
	Description string       `yaml:"description" doc:"What the signal measures, in a sentence."`
	Unit        signal.Unit  `yaml:"unit" required:"true" doc:"The unit of the signal."`
	Shape       signal.Shape `yaml:"shape" required:"true" doc:"Which statistics the signal has."`
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
			return atPath(fmt.Errorf("custom_signals: signal %q: %w", name, err), "custom_signals", name)
		}
	}
	return nil
}

func (*Profile) validateDefinition(name string, d Definition) error {
	if !signalName.MatchString(name) {
		return errors.New("write the name in lower case, with underscores between words")
	}
	if _, taken := signal.Find(name); taken {
		return errors.New("a built-in signal has this name. Choose another")
	}
	if d.Title == "" {
		return errors.New("a title is required")
	}
	if !d.Unit.Known() {
		return fmt.Errorf("unit %q does not exist%s", d.Unit, didYouMean(string(d.Unit), texts(signal.Units())))
	}
	if !slices.Contains(shapes, d.Shape) {
		return fmt.Errorf("shape %q is not one of %s", d.Shape, strings.Join(texts(shapes), ", "))
	}
	if d.Shape == signal.Share && d.Unit != signal.Ratio {
		return fmt.Errorf("a share needs the unit %s", signal.Ratio)
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
