package profile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/coldhit/modelserving-datasource/pkg/series"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// Explain says why the servers that are there do not answer a statistic of a signal, and what would. Servers that cannot report the
// signal at all are named only if no other server can.
func (s Set) Explain(sig signal.Signal, st signal.Statistic, exists func(metric string) bool) string {
	var sentences, unable []string
	for _, p := range s {
		if len(p.Signals) == 0 || p.Layer == layerManagement {
			continue
		}
		if enable := p.enable(sig, st, exists); enable != "" {
			sentences = append(sentences, fmt.Sprintf("%s does not report %s of %s. To enable it, %s.", p.Name, st, sig.Name, enable))
		} else if len(p.Signals[sig.Name]) > 0 {
			sentences = append(sentences, fmt.Sprintf("%s reports %s, but not its %s.", p.Name, sig.Name, st))
		} else {
			unable = append(unable, p.Name)
		}
	}
	if len(sentences) == 0 {
		sentences = append(sentences, notReported(unable, sig.Name))
	}
	if !s.reports(sig) && sig.MeasuredBy != "" {
		sentences = append(sentences, fmt.Sprintf("It is measured by %s.", sig.MeasuredBy))
	}
	return strings.Join(sentences, " ")
}

// notReported says that servers do not report a signal.
func notReported(servers []string, signal string) string {
	switch len(servers) {
	case 0:
		return fmt.Sprintf("No server here reports %s.", signal)
	case 1:
		return fmt.Sprintf("%s does not report %s.", servers[0], signal)
	}
	last := len(servers) - 1
	return fmt.Sprintf("%s and %s do not report %s.", strings.Join(servers[:last], ", "), servers[last], signal)
}

func (s Set) reports(sig signal.Signal) bool {
	for _, p := range s {
		if len(p.Signals[sig.Name]) > 0 {
			return true
		}
	}
	return false
}

// enable is how to enable the missing metrics of the preferred recipe that would answer.
func (p *Profile) enable(sig signal.Signal, st signal.Statistic, exists func(string) bool) string {
	for _, r := range p.Signals[sig.Name] {
		if !p.answers(r, sig, st) || p.reads(r, exists) {
			continue
		}
		for _, m := range r.Reads() {
			if e := p.Metrics[m].Enable; e != "" {
				return e
			}
		}
	}
	return ""
}

// SwitchedOff lists what a server that exposes the given metrics could report and does not: one sentence for each way to enable
// something, in the order of the signals.
func (p *Profile) SwitchedOff(exists func(metric string) bool) []string {
	var out []string
	signalsOf := map[string][]string{}
	var order []string
	for _, sig := range signal.Builtin() {
		for _, r := range p.Signals[sig.Name] {
			if p.reads(r, exists) {
				continue
			}
			for _, m := range r.Reads() {
				e := p.Metrics[m].Enable
				if e == "" {
					continue
				}
				if signalsOf[e] == nil {
					order = append(order, e)
				}
				if n := signalsOf[e]; len(n) == 0 || n[len(n)-1] != label(sig, r) {
					signalsOf[e] = append(n, label(sig, r))
				}
			}
		}
	}
	for _, e := range order {
		out = append(out, fmt.Sprintf("For %s: %s.", strings.Join(signalsOf[e], ", "), e))
	}
	return out
}

func label(sig signal.Signal, r Recipe) string {
	if r.kind() == kindSummary {
		return "quantiles of " + sig.Name
	}
	return sig.Name
}

// Provenance is how the values of a part are computed, one entry for each server. Of the metrics that a recipe reads, it lists
// those that exist.
func (p Part) Provenance(exists func(metric string) bool) []series.Provenance {
	var out []series.Provenance
	for _, s := range p.Sources {
		var read []string
		for _, m := range s.Recipe.Reads() {
			if (exists(seriesName(s.Profile, m)) || (s.Native && exists(m))) && !slices.Contains(read, m) {
				read = append(read, m)
			}
		}
		out = append(out, series.Provenance{
			Origin: s.Recipe.Origin(), Server: s.Profile.Name, Layer: s.Profile.Layer, Recipe: s.Recipe.Description, Metrics: read,
			Recorded: p.recordedOf(s),
		})
	}
	return out
}

// Describe says in a clause how the values of a part are computed, for the user.
func (p Part) Describe() string {
	var out []string
	for _, s := range p.Sources {
		text := fmt.Sprintf("%s by %s (%s layer)", s.Recipe.Origin(), s.Profile.Name, s.Profile.Layer)
		if s.Recipe.Description != "" {
			text += ": " + s.Recipe.Description
		}
		out = append(out, text)
	}
	if len(p.Recorded) > 0 {
		out = append(out, fmt.Sprintf("read from recording rules (rates over %s)", joinWindows(p.Recorded)))
	}
	return strings.Join(out, "; ")
}
