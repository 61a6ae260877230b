package plugin

import (
	"context"
	"fmt"
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
func (d *Datasource) CheckHealth(ctx context.Context, r *backend.CheckHealthRequest) (*backend.CheckHealthResult, error) {
	ctx, secrets := d.guard(ctx, r.GetHTTPHeaders())
	result, err := d.check(ctx)
	if err != nil {
		result = &backend.CheckHealthResult{Status: backend.HealthStatusError, Message: "The check failed: " + err.Error()}
	}
	return &backend.CheckHealthResult{Status: result.Status, Message: secrets.Text(result.Message), JSONDetails: secrets.Bytes(result.JSONDetails)}, nil
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
	found := report{findings: findings, profileMistakes: wrong, parts: d.checkParts(ctx)}
	return found.result()
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

// identityOf is how a user knows a target: its deployment and environment.
func identityOf(t settings.Target) string {
	return strings.Trim(strings.Join([]string{t.Environment, t.Deployment}, " / "), " /")
}
