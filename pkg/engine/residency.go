package engine

import (
	"sync"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/scrape"

	"github.com/coldhit/modelserving-datasource/pkg/ingest"
	"github.com/coldhit/modelserving-datasource/pkg/management"
)

const (
	// residencyTick is how often due polls are looked for; intervals shorter than it are for tests.
	residencyTick = time.Second
	// maxPolls is how many management endpoints of one engine are asked at once.
	maxPolls = 16
)

// Profiles is what the engine needs to know of profiles.
type Profiles interface {
	// Management says where the profile's server tells of its models; false if it does not.
	Management(profileID string) (Management, bool)
	// Detect answers the profiles whose metrics are there, the likeliest first.
	Detect(has func(metric string) bool) []string
	// Fold is how the models of a page can be added up that these profiles' servers serve.
	Fold(profileIDs []string) ingest.Fold
}

// Management is where a server tells of its models, and how.
type Management struct {
	Protocol management.Protocol
	// Port is the default port of the endpoint, on the host of the metrics page.
	Port int
}

// targetKey tells targets apart as series do.
type targetKey struct{ job, instance string }

func (k targetKey) before(other targetKey) bool {
	return k.job < other.job || (k.job == other.job && k.instance < other.instance)
}

// residency polls the management endpoints of an engine's targets and records what they tell of models.
type residency struct {
	engine *engine
	slots  chan struct{}
	polls  sync.WaitGroup

	mu      sync.Mutex
	pollers map[targetKey]*poller
}

func newResidency(e *engine) *residency {
	return &residency{engine: e, slots: make(chan struct{}, maxPolls), pollers: map[targetKey]*poller{}}
}

// run polls until the engine ends, and returns when the last poll has.
func (r *residency) run() {
	defer r.closeClients()
	defer r.polls.Wait()
	for {
		active := r.engine.scraping.TargetsActive()
		r.engine.active.Store(&active)
		r.engine.addDiscoveredSecrets(active[fileDiscoveryJob])
		r.engine.scrapes.look(active)
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

func (r *residency) closeClients() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.pollers {
		p.closeClient()
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
			if !r.launch(p, func() { r.poll(key, p, t, set) }) {
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
		ended := r.launch(p, func() {
			p.closeClient()
			r.end(p)
		})
		if ended {
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

// claim says whether an endpoint, named by its protocol and address, is this target's to ask. Several targets may name one endpoint, as the
// nodes of a Ray cluster do; what it tells is recorded once, for the first of them.
func (r *residency) claim(key targetKey, p *poller, endpoint string) bool {
	p.mu.Lock()
	p.asked = endpoint
	p.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	for other, claimant := range r.pollers {
		if other.before(key) && claimant.asks(endpoint) {
			return false
		}
	}
	return true
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
