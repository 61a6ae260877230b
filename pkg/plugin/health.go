package plugin

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"golang.org/x/sync/errgroup"

	"github.com/coldhit/modelserving-datasource/pkg/engine"
	"github.com/coldhit/modelserving-datasource/pkg/profile"
	"github.com/coldhit/modelserving-datasource/pkg/settings"
)

const (
	// healthConcurrency bounds how many targets are queried at once, healthTime how long a check may take in all.
	healthConcurrency = 8
	healthTime        = 25 * time.Second
)

// healthDetails is what a check answers beside its message.
type healthDetails struct {
	VerboseMessage string    `json:"verboseMessage"`
	Targets        []finding `json:"targets"`
}

// CheckHealth asks every target now, whatever scraping has found so far, and says what each one is or why it does not
// answer. Its own failures are results too, because of an error Grafana shows only that there was one.
func (d *Datasource) CheckHealth(ctx context.Context, _ *backend.CheckHealthRequest) (*backend.CheckHealthResult, error) {
	result, err := d.check(ctx)
	if err != nil {
		return &backend.CheckHealthResult{Status: backend.HealthStatusError, Message: "The check failed: " + err.Error()}, nil
	}
	return result, nil
}

func (d *Datasource) check(ctx context.Context) (*backend.CheckHealthResult, error) {
	if err := d.admit(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, healthTime)
	defer cancel()
	if d.server != nil {
		return d.checkRemote(ctx)
	}
	findings := d.examineConfigured(ctx)
	discovered, err := d.discovered(ctx)
	if err != nil {
		return nil, err
	}
	pages, unread := pagesOf(findings)
	wrong, err := d.checkProfiles(ctx, pages, unread)
	if err != nil {
		return nil, err
	}
	findings = append(findings, discovered...)
	written, writes := d.checkWriting(ctx)
	limits := d.limitLines()
	details := healthDetails{Targets: findings, VerboseMessage: verbose(findings, slices.Concat(limits, written.lines(), d.engine.Warnings(), d.Mistakes, wrong))}
	detailsJSON, err := json.Marshal(details)
	if err != nil {
		return nil, err
	}
	status, message := summarize(findings)
	message = strings.Join(append([]string{message}, firstOf(wrong)...), " ")
	if writes && written.problem != "" {
		status, message = backend.HealthStatusError, written.problem+" "+message
	}
	if len(d.Mistakes) > 0 {
		status, message = backend.HealthStatusError, strings.Join(append(slices.Clone(d.Mistakes), message), " ")
	}
	if status == backend.HealthStatusOk {
		// Grafana 10 shows the message alone where the check passes.
		message = strings.Join(slices.Concat([]string{message}, limits, written.lines(), firstOf(missing(findings)), d.engine.Warnings()), " ")
	}
	return &backend.CheckHealthResult{Status: status, Message: message, JSONDetails: detailsJSON}, nil
}

// pagesOf are the pages that were read for findings, and whether some could not be read.
func pagesOf(findings []finding) (pages []profile.Inventory, unread bool) {
	for _, f := range findings {
		if f.page == nil {
			unread = true
			continue
		}
		pages = append(pages, *f.page)
	}
	return pages, unread
}

func (d *Datasource) examineConfigured(ctx context.Context) []finding {
	targets := d.settings.Embedded.Targets
	findings := make([]finding, len(targets))
	var group errgroup.Group
	group.SetLimit(healthConcurrency)
	for i, t := range targets {
		group.Go(func() error {
			findings[i] = d.examine(ctx, t)
			return nil
		})
	}
	_ = group.Wait() // findings carry the errors
	return findings
}

// discovered is what scraping found of the targets that files name: they are not asked again here.
func (d *Datasource) discovered(ctx context.Context) ([]finding, error) {
	targets, err := d.targets(ctx)
	if err != nil {
		return nil, err
	}
	models, err := d.modelsServed(ctx)
	if err != nil {
		return nil, err
	}
	configured := map[string]bool{}
	for _, t := range d.settings.Embedded.Targets {
		configured[t.ID] = true
	}
	var out []finding
	for _, t := range targets {
		if !configured[t.ID] {
			out = append(out, d.findingOf(t, models))
		}
	}
	return out, nil
}

func (d *Datasource) findingOf(t engine.TargetStatus, models modelCounts) finding {
	p := d.Profiles.Find(t.Profile)
	f := finding{URL: t.URL, Problem: t.LastError, Answers: t.Up, Samples: t.Samples, Models: models.countOf(t, p)}
	if !t.Up && t.LastError == "" {
		f.Problem = fmt.Sprintf("%s was discovered but not scraped yet.", t.URL)
	}
	if p != nil {
		f.Profile, f.Server = p.ID, p.Name
	}
	if t.ManagementError != "" {
		f.Missing = append(f.Missing, t.ManagementError)
	}
	return f
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

// identityOf is how a user knows a target: its deployment and environment.
func identityOf(t settings.Target) string {
	return strings.Trim(strings.Join([]string{t.Environment, t.Deployment}, " / "), " /")
}
