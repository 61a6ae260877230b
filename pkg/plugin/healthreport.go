package plugin

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
)

// report is what a check found.
type report struct {
	findings []finding
	// profileMistakes are what the user's own profiles name and nothing has.
	profileMistakes []string
	parts           []healthPart
}

func (r report) result() (*backend.CheckHealthResult, error) {
	problems, lines := partTexts(r.parts)
	details := healthDetails{Targets: r.findings, VerboseMessage: verbose(r.findings, slices.Concat(lines, problems, r.profileMistakes))}
	detailsJSON, err := json.Marshal(details)
	if err != nil {
		return nil, err
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
	return &backend.CheckHealthResult{Status: status, Message: message, JSONDetails: detailsJSON}, nil
}

// summarize makes one line of what was found.
func summarize(findings []finding) (backend.HealthStatus, string) {
	if len(findings) == 0 {
		return backend.HealthStatusError, "No targets. Add the metrics URL of a model server, then save again."
	}
	var answering, problems []string
	for _, f := range findings {
		if f.Problem != "" {
			problems = append(problems, f.Problem)
		} else {
			answering = append(answering, f.short())
		}
	}
	if len(problems) == 0 {
		return backend.HealthStatusOk, fmt.Sprintf("%s: %s.", count(len(findings), "target is up", "targets are up"), strings.Join(firstOf(answering), "; "))
	}
	return backend.HealthStatusError, fmt.Sprintf("%d of %s: %s", len(problems), count(len(findings), "target has a problem", "targets have a problem"), strings.Join(firstOf(problems), " "))
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

func verbose(findings []finding, warnings []string) string {
	var lines []string
	for _, f := range findings {
		lines = append(lines, f.long()...)
	}
	return strings.Join(append(lines, warnings...), "\n")
}
