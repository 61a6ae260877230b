package query

import (
	"context"
	"slices"
	"time"

	"github.com/coldhit/modelserving-datasource/pkg/objective"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// MaxLabelValues bounds a list of label values; no dropdown is usable beyond it.
const MaxLabelValues = 5000

// LabelValues lists a label's values, sorted, over every profile's series, at most one more than MaxLabelValues.
func (e *Evaluator) LabelValues(ctx context.Context, label signal.Label, filters map[signal.Label][]string, from, to time.Time) ([]string, error) {
	exists, err := e.Available(ctx, from, to)
	if err != nil {
		return nil, err
	}
	present := e.Profiles.Detect(exists)
	out := append([]string{}, present.SetValues(label)...)
	if label == signal.Objective {
		for _, o := range objective.Definitions {
			out = append(out, o.Name)
		}
	}
	for _, l := range present.Listing(label, filters) {
		found, err := e.Store.LabelValues(ctx, l.Label, l.Series, from, to, MaxLabelValues+1)
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	slices.Sort(out)
	out = slices.Compact(out)
	return slices.DeleteFunc(out[:min(len(out), MaxLabelValues+1)], func(v string) bool { return v == "" }), nil
}
