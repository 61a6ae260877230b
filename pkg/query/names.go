package query

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/coldhit/modelserving-datasource/pkg/plan"
	"github.com/coldhit/modelserving-datasource/pkg/profile"
)

// metricName is the label that holds a metric's name.
const metricName = "__name__"

// namesInSelection keeps the text of a selection at some 4 kB.
const namesInSelection = 100

// KnownSeries selects every series that a profile knows, by several selections that are short enough for an address.
func KnownSeries(profiles profile.Set) []plan.Select {
	var out []plan.Select
	for names := range slices.Chunk(profiles.SeriesNames(), namesInSelection) {
		out = append(out, plan.Select{Matchers: []plan.Matcher{{Label: metricName, Compare: plan.Match, Value: strings.Join(names, "|")}}})
	}
	return out
}

// Available reports which of the profiles' metrics have samples in a range.
func (e *Evaluator) Available(ctx context.Context, from, to time.Time) (func(metric string) bool, error) {
	names, err := e.names(ctx, from, to)
	return inSorted(names), err
}

// names lists, sorted, the metrics that profiles know and the recorded series of them that have samples in a range.
func (e *Evaluator) names(ctx context.Context, from, to time.Time) ([]string, error) {
	return e.Store.LabelValues(ctx, metricName, append(KnownSeries(e.Profiles), e.Rules.Selections()...), from, to, 0)
}

func inSorted(sorted []string) func(string) bool {
	return func(name string) bool {
		_, found := slices.BinarySearch(sorted, name)
		return found
	}
}
