package query

import (
	"context"
	"slices"

	"github.com/coldhit/modelserving-datasource/pkg/analysis"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// enough leaves out what rests on fewer requests in the window than the query wants: of a handful of requests, one that fails
// makes a rate of errors that says nothing. By are the labels of the series. Those whose requests nothing counts stay.
func (r *signalRun) withMinimumRequests(ctx context.Context, in []analysis.Series, by []signal.Label) ([]analysis.Series, error) {
	if r.MinimumRequests <= 0 || len(in) == 0 {
		return in, nil
	}
	requests, _ := signal.Find("requests")
	counted := slices.DeleteFunc(slices.Clone(by), func(l signal.Label) bool { return !slices.Contains(requests.GroupBy, l) })
	rates, err := r.subquery(ctx, requests.Name, signal.Rate, counted, signal.Objective)
	if err != nil {
		return nil, err
	}
	window := r.query.Window
	if window == 0 {
		window = r.environ.Window
	}
	return analysis.WithoutRare(in, rates, counted, r.MinimumRequests/window.Seconds()), nil
}
