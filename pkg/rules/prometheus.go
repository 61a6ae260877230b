package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/coldhit/modelserving-datasource/pkg/objective"
	"github.com/coldhit/modelserving-datasource/pkg/profile"
	"github.com/coldhit/modelserving-datasource/pkg/rulefile"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// Prometheus writes the rules as a rule file for Prometheus or Mimir: recordings of the signals, compiled for the servers
// that are there, of how they compare with the models' objectives, and the alerts over those. Rules about signals that
// nothing there reports are left out, and a comment says so.
func Prometheus(o Options, servers profile.Servers, objectives objective.Set) ([]byte, error) {
	// What the plugin polls itself is not in a Prometheus.
	servers.Profiles = servers.Profiles.Targets()
	w := &ruleExpressions{options: o, servers: servers, objectives: objectives, windows: map[time.Duration][]rulefile.Rule{}, known: map[string]bool{}}
	alerts := map[string][]rulefile.Rule{}
	var left []string
	for _, r := range All(o) {
		expr, values, missing := w.condition(r)
		if missing != "" {
			left = append(left, fmt.Sprintf("%s: %s.", r.Title, missing))
			continue
		}
		alerts[r.Group] = append(alerts[r.Group], rulefile.Rule{
			Alert: alertName(r), Expr: expr, For: durationText(r.For),
			Labels: map[string]string{"severity": string(r.Severity)},
			Annotations: map[string]string{
				"summary":     r.fill(r.Summary, r.looksUp(values)),
				"description": r.Means, "runbook_url": Runbook + "#" + r.Name,
			},
		})
	}
	file := rulefile.File{Groups: w.groups()}
	for _, name := range Groups {
		if len(alerts[name]) > 0 {
			id := "modelserving-" + strings.ReplaceAll(strings.ToLower(name), " ", "-")
			file.Groups = append(file.Groups, rulefile.Group{Name: id, Interval: durationText(o.Interval), Rules: alerts[name]})
		}
	}
	return file.Write(w.header(left))
}

// header says what the file is made for and what it cannot say.
func (w *ruleExpressions) header(left []string) string {
	names := make([]string, len(w.servers.Profiles))
	for i, p := range w.servers.Profiles {
		names[i] = p.Name
	}
	lines := []string{
		"Alert rules for Prometheus and Mimir, for these servers: " + strings.Join(names, ", ") + ".",
		"Meaning and steps of each rule: " + Runbook,
		"Targets need the labels environment and deployment.",
		"The objectives are those of the data source at the time of the export. Export again after you change them.",
	}
	if w.fractions {
		lines = append(lines, "The burn rate of response times needs Prometheus 3.4 or later (histogram_fraction over classic histograms).")
	}
	if w.merged {
		lines = append(lines, "Histograms are merged bucket by bucket. Quantiles are wrong if replicas have different bucket bounds.")
	}
	if w.summaries {
		lines = append(lines, "Summaries of replicas and versions cannot be merged, so the highest value is used.")
	}
	if len(left) > 0 {
		lines = append(lines, "", "Skipped:")
		lines = append(lines, left...)
	}
	var out strings.Builder
	for _, line := range lines {
		out.WriteString(strings.TrimRight("# "+line, " ") + "\n")
	}
	return out.String()
}

// condition is the rule's expression and those of its numbers by ref; missing says why there is none.
func (w *ruleExpressions) condition(r Rule) (expr string, values map[string]string, missing string) {
	values = map[string]string{}
	for _, q := range r.Queries {
		recorded, missing := w.query(r, q)
		if missing != "" {
			return "", nil, missing
		}
		values[q.Ref] = recorded
		for _, reduced := range q.Reduced {
			values[reduced.Ref] = overTime(recorded, reduced.How, q)
		}
	}
	by := strings.Join(words(r.By), ", ")
	parts := make([]string, len(r.When))
	for i, c := range r.When {
		left, right := values[c.Ref], numberText(c.Than)
		if c.Factor != 0 {
			left = numberText(c.Factor) + " * " + left
		}
		is := " " + c.Is + " "
		if c.ThanRef != "" {
			is += "on (" + by + ") "
			right = values[c.ThanRef]
			if c.Than != 1 {
				right = numberText(c.Than) + " * " + right
			}
		}
		parts[i] = left + is + right
		if len(r.When) > 1 {
			parts[i] = "(" + parts[i] + ")"
		}
	}
	return strings.Join(parts, " and on ("+by+") "), values, ""
}

var (
	// recordedSeries is a reference to recorded series, with its matchers.
	recordedSeries = regexp.MustCompile(`modelserving:[\w:]+(\{[^}]*\})?`)
	reference      = regexp.MustCompile(`\$(\w+)`)
)

// looksUp writes the numbers of a text. The alert's value is that of the first comparison; others are looked up by the
// alert's labels when it fires.
func (r Rule) looksUp(values map[string]string) func(ref, form string) string {
	return func(ref, form string) string {
		if ref == r.When[0].Ref && r.When[0].Factor == 0 {
			return form
		}
		expr := "$" + ref
		if i := slices.IndexFunc(r.Shown, func(f Formula) bool { return f.Ref == ref }); i >= 0 {
			expr = r.Shown[i].Expression
		}
		matchers, arguments := "", ""
		for _, l := range words(r.By) {
			matchers += l + "=%q, "
			arguments += " .Labels." + l
		}
		given := ""
		expr = reference.ReplaceAllStringFunc(expr, func(found string) string {
			return "sum(" + recordedSeries.ReplaceAllStringFunc(values[found[1:]], func(series string) string {
				given += arguments
				name, own, _ := strings.Cut(strings.TrimSuffix(series, "}"), "{")
				return name + "{" + strings.TrimSuffix(matchers+own, ", ") + "}"
			}) + ")"
		})
		return "{{ with query (printf " + strconv.Quote(expr) + given + ") }}{{ with first . }}" + form + "{{ end }}{{ end }}"
	}
}

// overTime is what a query makes of a recorded range.
func overTime(recorded, how string, q Query) string {
	ago := ""
	if q.Ago > 0 {
		ago = " offset " + durationText(q.Ago)
	}
	function := map[string]string{"min": "min", "max": "max", "mean": "avg", "last": "last"}[how]
	return fmt.Sprintf("%s_over_time(%s[%s]%s)", function, recorded, durationText(q.Over), ago)
}

// alertName is the rule's in Prometheus: its words without spaces and punctuation.
func alertName(r Rule) string {
	var out strings.Builder
	out.WriteString("ModelServing")
	for _, word := range strings.FieldsFunc(r.Title, func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsDigit(c) }) {
		out.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return out.String()
}

// level names what the labels of a rule tell apart, for the names of recordings.
func level(by []signal.Label) string {
	switch {
	case slices.Contains(by, signal.Model):
		return "model"
	case slices.Contains(by, signal.GPU):
		return "gpu"
	}
	return "deployment"
}
