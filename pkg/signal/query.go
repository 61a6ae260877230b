package signal

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Query is a query for one signal.
type Query struct {
	Signal     Signal
	Statistics []Statistic
	GroupBy    []Label
	// Filters keep the series whose label has one of the values.
	Filters map[Label][]string
	// Limit keeps that many groups, those with the most traffic; 0 keeps all. Others adds the sum of the rest.
	Limit  int
	Others bool
	// Window is what rates and ratios are taken over; 0 for the rate interval.
	Window time.Duration
}

// MaxLimit bounds how many groups one query may return.
const MaxLimit = 1000

// NewQuery checks the words of a query and fills its defaults in. Its errors are sentences for users.
func (c Catalogue) NewQuery(name string, statistics, groupBy []string, filters map[string][]string, limit int, others bool, window time.Duration) (Query, error) {
	s, ok := c.Find(name)
	if !ok {
		all := names(c, func(s Signal) string { return s.Name })
		if closest, found := Closest(name, all); found {
			return Query{}, fmt.Errorf("there is no signal %q: did you mean %s? Choose one of: %s", name, closest, strings.Join(all, ", "))
		}
		return Query{}, fmt.Errorf("there is no signal %q: choose one of: %s", name, strings.Join(all, ", "))
	}
	q := Query{Signal: s, Limit: limit, Others: others, Window: window, Filters: map[Label][]string{}}
	for _, st := range statistics {
		if !s.Has(Statistic(st)) {
			return Query{}, fmt.Errorf("signal %q has no statistic %q: choose one of: %s", name, st, strings.Join(names(s.Statistics(), func(s Statistic) string { return string(s) }), ", "))
		}
		if !slices.Contains(q.Statistics, Statistic(st)) {
			q.Statistics = append(q.Statistics, Statistic(st))
		}
	}
	if len(q.Statistics) == 0 {
		q.Statistics = s.DefaultStatistics()
	}
	for _, g := range groupBy {
		if !slices.Contains(s.GroupBy, Label(g)) {
			return Query{}, fmt.Errorf("signal %q cannot be grouped by %q: choose one of: %s", name, g, strings.Join(names(s.GroupBy, func(l Label) string { return string(l) }), ", "))
		}
		if !slices.Contains(q.GroupBy, Label(g)) {
			q.GroupBy = append(q.GroupBy, Label(g))
		}
	}
	parsed, err := NewFilters(filters)
	if err != nil {
		return Query{}, err
	}
	q.Filters = parsed
	if limit < 0 || limit > MaxLimit {
		return Query{}, fmt.Errorf("the limit %d is not between 0 (the default) and %d", limit, MaxLimit)
	}
	if window < 0 {
		return Query{}, fmt.Errorf("the window %s is negative: enter a positive duration", window)
	}
	return q, nil
}

// Bounds of filters. A list of values in an editor has no more values.
const (
	maxFilters, maxFilterValues = 32, 5000
	maxFilterValueBytes         = 1024
)

// CheckFilters returns an error for filters with more, or longer, values than any list offers.
func CheckFilters(filters map[string][]string) error {
	if len(filters) > maxFilters {
		return fmt.Errorf("the query filters by %d labels and %d are allowed", len(filters), maxFilters)
	}
	all := 0
	for label, values := range filters {
		if len(label) > maxFilterValueBytes {
			return fmt.Errorf("the name of a label to filter by has %d bytes and %d are allowed", len(label), maxFilterValueBytes)
		}
		if all += len(values); all > maxFilterValues {
			return fmt.Errorf("the filters have more than %d values: choose fewer, or none for all", maxFilterValues)
		}
		for _, value := range values {
			if len(value) > maxFilterValueBytes {
				return fmt.Errorf("a value of the filter %s has %d bytes and %d are allowed", label, len(value), maxFilterValueBytes)
			}
		}
	}
	return nil
}

// NewFilters checks the labels of filters. A label without values filters nothing.
func NewFilters(filters map[string][]string) (map[Label][]string, error) {
	if err := CheckFilters(filters); err != nil {
		return nil, err
	}
	parsed := map[Label][]string{}
	for label, values := range filters {
		if !slices.Contains(Labels, Label(label)) {
			return nil, fmt.Errorf("there is no label %q to filter by: choose one of: %s", label, strings.Join(names(Labels, func(l Label) string { return string(l) }), ", "))
		}
		if len(values) > 0 {
			parsed[Label(label)] = values
		}
	}
	return parsed, nil
}

func names[T any](of []T, name func(T) string) []string {
	out := make([]string, len(of))
	for i, v := range of {
		out[i] = name(v)
	}
	return out
}
