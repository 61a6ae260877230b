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
	"github.com/coldhit/modelserving-datasource/pkg/target"
)

const (
	// residencyTick is how often due polls are looked for; intervals shorter than it are for tests.
	residencyTick = time.Second
	// maxPolls is how many management endpoints of one engine are asked at once.
	maxPolls = 16
)

// Profiles is what the engine needs to know of profiles.
type Profiles interface {
	// Management says where the profile's server lists its models; false if it does not.
	Management(profileID string) (Management, bool)
	// Detect answers the profiles whose metrics are there, the likeliest first.
	Detect(has func(metric string) bool) []string
}

// Management is where a server lists its models in the way of the Open Inference Protocol v2.
type Management struct {
	// Port is the default port of the endpoint, on the host of the metrics page.
	Port int
}

// targetKey tells targets apart as series do.
type targetKey struct{ job, instance string }

// residency polls the model repositories of an engine's targets and records which models are in memory.
type residency struct {
	engine *engine
	slots  chan struct{}
	polls  sync.WaitGroup

	mu      sync.Mutex
	pollers map[targetKey]*poller
}

// poller is one target's state. Its fields belong to the poll in progress; those under mu are for everybody.
type poller struct {
	due    time.Time
	models map[modelKey]*modelSeries

	mu      sync.Mutex
	busy    bool
	profile string
	failure string
}

func newResidency(e *engine) *residency {
	return &residency{engine: e, slots: make(chan struct{}, maxPolls), pollers: map[targetKey]*poller{}}
}

// run polls until the engine ends, and returns when the last poll has.
func (r *residency) run() {
	defer r.polls.Wait()
	for {
		active := r.engine.scraping.TargetsActive()
		r.engine.active.Store(&active)
		r.startDue(active)
		wait := residencyTick
		if interval := r.engine.scrapeInterval(); interval > 0 {
			wait = min(wait, interval/4)
		}
		select {
		case <-r.engine.ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

func (r *residency) startDue(active map[string][]*scrape.Target) {
	now := time.Now()
	seen := map[targetKey]bool{}
	builder := labels.NewBuilder(labels.EmptyLabels())
	for job, targets := range active {
		for _, t := range targets {
			set := t.Labels(builder)
			key := targetKey{job: job, instance: set.Get(model.InstanceLabel)}
			seen[key] = true
			p := r.poller(key)
			if now.Before(p.due) || !p.start() {
				continue
			}
			if !r.launch(p, func() { r.poll(p, t, set) }) {
				continue
			}
			p.due = now.Add(intervalOf(t, r.engine.current().settings.Interval))
		}
	}
	r.endUnseen(seen)
}

func (r *residency) poller(key targetKey) *poller {
	r.mu.Lock()
	defer r.mu.Unlock()
	p, known := r.pollers[key]
	if !known {
		p = &poller{}
		r.pollers[key] = p
	}
	return p
}

// endUnseen marks the series of targets that are no longer scraped as ended, and forgets them.
func (r *residency) endUnseen(seen map[targetKey]bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for key, p := range r.pollers {
		if seen[key] || !p.start() {
			continue
		}
		if r.launch(p, func() { r.end(p) }) {
			delete(r.pollers, key)
		}
	}
}

// launch runs work if a slot is free, else not at all. The poller must have been started.
func (r *residency) launch(p *poller, work func()) bool {
	select {
	case r.slots <- struct{}{}:
	default:
		p.stop()
		return false
	}
	r.polls.Go(func() {
		defer func() {
			p.stop()
			<-r.slots
		}()
		work()
	})
	return true
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

// poll asks one target's repository for its models and appends what it says. set are the target's labels.
func (r *residency) poll(p *poller, t *scrape.Target, set labels.Labels) {
	current := r.engine.current().settings
	configured := configuredTarget(current, t, set)
	profile := r.profileOf(p, configured.Profile, set)
	endpoint, has := Management{}, false
	if profile != "" && r.engine.options.Profiles != nil {
		endpoint, has = r.engine.options.Profiles.Management(profile)
	}
	if !has {
		r.end(p)
		p.report(r.engine, profile, set, nil)
		return
	}
	current.Timeout = min(current.Timeout, intervalOf(t, current.Interval))
	models, err := ask(r.engine.ctx, configured, current, endpoint)
	if r.engine.ctx.Err() != nil {
		return
	}
	if err == nil {
		err = checkLimits(models, current.Limits)
	}
	if err != nil {
		r.end(p)
	} else if appendErr := p.record(r.engine.ctx, r.engine.db, set, models, time.Now()); appendErr != nil {
		err = appendErr
	}
	p.report(r.engine, profile, set, err)
}

func ask(ctx context.Context, t settings.Target, s settings.Embedded, endpoint Management) ([]management.Model, error) {
	base, err := management.BaseURL(t, endpoint.Port)
	if err != nil {
		return nil, err
	}
	client, err := target.New(t, s)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	return management.New(client, base).Index(ctx)
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
	if err != nil || len(names) == 0 || r.engine.options.Profiles == nil {
		return detected
	}
	found := r.engine.options.Profiles.Detect(func(metric string) bool {
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
		e.logger.Debug("The model repository cannot be read", "target", set.Get(model.JobLabel), "reason", failure)
	}
}

// outcome is the profile in use and why the last poll failed, empty if it did not.
func (r *residency) outcome(key targetKey) (profile, failure string) {
	r.mu.Lock()
	p, known := r.pollers[key]
	r.mu.Unlock()
	if !known {
		return "", ""
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.profile, p.failure
}

func intervalOf(t *scrape.Target, otherwise time.Duration) time.Duration {
	interval, err := model.ParseDuration(t.GetValue(model.ScrapeIntervalLabel))
	if err != nil {
		return otherwise
	}
	return time.Duration(interval)
}
