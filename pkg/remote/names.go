package remote

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/grafana/regexp"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/coldhit/modelserving-datasource/pkg/plan"
	"github.com/coldhit/modelserving-datasource/pkg/promql"
)

// nameFilter reports which metrics' names selections by name alone mean, for servers that know no expressions there, and for those
// that return more names than are wanted.
func nameFilter(of []plan.Select) (func(name string) bool, error) {
	sets, err := matcherSets(of)
	if err != nil {
		return nil, err
	}
	for i, set := range sets {
		for _, m := range set {
			if m.Name != metricName {
				return nil, &Error{Problem: Unsupported, Sentence: "This server lists metrics' names only for selectors by name; " + promql.Selector(of[i]) + " has the label " + m.Name + "."}
			}
		}
	}
	return func(name string) bool {
		return slices.ContainsFunc(sets, func(set []*labels.Matcher) bool {
			return !slices.ContainsFunc(set, func(m *labels.Matcher) bool { return !m.Matches(name) })
		})
	}, nil
}

func matcherSets(of []plan.Select) (sets [][]*labels.Matcher, err error) {
	for _, s := range of {
		matchers, err := promql.Matchers(s)
		if err != nil {
			return nil, err
		}
		sets = append(sets, matchers)
	}
	return sets, nil
}

// inOneRequest makes of selections that list names, too many for one address, one selector by their beginnings. It may let more
// names through. Selections of any other kind stay as they are.
func inOneRequest(of []plan.Select, selectors []string) ([]string, error) {
	if len(packed(selectors)) == 1 {
		return selectors, nil
	}
	sets, err := matcherSets(of)
	if err != nil {
		return nil, err
	}
	var names, others []string
	left := maxAddressBytes
	for i, set := range sets {
		if len(set) == 1 && set[0].Name == metricName && len(set[0].SetMatches()) > 0 {
			names = append(names, set[0].SetMatches()...)
			continue
		}
		others = append(others, selectors[i])
		left -= sizeInAddress(selectors[i])
	}
	for length := longestName(names); length > 0; length-- {
		if selector := beginningWith(names, length); sizeInAddress(selector) <= left {
			return append(others, selector), nil
		}
	}
	return selectors, nil
}

func longestName(names []string) (longest int) {
	for _, name := range names {
		longest = max(longest, len(name))
	}
	return longest
}

// beginningWith selects the names, of longer ones all that begin with as many characters.
func beginningWith(names []string, length int) string {
	var parts []string
	for _, name := range names {
		if len(name) <= length {
			parts = append(parts, regexp.QuoteMeta(name))
		} else {
			parts = append(parts, regexp.QuoteMeta(name[:length])+".*")
		}
	}
	slices.Sort(parts)
	return fmt.Sprintf("{__name__=~%q}", strings.Join(slices.Compact(parts), "|"))
}

func sizeInAddress(selector string) int { return len(url.QueryEscape(selector)) + len("&match%5B%5D=") }
