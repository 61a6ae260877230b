package plugin

import (
	"context"
	"slices"
	"time"

	"github.com/coldhit/modelserving-datasource/pkg/promql"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// values lists a label's values, sorted, over every profile's series, at most one more than maxValues.
func (d *Datasource) values(ctx context.Context, label signal.Label, filters map[signal.Label][]string, from, to time.Time) ([]string, error) {
	exists, err := d.metrics(ctx, from, to)
	if err != nil {
		return nil, err
	}
	present := d.profiles.Detect(exists)
	out := append([]string{}, present.Given(label)...)
	if label == signal.Objective {
		for _, o := range objectives {
			out = append(out, o.name)
		}
	}
	for _, l := range present.Listing(label, filters) {
		selectors := make([]string, len(l.Series))
		for i, s := range l.Series {
			selectors[i] = promql.Selector(s)
		}
		found, err := d.store.LabelValues(ctx, l.Label, selectors, from, to, maxValues+1)
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	slices.Sort(out)
	out = slices.Compact(out)
	return slices.DeleteFunc(out[:min(len(out), maxValues+1)], func(v string) bool { return v == "" }), nil
}
