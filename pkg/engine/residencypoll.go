package engine

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/scrape"

	"github.com/coldhit/modelserving-datasource/pkg/management"
	"github.com/coldhit/modelserving-datasource/pkg/settings"
)

// poller is one target's state. Its fields belong to the poll in progress; those under mu are for everybody.
type poller struct {
	due    time.Time
	models map[modelKey]*modelSeries
	// client is kept between polls, so that its connection is, for as long as what it was made of is the same.
	client *management.Client
	madeOf clientSource

	mu      sync.Mutex
	busy    bool
	profile string
	failure string
	// asked is what is asked, protocol and address; empty if nothing is.
	asked string
}

// clientSource is what a client is made of.
type clientSource struct {
	target   settings.Target
	revision int
	endpoint Management
	timeout  time.Duration
}

func (p *poller) start() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.busy {
		return false
	}
	p.busy = true
	return true
}

func (p *poller) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.busy = false
}

func (p *poller) asks(endpoint string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked == endpoint
}

func (p *poller) closeClient() {
	if p.client != nil {
		p.client.Close()
	}
	p.client, p.madeOf = nil, clientSource{}
	p.mu.Lock()
	p.asked = ""
	p.mu.Unlock()
}

// use makes the client anew if it is not made of source already.
func (p *poller) use(source clientSource, s settings.Embedded) error {
	if p.client != nil && p.madeOf == source {
		return nil
	}
	p.closeClient()
	s.ScrapeTimeout = source.timeout
	client, err := management.New(source.endpoint.Protocol, source.target, s, source.endpoint.Port)
	if err != nil {
		return err
	}
	p.client, p.madeOf = client, source
	return nil
}

// poll asks one target's management endpoint for its models and appends what it says. set are the target's labels.
func (r *residency) poll(key targetKey, p *poller, t *scrape.Target, set labels.Labels) {
	current := r.engine.current()
	configured := configuredTarget(current.settings, t, set)
	profile := r.profileOf(p, configured.Profile, set)
	endpoint, has := Management{}, false
	profiles := r.engine.profiles()
	if profile != "" && profiles != nil {
		endpoint, has = profiles.Management(profile)
	}
	if !has {
		p.closeClient()
		r.end(p)
		p.report(r.engine, profile, set, nil)
		return
	}
	interval := intervalOf(t, current.settings.Interval)
	err := p.use(clientSource{
		target: configured, revision: current.number, endpoint: endpoint, timeout: min(current.settings.ScrapeTimeout, interval),
	}, current.settings)
	if err == nil && !r.claim(key, p, endpoint.Protocol.Title()+" at "+p.client.Address()) {
		r.end(p)
		p.report(r.engine, profile, set, nil)
		return
	}
	if err == nil {
		err = r.ask(p, set, current.settings.ScrapeLimits, interval)
	}
	if r.engine.ctx.Err() != nil {
		return
	}
	p.report(r.engine, profile, set, err)
}

// ask records one listing, or ends the series if there is none. It takes no longer than until the next poll.
func (r *residency) ask(p *poller, set labels.Labels, limits settings.ScrapeLimits, interval time.Duration) error {
	ctx, cancel := context.WithTimeout(r.engine.ctx, interval)
	defer cancel()
	listing, err := p.client.List(ctx)
	if r.engine.ctx.Err() != nil {
		return r.engine.ctx.Err()
	}
	if err == nil {
		err = checkLimits(listing.Models, limits)
	}
	if err != nil {
		r.end(p)
		return err
	}
	if err := p.record(r.engine.ctx, r.engine.db, set, listing.Models, time.Now()); err != nil {
		return err
	}
	if listing.Incomplete != nil {
		return listing.Incomplete
	}
	return nil
}

// configuredTarget is the settings behind a scraped target; a discovered one has what its file says.
func configuredTarget(s settings.Embedded, t *scrape.Target, set labels.Labels) settings.Target {
	job := set.Get(model.JobLabel)
	if i := slices.IndexFunc(s.Targets, func(c settings.Target) bool { return c.ID == job }); i >= 0 {
		return s.Targets[i]
	}
	return settings.Target{
		ID:          job,
		URL:         t.URL().String(),
		Profile:     t.GetValue(profileLabel),
		Environment: set.Get(labelEnvironment),
		Deployment:  set.Get(labelDeployment),
	}
}

// profileOf is the configured profile, else the one detected from what the target exposes. Detection is repeated until
// it succeeds, and again after a failure.
func (r *residency) profileOf(p *poller, configured string, set labels.Labels) string {
	if configured != "" {
		return configured
	}
	p.mu.Lock()
	detected, failed := p.profile, p.failure != ""
	p.mu.Unlock()
	if detected != "" && !failed {
		return detected
	}
	names, err := r.engine.metricNames(r.engine.ctx, set)
	profiles := r.engine.profiles()
	if err != nil || len(names) == 0 || profiles == nil {
		return detected
	}
	found := profiles.Detect(func(metric string) bool {
		_, exposed := names[metric]
		return exposed
	})
	if len(found) == 0 {
		return ""
	}
	return found[0]
}

// report keeps the outcome for the target's status and logs it when it changes.
func (p *poller) report(e *engine, profile string, set labels.Labels, err error) {
	failure := ""
	if err != nil {
		failure = err.Error()
	}
	p.mu.Lock()
	changed := p.failure != failure
	p.profile, p.failure = profile, failure
	p.mu.Unlock()
	if changed && failure != "" {
		e.logger.Debug("A management endpoint does not tell all", "target", set.Get(model.JobLabel), "reason", failure)
	}
}
