package plugin

import (
	"context"
	"fmt"
	"maps"
	"strings"

	"github.com/coldhit/modelserving-datasource/pkg/engine"
	"github.com/coldhit/modelserving-datasource/pkg/management"
	"github.com/coldhit/modelserving-datasource/pkg/profile"
	"github.com/coldhit/modelserving-datasource/pkg/redact"
	"github.com/coldhit/modelserving-datasource/pkg/settings"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
	"github.com/coldhit/modelserving-datasource/pkg/target"
)

// finding is what a check found out about one target. Nothing in it is a secret.
type finding struct {
	URL     string `json:"url"`
	Name    string `json:"name,omitempty"`
	Answers bool   `json:"answers"`
	// Problem is a sentence; empty if the target answers as it should.
	Problem string `json:"problem,omitempty"`
	Profile string `json:"profile,omitempty"`
	Server  string `json:"server,omitempty"`
	Version string `json:"version,omitempty"`
	Models  int    `json:"models"`
	// GPUs is how many of them (or of their slices) the target reads.
	GPUs    int `json:"gpus,omitempty"`
	Samples int `json:"samples"`
	// RecognizedBy is a metric of each profile that the page shows, in the order of their names in Server.
	RecognizedBy []string `json:"recognizedBy,omitempty"`
	// NotLoaded lists models of the server that are not in memory, and the server's word on why.
	NotLoaded []string `json:"notLoaded,omitempty"`
	// Missing says what is not switched on, and how to.
	Missing []string `json:"missing,omitempty"`
	// reason is what the problem has in common with that of other targets, after "3 targets"; empty if it is a problem of this one alone.
	reason string
	// management is the endpoint to ask next; nil if there is none.
	management *engine.Management
	// page is what the metrics page has; nil if it was not read.
	page *profile.Inventory
}

func (f finding) short() string {
	server := f.Server
	if server == "" {
		server = "unknown server"
	}
	if f.Version != "" {
		server += " " + f.Version
	}
	var with []string
	if f.Models > 0 || f.GPUs == 0 {
		with = append(with, count(f.Models, "model", "models"))
	}
	if f.GPUs > 0 {
		with = append(with, count(f.GPUs, "GPU", "GPUs"))
	}
	return fmt.Sprintf("%s with %s", server, strings.Join(with, " and "))
}

// place is the URL of a target, or else its name.
func (f finding) place() string {
	if f.URL == "" {
		return f.Name
	}
	return shorten(f.URL, maxPlace)
}

func (f finding) long() []string {
	name := f.place()
	if f.URL != "" && f.Name != "" {
		name = fmt.Sprintf("%s (%s)", name, f.Name)
	}
	if f.Problem != "" {
		return []string{fmt.Sprintf("✗ %s: %s", name, f.Problem)}
	}
	lines := []string{fmt.Sprintf("✓ %s: %s, %s", name, f.short(), count(f.Samples, "sample", "samples"))}
	if len(f.RecognizedBy) > 0 {
		lines = append(lines, "   Recognized by "+strings.Join(f.RecognizedBy, ", ")+".")
	}
	if len(f.NotLoaded) > 0 {
		lines = append(lines, "   Not loaded: "+strings.Join(f.NotLoaded, "; ")+".")
	}
	for _, m := range f.Missing {
		lines = append(lines, "   "+m)
	}
	return lines
}

// examine reads a target's metrics page now, with the timeout of limited. Of large pages a few are read at the same time.
func (d *Datasource) examine(ctx context.Context, t settings.Target, limited settings.Embedded, large chan struct{}) finding {
	f := finding{Name: identityOf(t)}
	client, err := target.New(t, limited)
	if err != nil {
		f.Problem = err.Error()
		return f
	}
	defer client.Close()
	client.ShareMemory(large)
	f.URL = redact.URL(client.URL())
	result := client.Probe(ctx, readableLimits(limited.ScrapeLimits))
	if result.Err != nil {
		f.Problem, f.reason = result.Err.Sentence, result.Err.Problem.Phrase()
		if result.Err.Problem == target.Timeout {
			f.reason += " within " + limited.ScrapeTimeout.String()
		}
		return f
	}
	f.Samples = result.Page.Samples
	if len(d.ownProfiles()) > 0 {
		page := inventoryOf(result.Page)
		f.page = &page
	}
	has := func(metric string) bool { _, ok := result.Page.Metrics[metric]; return ok }
	found, problem := d.recognize(t, f.URL, has)
	if problem != "" {
		f.Problem, f.reason = problem, "serve metrics that match no profile, or not theirs"
		return f
	}
	if f.Problem = d.tooLarge(f, found); f.Problem != "" {
		f.reason = target.TooManySamples.Phrase()
		return f
	}
	p := found[0]
	f.Answers, f.Profile, f.Server = true, p.ID, serverNames(found)
	models, gpus := map[string]struct{}{}, map[string]struct{}{}
	for _, p := range found {
		f.RecognizedBy = append(f.RecognizedBy, p.ShownBy(has))
		f.Missing = append(f.Missing, p.SwitchedOff(has)...)
		maps.Copy(models, result.Page.Values(p.Labels[signal.Model]))
		maps.Copy(gpus, result.Page.Values(p.Labels[signal.GPU]))
		if second := p.LabelAliases[signal.Model]; second != "" {
			maps.Copy(models, result.Page.Values(second))
		}
	}
	f.Models, f.GPUs = len(models), len(gpus)
	f.management = d.managementOf(p.ID)
	return f
}

// probeManagement adds what the target's management endpoint tells, or why it does not.
func (f *finding) probeManagement(ctx context.Context, endpoint engine.Management, t settings.Target, s settings.Embedded) {
	client, err := management.New(endpoint.Protocol, t, s, endpoint.Port)
	if err != nil {
		f.Missing = append(f.Missing, err.Error())
		return
	}
	defer client.Close()
	listing, err := client.List(ctx)
	if err != nil {
		f.Missing = append(f.Missing, err.Error())
		return
	}
	f.Models = listing.Loaded()
	f.NotLoaded = notLoaded(listing)
	if listing.Incomplete != nil {
		f.Missing = append(f.Missing, listing.Incomplete.Error())
	}
	f.Version, err = client.Version(ctx)
	if err != nil {
		f.Missing = append(f.Missing, fmt.Sprintf("Version unknown: %s", err))
	}
}

// notLoaded lists the models that the server says it cannot serve, with its own word on why.
func notLoaded(listing management.Listing) []string {
	const longest = 200
	var out []string
	for _, m := range listing.Models {
		if m.Residency == management.Absent && m.Reason != "" {
			out = append(out, fmt.Sprintf("%s: %.*s", strings.TrimSpace(m.Name+" "+m.Version), longest, m.Reason))
		}
	}
	return firstOf(out)
}

// recognize lists the profiles of a metrics page, or says why there is none. There may be several: a platform shows the
// metrics of the engine that it runs. A server's own comes first.
func (d *Datasource) recognize(t settings.Target, url string, has func(string) bool) (profile.Set, string) {
	known := d.Profiles.Targets()
	found := known.Detect(has).ServersFirst()
	if t.Profile == "" {
		if len(found) == 0 {
			return nil, fmt.Sprintf("%s serves metrics, but none of the %d profiles matches them. Some servers export them only "+
				"after the first request. For other servers, add a custom profile.", url, len(known))
		}
		return found, ""
	}
	p := known.Find(t.Profile)
	switch {
	case p == nil:
		return nil, fmt.Sprintf("Unknown profile %q for %s: choose another one, or Detect.", t.Profile, url)
	case p.Has(has):
		return profile.Set{p}, ""
	case len(found) > 0:
		return nil, fmt.Sprintf("%s serves metrics of %[3]s, not of %[2]s: choose that profile, or Detect.", url, p.Name, serverNames(found))
	}
	return nil, fmt.Sprintf("%s does not serve metrics of %s: none of %s exists. Choose another profile, or Detect.", url, p.Name, strings.Join(p.Detect, ", "))
}

func serverNames(set profile.Set) string {
	var out []string
	for _, p := range set {
		out = append(out, p.Name)
	}
	return strings.Join(out, ", ")
}
