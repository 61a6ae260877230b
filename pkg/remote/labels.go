package remote

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
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
	keep := func(string) bool { return true }
	if label == metricName && !server.Features.NameExpressions && len(selectors) > 0 {
		if keep, err = namesOf(selectors); err != nil {
			return nil, err
		}
		selectors = nil
	}
	parameters := url.Values{"start": {seconds(start)}, "end": {seconds(end)}}
	if limit > 0 && server.Features.LimitedLabelValues && selectors != nil {
		parameters.Set("limit", strconv.Itoa(limit))
	}
	requests := packed(selectors)
	found := make([][]string, len(requests))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(max(1, c.settings.Parallel))
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
	values := slices.DeleteFunc(slices.Concat(found...), func(v string) bool { return !keep(v) })
	slices.Sort(values)
	values = slices.Compact(values)
	if limit > 0 && len(values) > limit {
		values = values[:limit]
	}
	return values, nil
}

// packed puts selectors together so that each group fits into an address. Without selectors there is one empty group.
func packed(selectors []string) [][]string {
	groups := [][]string{nil}
	size := 0
	for _, s := range selectors {
		own := len(url.QueryEscape(s)) + len("&match%5B%5D=")
		if last := len(groups) - 1; size > 0 && size+own > maxAddressBytes {
			groups, size = append(groups, []string{s}), own
		} else {
			groups[last], size = append(groups[last], s), size+own
		}
	}
	return groups
}

// namesOf tells the metrics' names that selectors by name alone mean, for servers that know no expressions there.
func namesOf(selectors []string) (func(name string) bool, error) {
	p := parser.NewParser(parser.Options{})
	var sets [][]*labels.Matcher
	for _, s := range selectors {
		matchers, err := p.ParseMetricSelector(s)
		if err != nil {
			return nil, fmt.Errorf("the selector %s cannot be read: %w", s, err)
		}
		for _, m := range matchers {
			if m.Name != metricName {
				return nil, &Error{Problem: Unsupported, Sentence: "This server lists metrics' names only for selectors by name; " + s + " has the label " + m.Name + "."}
			}
		}
		sets = append(sets, matchers)
	}
	return func(name string) bool {
		return slices.ContainsFunc(sets, func(set []*labels.Matcher) bool {
			return !slices.ContainsFunc(set, func(m *labels.Matcher) bool { return !m.Matches(name) })
		})
	}, nil
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
				if len(values) >= c.settings.Limits.Series {
					return &tooMuch{c.settings.Limits.Series, "values"}
				}
				values = append(values, strings.ToValidUTF8(v, "\uFFFD"))
				return nil
			})
		})
	})
	return values, err
}
