package plugin

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/coldhit/modelserving-datasource/pkg/executor"
	"github.com/coldhit/modelserving-datasource/pkg/plan"
	"github.com/coldhit/modelserving-datasource/pkg/profile"
	"github.com/coldhit/modelserving-datasource/pkg/target"
)

const (
	// maxCheckedNames and maxCheckedValues are how many names of metrics and values of a label a check of a profile reads from the
	// store, and sampledSeries how many series it reads for the names of labels.
	maxCheckedNames, maxCheckedValues, sampledSeries = 5000, 1000, 20
)

// ownProfiles are the user's own.
func (d *Datasource) ownProfiles() profile.Set {
	return slices.DeleteFunc(slices.Clone(d.Profiles), func(p *profile.Profile) bool { return !p.Own })
}

// inventoryOf is what a metrics page has.
func inventoryOf(page target.Page) profile.Inventory {
	series, declared := page.Contents()
	types := map[string]profile.Type{}
	for name, kind := range declared {
		types[name] = profile.Type(kind)
	}
	return profile.Inventory{Series: series, Types: types}
}

// checkProfiles lists, a sentence each, what the user's own profiles name and nothing has: neither the pages that a profile fits,
// taken together, nor the store. Unread says that some pages could not be read, so that a profile may fit those.
func (d *Datasource) checkProfiles(ctx context.Context, pages []profile.Inventory, unread bool) ([]string, error) {
	var out []string
	for _, p := range d.ownProfiles() {
		fitting := slices.DeleteFunc(slices.Clone(pages), func(page profile.Inventory) bool { return !p.Has(page.Has) })
		if len(fitting) > 0 && len(p.Missing(profile.Merged(fitting...))) == 0 {
			continue
		}
		stored, err := d.storedInventory(ctx, p)
		if err != nil {
			return nil, fmt.Errorf("check the profile %s: %w", p.ID, err)
		}
		switch {
		case len(fitting) > 0:
			out = append(out, p.Missing(profile.Merged(append(fitting, stored)...))...)
		case p.Has(stored.Has):
			out = append(out, p.Missing(stored)...)
		case !unread:
			out = append(out, p.Undetected(profile.Merged(append(slices.Clone(pages), stored)...)))
		}
	}
	return out, nil
}

// storedInventory is what the store had in the last hour of the metrics that a profile names, and the names of similar ones.
func (d *Datasource) storedInventory(ctx context.Context, p *profile.Profile) (profile.Inventory, error) {
	now := time.Now()
	values := func(ctx context.Context, label string, of plan.Select, limit int) ([]string, error) {
		return d.Store.LabelValues(ctx, label, []plan.Select{of}, now.Add(-recentTime), now, limit)
	}
	inventory := profile.Inventory{Series: map[string]map[string][]string{}, Native: true}
	names, err := values(ctx, "__name__", similarNames(p), maxCheckedNames)
	if err != nil {
		return inventory, err
	}
	for _, name := range names {
		inventory.Series[name] = map[string][]string{}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(labelConcurrency)
	for _, reference := range p.References() {
		labels, there := inventory.Series[reference.Metric]
		if !there {
			continue
		}
		group.Go(func() error {
			found := map[string][]string{}
			for _, label := range reference.Labels {
				of, err := values(ctx, label, plan.Select{Metric: reference.Metric}, maxCheckedValues)
				if err != nil {
					return err
				}
				if of = slices.DeleteFunc(of, func(v string) bool { return v == "" }); len(of) > 0 {
					found[label] = of
				}
			}
			if len(found) < len(reference.Labels) {
				if err := d.addSampledLabels(ctx, reference.Metric, now, found); err != nil {
					return err
				}
			}
			maps.Copy(labels, found)
			return nil
		})
	}
	return inventory, group.Wait()
}

// addSampledLabels adds the labels of some of a metric's series, to suggest one where a profile names a label that is not there.
func (d *Datasource) addSampledLabels(ctx context.Context, metric string, at time.Time, found map[string][]string) error {
	answer, err := d.Store.Instant(ctx, plan.Highest{K: sampledSeries, Of: plan.Last{Of: plan.Select{Metric: metric}}}, executor.Instant{At: at})
	if err != nil {
		return err
	}
	for _, s := range answer.Series {
		for label, value := range s.Labels {
			if label != "__name__" && !slices.Contains(found[label], value) {
				found[label] = append(found[label], value)
			}
		}
	}
	return nil
}

// similarNames selects the series whose names begin with the first word of a metric of the profile.
func similarNames(p *profile.Profile) plan.Select {
	words := map[string]struct{}{}
	for name := range p.Metrics {
		words[firstWord(name)] = struct{}{}
	}
	pattern := "(?:" + strings.Join(slices.Sorted(maps.Keys(words)), "|") + ").*"
	return plan.Select{Matchers: []plan.Matcher{{Label: "__name__", Compare: plan.Match, Value: pattern}}}
}

// firstWord is what a metric's name begins with, up to the first _ or : that is not its first letter.
func firstWord(name string) string {
	if i := strings.IndexAny(name[1:], "_:"); i >= 0 {
		return name[:i+1]
	}
	return name
}
