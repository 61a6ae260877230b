package plugin

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/coldhit/modelserving-datasource/pkg/engine"
	"github.com/coldhit/modelserving-datasource/pkg/profile"
	"github.com/coldhit/modelserving-datasource/pkg/settings"
)

const (
	// healthTime bounds a check. Grafana and proxies in front of it wait about 30 s. earlierEnd is how much sooner a check ends than
	// whoever waits for it gives up.
	healthTime = 25 * time.Second
	earlierEnd = time.Second
)

// healthDetails is what a check answers beside its message.
type healthDetails struct {
	VerboseMessage string    `json:"verboseMessage"`
	Targets        []finding `json:"targets"`
}

// CheckHealth probes every target now, whatever scraping has found so far, and reports what each one is or why it does not answer. Users
// who may not edit the data source get a verdict without names and errors. All share a check and its result. Its own failures are results
// too, because of an error Grafana shows only that there was one.
func (d *Datasource) CheckHealth(ctx context.Context, r *backend.CheckHealthRequest) (*backend.CheckHealthResult, error) {
	if err := d.admit(ctx); err != nil {
		return failedCheck(err).seenBy(nil), nil
	}
	ctx, secrets := d.guard(ctx, r.GetHTTPHeaders())
	found := d.checkFor(ctx).seenBy(backend.PluginConfigFromContext(ctx).User)
	found.Message, found.JSONDetails = secrets.Text(found.Message), secrets.Bytes(found.JSONDetails)
	return found, nil
}

// checkFor checks for one user. Where a server may answer each user differently, nothing is shared.
func (d *Datasource) checkFor(ctx context.Context) checkResult {
	if d.server != nil && d.server.PerUser() {
		return d.check(ctx)
	}
	if deadline, set := ctx.Deadline(); set {
		ctx = context.WithValue(ctx, deadlineKey{}, deadline)
	}
	result, err := d.health.get(ctx, d.check)
	if err != nil {
		return failedCheck(err)
	}
	return result
}

// deadlineKey is the key of when the user who began a check gives up: a shared check does not end with that user's context.
type deadlineKey struct{}

// checkTime is how long a check may take.
func checkTime(ctx context.Context) time.Duration {
	deadline, set := ctx.Value(deadlineKey{}).(time.Time)
	if !set {
		return healthTime
	}
	return min(healthTime, max(time.Until(deadline)-earlierEnd, earlierEnd))
}

func (d *Datasource) check(ctx context.Context) checkResult {
	limited, cancel := context.WithTimeout(ctx, checkTime(ctx))
	defer cancel()
	if d.server != nil {
		return d.checkRemote(limited)
	}
	return d.checkEmbedded(limited)
}

// checkEmbedded probes the targets, and checks the other parts meanwhile.
func (d *Datasource) checkEmbedded(ctx context.Context) checkResult {
	parts := make(chan []healthPart, 1)
	go func() { parts <- d.checkParts(ctx) }()
	found := report{findings: d.probeTargets(ctx)}
	pages, unread := pagesOf(found.findings)
	discovered, err := d.discovered(ctx)
	if err != nil {
		found.failures = append(found.failures, "Discovered targets could not be listed: "+withPeriod(err.Error()))
	}
	if found.profileMistakes, err = d.checkProfiles(ctx, pages, unread); err != nil {
		found.failures = append(found.failures, "Custom profiles could not be checked: "+withPeriod(err.Error()))
	}
	found.findings = append(found.findings, discovered...)
	found.parts = <-parts
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

// discovered is what scraping found of the targets that files name: they are not probed again here.
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
		f.Problem, f.reason = fmt.Sprintf("%s was discovered but not scraped yet.", t.URL), "were discovered but not scraped yet"
	}
	if p != nil {
		f.Profile, f.Server = p.ID, p.Name
	}
	for _, missing := range []string{t.ManagementError, t.NotStored} {
		if missing != "" {
			f.Missing = append(f.Missing, missing)
		}
	}
	return f
}

// identityOf is how a user knows a target: its deployment and environment.
func identityOf(t settings.Target) string {
	return strings.Trim(strings.Join([]string{t.Environment, t.Deployment}, " / "), " /")
}
