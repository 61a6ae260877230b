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
)

const (
	// maxAddressBytes is what selectors may take of an address: common servers and proxies read 8 kB of it.
	maxAddressBytes = 6 << 10
	// metricName is the label that holds a metric's name.
	metricName = "__name__"
)

// LabelValues lists the values of a label over the series that match any selector (all series if none), sorted, at most limit
// of them; limit 0 means all that the settings' limit of series lets through. Servers take the time range coarsely. Many
// selectors are asked for in several requests, side by side: this part of the API knows no POST.
func (c *Client) LabelValues(ctx context.Context, label string, selectors []string, start, end time.Time, limit int) ([]string, error) {
	server, err := c.Server(ctx)
	if err != nil {
		return nil, err
	}
	var keep func(string) bool
	if label == metricName && len(selectors) > 0 {
		if selectors, keep, err = nameSelectors(selectors, server.Features.NameExpressions); err != nil {
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

// nameSelectors are those that a server is asked by for metrics' names, in one request however many names there are, and which of the
// names that it answers are wanted; nil if all are.
func nameSelectors(selectors []string, expressions bool) (asked []string, keep func(string) bool, err error) {
	if !expressions {
		keep, err = namesOf(selectors)
		return nil, keep, err
	}
	asked, err = inOneRequest(selectors)
	if err != nil || slices.Equal(asked, selectors) {
		return selectors, nil, err
	}
	keep, err = namesOf(selectors)
	return asked, keep, err
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
					return &tooMuch{c.settings.ResponseLimits.Series, "values"}
				}
				values = append(values, strings.ToValidUTF8(v, "\uFFFD"))
				return nil
			})
		})
	})
	return values, err
}
