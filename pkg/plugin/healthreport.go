package plugin

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
)

const (
	// maxMessage and maxLine bound the message of a check and a line of its details, maxPlace a target's URL in them, in characters.
	maxMessage, maxLine, maxPlace = 4000, 2000, 200
	// shownNames is how many targets with one problem the message names. The details name all.
	shownNames = 3
	// groupedFrom is the number of targets with one problem from which the details have one line for all of them.
	groupedFrom = 4
)

// report is what a check found.
type report struct {
	findings []finding
	// profileMistakes are what the user's own profiles name and nothing has.
	profileMistakes []string
	parts           []healthPart
	// failures are parts of the check that could not be done.
	failures []string
}

func (r report) result() checkResult {
	problems, lines := partTexts(r.parts)
	problems = slices.Concat(problems, r.failures)
	details := healthDetails{Targets: r.findings, VerboseMessage: verbose(r.findings, slices.Concat(lines, problems, r.profileMistakes))}
	detailsJSON, err := json.Marshal(details)
	if err != nil {
		return failedCheck(err)
	}
	status, message := summarize(r.findings)
	message = strings.Join(append([]string{message}, firstOf(r.profileMistakes)...), " ")
	if len(problems) > 0 {
		status, message = backend.HealthStatusError, strings.Join(append(slices.Clone(problems), message), " ")
	}
	if status == backend.HealthStatusOk {
		// Grafana 10 shows the message alone where the check passes.
		message = strings.Join(slices.Concat([]string{message}, firstOf(missing(r.findings)), lines), " ")
	}
	return checkResult{status: status, message: shorten(message, maxMessage), verdict: r.verdict(status), details: detailsJSON}
}

// verdict is the result without names.
func (r report) verdict(status backend.HealthStatus) string {
	if len(r.findings) == 0 {
		return "No targets are configured."
	}
	up := 0
	for _, f := range r.findings {
		if f.Problem == "" {
			up++
		}
	}
	sentences := []string{fmt.Sprintf("%d of %s up.", up, count(len(r.findings), "target is", "targets are"))}
	if up == len(r.findings) {
		sentences[0] = count(up, "target is up.", "targets are up.")
	}
	for _, p := range r.parts {
		if p.verdict != "" {
			sentences = append(sentences, p.verdict)
		}
	}
	if status != backend.HealthStatusOk {
		sentences = append(sentences, seeReasons)
	}
	return strings.Join(sentences, " ")
}

// summarize makes one line of what was found.
func summarize(findings []finding) (backend.HealthStatus, string) {
	if len(findings) == 0 {
		return backend.HealthStatusError, "No targets. Add the metrics URL of a model server, then save again."
	}
	var answering []string
	for _, f := range findings {
		if f.Problem == "" {
			answering = append(answering, f.short())
		}
	}
	groups := groupProblems(findings)
	if len(groups) == 0 {
		return backend.HealthStatusOk, fmt.Sprintf("%s: %s.", count(len(findings), "target is up", "targets are up"), strings.Join(firstOf(answering), "; "))
	}
	problems := len(findings) - len(answering)
	return backend.HealthStatusError, fmt.Sprintf("%d of %s: %s", problems, count(len(findings), "target has a problem", "targets have a problem"), describeGroups(groups))
}

// problemGroup are the targets with one problem.
type problemGroup struct {
	reason  string
	members []finding
}

// groupProblems groups targets by what their problems have in common, the largest groups first.
func groupProblems(findings []finding) []problemGroup {
	var groups []problemGroup
	for _, f := range findings {
		if f.Problem == "" {
			continue
		}
		i := slices.IndexFunc(groups, func(g problemGroup) bool { return f.reason != "" && g.reason == f.reason })
		if i < 0 {
			i, groups = len(groups), append(groups, problemGroup{reason: f.reason})
		}
		groups[i].members = append(groups[i].members, f)
	}
	slices.SortStableFunc(groups, func(a, b problemGroup) int { return len(b.members) - len(a.members) })
	return groups
}

// describeGroups has a sentence for each of the first groups, and how many targets the others are.
func describeGroups(groups []problemGroup) string {
	const shown = 4
	var sentences []string
	more := 0
	for i, g := range groups {
		switch {
		case i >= shown:
			more += len(g.members)
		case len(g.members) == 1:
			sentences = append(sentences, shorten(g.members[0].Problem, maxLine/shown))
		default:
			sentences = append(sentences, fmt.Sprintf("%d %s: %s.", len(g.members), g.reason, g.names(shownNames)))
		}
	}
	if more > 0 {
		sentences = append(sentences, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(sentences, " ")
}

// names lists the first of a group's targets.
func (g problemGroup) names(most int) string {
	var names []string
	for _, f := range g.members[:min(most, len(g.members))] {
		names = append(names, f.place())
	}
	if more := len(g.members) - len(names); more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names, ", "), more)
	}
	return strings.Join(names, ", ")
}

// missing lists what is not switched on, each once, however many targets lack it.
func missing(findings []finding) []string {
	var out []string
	for _, f := range findings {
		for _, m := range f.Missing {
			if !slices.Contains(out, m) {
				out = append(out, m)
			}
		}
	}
	if len(out) > 0 {
		out[0] = "Not available yet: " + out[0]
	}
	return out
}

// firstOf keeps a line short; the details have everything.
func firstOf(texts []string) []string {
	const shown = 4
	if len(texts) > shown {
		return append(texts[:shown:shown], fmt.Sprintf("and %d more", len(texts)-shown))
	}
	return texts
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// verbose has the lines of every target, and of many with one problem a line for all, which names each.
func verbose(findings []finding, more []string) string {
	groups := map[string]problemGroup{}
	for _, g := range groupProblems(findings) {
		if len(g.members) >= groupedFrom {
			groups[g.reason] = g
		}
	}
	var lines []string
	for _, f := range findings {
		g, grouped := groups[f.reason]
		switch {
		case f.Problem == "" || !grouped:
			for _, line := range f.long() {
				lines = append(lines, shorten(line, maxLine))
			}
		case len(g.members) > 0:
			lines = append(lines, fmt.Sprintf("✗ %d targets %s: %s. The first: %s", len(g.members), g.reason, g.names(len(g.members)), shorten(f.Problem, maxLine)))
			groups[f.reason] = problemGroup{} // its line is written
		}
	}
	for _, line := range more {
		lines = append(lines, shorten(line, maxLine))
	}
	return strings.Join(lines, "\n")
}

// shorten cuts a text after a number of characters.
func shorten(text string, most int) string {
	if len(text) <= most {
		return text
	}
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}
