package engine

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/scrape"

	"github.com/coldhit/modelserving-datasource/pkg/ingest"
	"github.com/coldhit/modelserving-datasource/pkg/redact"
	"github.com/coldhit/modelserving-datasource/pkg/settings"
	"github.com/coldhit/modelserving-datasource/pkg/target"
)

// TargetStatus is what is known of one target. Nothing in it is a secret.
type TargetStatus struct {
	// ID is the configured target's, or file_discovery/<host:port> for a discovered one.
	ID  string
	URL string
	// Labels are those that its series carry: job, instance, environment, deployment.
	Labels map[string]string
	// Up says whether the last scrape succeeded. LastScrape is zero before the first one.
	Up           bool
	LastScrape   time.Time
	LastDuration time.Duration
	// LastError is a sentence; empty if the last scrape succeeded or there was none.
	LastError string
	// NotStored is a sentence about why samples of the last scrapes were not stored; empty if they were.
	NotStored string
	// Samples is how many samples the last scrape had.
	Samples int
	// Profile is the configured or detected profile; empty if none was detected yet.
	Profile string
	// ManagementError says what the management endpoint did not tell and why; empty if it told all or is not asked.
	ManagementError string
}

// targets lists the configured targets in their order, then the discovered ones.
func (e *engine) targets(ctx context.Context) ([]TargetStatus, error) {
	samples, err := e.samplesScraped(ctx)
	if err != nil {
		return nil, err
	}
	stored, now := e.db.Status(), time.Now()
	current := e.current().settings
	active := e.activeTargets()
	statuses := make([]TargetStatus, 0, len(current.Targets)+len(active[fileDiscoveryJob]))
	for _, t := range current.Targets {
		if scraped := active[t.ID]; len(scraped) > 0 {
			status := e.status(scraped[0], t, current, samples)
			status.NotStored = stored.Of(status.Labels[model.JobLabel], now)
			statuses = append(statuses, status)
			continue
		}
		u, err := target.ParseURL(t.URL)
		if err != nil {
			return nil, fmt.Errorf("target %s: %w", t.ID, err)
		}
		waiting := TargetStatus{ID: t.ID, URL: redact.URL(u), Profile: t.Profile, Labels: map[string]string{model.JobLabel: t.ID}}
		for name, value := range targetLabels(t, u) {
			waiting.Labels[string(name)] = string(value)
		}
		statuses = append(statuses, waiting)
	}
	if current.FileDiscovery {
		builder := labels.NewBuilder(labels.EmptyLabels())
		for _, scraped := range active[fileDiscoveryJob] {
			t := configuredTarget(current, scraped, scraped.Labels(builder))
			status := e.status(scraped, t, current, samples)
			status.NotStored = stored.Of(status.Labels[model.JobLabel], now)
			status.ID = fileDiscoveryJob + "/" + status.Labels[model.InstanceLabel]
			statuses = append(statuses, status)
		}
	}
	return statuses, nil
}

func (e *engine) status(scraped *scrape.Target, t settings.Target, s settings.Embedded, samples map[targetKey]int) TargetStatus {
	set := scraped.Labels(labels.NewBuilder(labels.EmptyLabels()))
	key := targetKey{job: set.Get(model.JobLabel), instance: set.Get(model.InstanceLabel)}
	status := TargetStatus{
		ID:           t.ID,
		URL:          redact.URL(scraped.URL()),
		Labels:       set.Map(),
		Up:           scraped.Health() == scrape.HealthGood,
		LastScrape:   scraped.LastScrape(),
		LastDuration: scraped.LastScrapeDuration(),
		Samples:      samples[key],
		Profile:      t.Profile,
	}
	if err := scraped.LastError(); err != nil {
		status.LastError = explainScrape(err, scraped.URL(), t, s, e.redactor())
		status.Samples = 0
	}
	detected, failure := e.residency.outcome(key)
	if status.Profile == "" {
		status.Profile = detected
	}
	status.ManagementError = failure
	return status
}

func (e *engine) samplesScraped(ctx context.Context) (map[targetKey]int, error) {
	answer, err := e.instantQuery(ctx, "scrape_samples_scraped", time.Now())
	if err != nil {
		return nil, fmt.Errorf("read how many samples were scraped: %w", err)
	}
	samples := make(map[targetKey]int, len(answer.Series))
	for _, s := range answer.Series {
		key := targetKey{job: s.Labels[model.JobLabel], instance: s.Labels[model.InstanceLabel]}
		samples[key] = int(s.Values[0])
	}
	return samples, nil
}

// The scrape package has no types for these; its words are part of the pinned version and held by a test.
var (
	scrapeStatus = regexp.MustCompile(`^server returned HTTP status (\d{3})`)
	scrapeLimits = []struct {
		words, reason string
		limit         func(settings.ScrapeLimits) int
	}{
		{"label_limit exceeded", "a series has more than the limit of %d labels", func(l settings.ScrapeLimits) int { return l.Labels }},
		{"label_name_length_limit exceeded", "a label name is longer than the limit of %d bytes",
			func(l settings.ScrapeLimits) int { return l.LabelNameLength }},
		{"label_value_length_limit exceeded", "a label value is longer than the limit of %d bytes",
			func(l settings.ScrapeLimits) int { return l.LabelValueLength }},
	}
)

// explainScrape is a sentence for why a scrape failed.
func explainScrape(err error, u *url.URL, t settings.Target, s settings.Embedded, secrets *redact.Redactor) string {
	interval := t.Interval
	if interval == 0 {
		interval = s.Interval
	}
	subject := target.Subject{URL: u, KeySet: t.APIKey != "", Timeout: min(s.ScrapeTimeout, interval), Secrets: secrets}
	text := err.Error()
	var network *url.Error
	if errors.As(err, &network) {
		return subject.Explain(err).Sentence
	}
	if found := scrapeStatus.FindStringSubmatch(text); found != nil {
		if status, err := strconv.Atoi(found[1]); err == nil {
			return subject.ExplainStatus(status).Sentence
		}
	}
	var page *ingest.PageError
	if errors.As(err, &page) {
		return redact.URL(u) + ": " + page.Text
	}
	if strings.Contains(text, "body size limit exceeded") {
		return subject.TooLarge(s.ScrapeLimits.BodyBytes).Sentence
	}
	for _, over := range scrapeLimits {
		if strings.Contains(text, over.words) {
			return fmt.Sprintf("The page of %s was not taken: "+over.reason+".", redact.URL(u), over.limit(s.ScrapeLimits))
		}
	}
	return subject.ExplainReading(err).Sentence
}
