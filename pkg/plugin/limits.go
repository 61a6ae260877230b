package plugin

import (
	"context"
	"fmt"

	"github.com/coldhit/modelserving-datasource/pkg/ingest"
	"github.com/coldhit/modelserving-datasource/pkg/profile"
	"github.com/coldhit/modelserving-datasource/pkg/settings"
)

// checkLimits has sentences about limits that are reached or near.
func (d *Datasource) checkLimits(context.Context) healthPart {
	return healthPart{lines: describeLimits(d.engine.Limits())}
}

func describeLimits(s ingest.Status) []string {
	var out []string
	if s.Near {
		out = append(out, describeSeries(s))
	}
	for _, page := range s.Folded {
		text := fmt.Sprintf("Target %s: its page has %d samples and the limit is %d, so %d of its %d models, those with the least traffic, are stored together as model %q.",
			page.Job, page.Samples, page.Limit, page.Folded, page.Models, ingest.OtherModel)
		if page.Dropped > 0 {
			text += fmt.Sprintf(" %d samples of these models cannot be added up and are not stored.", page.Dropped)
		}
		out = append(out, text+" To store them by themselves, raise the limit of samples in the scrape limits.")
	}
	return out
}

func describeSeries(s ingest.Status) string {
	text := fmt.Sprintf("%d series are in memory, near the limit of %d.", s.Series, s.Limit)
	if s.Series >= s.Limit {
		text = fmt.Sprintf("The limit of %d series in memory is reached: samples of new series are not stored.", s.Limit)
	}
	if s.Biggest.Metric != "" {
		text += fmt.Sprintf(" The metric with most series is %.100s (%d)", s.Biggest.Metric, s.Biggest.Series)
		if s.Biggest.Label != "" {
			text += fmt.Sprintf(", the label with most values is %.60s (%d)", s.Biggest.Label, s.Biggest.Values)
		}
		text += "."
	}
	return text + " Let the server export fewer series, or raise the series limit."
}

// readableLimits are those of a page that is read: one that is too large may be reduced.
func readableLimits(l settings.ScrapeLimits) settings.ScrapeLimits {
	l.Samples *= ingest.MaxPageFactor
	return l
}

// tooLarge is a sentence if a target's page has more samples than the limit and its models cannot be added up; empty otherwise.
func (d *Datasource) tooLarge(f finding, profiles profile.Set) string {
	limit := d.settings.Embedded.ScrapeLimits.Samples
	if limit <= 0 || f.Samples <= limit {
		return ""
	}
	var fold ingest.Fold
	for _, p := range profiles {
		addFold(&fold, p)
	}
	if len(fold.ModelLabels) > 0 {
		return ""
	}
	return fmt.Sprintf("The page of %s has %d samples, more than the limit of %d, and its models cannot be added up. Raise the limit or let the "+
		"server export less.", f.URL, f.Samples, limit)
}
