package remote

import (
	"context"
	"io"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"golang.org/x/sync/errgroup"

	"github.com/coldhit/modelserving-datasource/pkg/plan"
	"github.com/coldhit/modelserving-datasource/pkg/promql"
)

const (
	// maxAddressBytes is what selectors may take of an address: common servers and proxies read 8 kB of it.
	maxAddressBytes = 6 << 10
	// metricName is the label that holds a metric's name.
	metricName = "__name__"
)

// LabelValues lists the values of a label over the series that match any selection (all series if none), sorted, at most limit
// of them; limit 0 means all that the settings' limit of series lets through. Servers take the time range coarsely. Many
// selections are spread over several concurrent requests, because this part of the API has no POST.
func (c *Client) LabelValues(ctx context.Context, label string, of []plan.Select, start, end time.Time, limit int) ([]string, error) {
	server, err := c.Server(ctx)
	if err != nil {
		return nil, err
	}
	var keep func(string) bool
	selectors := make([]string, len(of))
	for i, s := range of {
		selectors[i] = promql.Selector(s)
	}
	if label == metricName && len(of) > 0 {
		if selectors, keep, err = nameSelectors(of, selectors, server.Features.NameExpressions); err != nil {
			return nil, err
		}
	}
	parameters := url.Values{"start": {seconds(start)}, "end": {seconds(end)}}
	if limit > 0 && server.Features.LimitedLabelValues && keep == nil {
		parameters.Set("limit", strconv.Itoa(limit))
	}
	requests := packed(selectors)
	found := make([][]string, len(requests))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(max(1, c.settings.MaxConcurrentQueries))
	for i, some := range requests {
		group.Go(func() (err error) {
			own := maps.Clone(parameters)
			if len(some) > 0 {
				own["match[]"] = some
			}
			found[i], err = c.valuesAtOnce(groupCtx, label, own)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, err
	}
	values := slices.Concat(found...)
	if keep != nil {
		values = slices.DeleteFunc(values, func(v string) bool { return !keep(v) })
	}
	slices.Sort(values)
	values = slices.Compact(values)
	if limit > 0 && len(values) > limit {
		values = values[:limit]
	}
	return values, nil
}

// nameSelectors are those that list metrics' names in one request, however many names there are, and a filter for the names that the
// server returns; nil if all are wanted.
func nameSelectors(of []plan.Select, selectors []string, expressions bool) (shorter []string, keep func(string) bool, err error) {
	if !expressions {
		keep, err = nameFilter(of)
		return nil, keep, err
	}
	shorter, err = inOneRequest(of, selectors)
	if err != nil || slices.Equal(shorter, selectors) {
		return selectors, nil, err
	}
	keep, err = nameFilter(of)
	return shorter, keep, err
}

// packed puts selectors together so that each group fits into an address. Without selectors there is one empty group.
func packed(selectors []string) [][]string {
	groups := [][]string{nil}
	size := 0
	for _, s := range selectors {
		own := sizeInAddress(s)
		if last := len(groups) - 1; size > 0 && size+own > maxAddressBytes {
			groups, size = append(groups, []string{s}), own
		} else {
			groups[last], size = append(groups[last], s), size+own
		}
	}
	return groups
}

// valuesAtOnce makes one request. The warnings that come with values say that there are more than the limit: that is what was
// asked for.
func (c *Client) valuesAtOnce(ctx context.Context, label string, parameters url.Values) (values []string, err error) {
	u := c.endpoint("label", model.EscapeName(label, model.ValueEncodingEscaping), "values")
	err = c.get(ctx, u, parameters, func(body io.Reader) error {
		d := &decoder{lexer: newLexer(body)}
		return d.envelope(func() error {
			return d.list(func() error {
				v, err := d.string()
				if err != nil {
					return err
				}
				if len(values) >= c.settings.ResponseLimits.Series {
					return &limitError{c.settings.ResponseLimits.Series, "values"}
				}
				values = append(values, strings.ToValidUTF8(v, "\uFFFD"))
				return nil
			})
		})
	})
	return values, err
}
