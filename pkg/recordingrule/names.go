// Package recordingrule has everything about recording rules: the names of recorded series, the file of rules and its options, what
// is in place at a server, and the pass that reads recorded series in place of metrics.
package recordingrule

import (
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/coldhit/modelserving-datasource/pkg/plan"
	"github.com/coldhit/modelserving-datasource/pkg/profile"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// Rule is what recording rules keep of a family of series.
//
// The names of its recorded series say which labels are kept, after the convention level:metric:operations. So what was recorded
// under other labels, for another mapping of them, has other names and is never read as this.
type Rule struct{ profile.Summable }

// The words of the names.
const (
	prefix            = "modelserving_"
	topOperation      = "topk_"
	anchoredOperation = "anchored_"
	rateOperation     = "rate"
	countOperation    = "count"
	namePattern       = prefix + "[^:]+:.+:((" + topOperation + "|" + anchoredOperation + ")?" + rateOperation + "[0-9a-z]+|" + countOperation + ")"
	counterSuffix     = "_total"
	levelSeparator    = ":"
	labelSeparator    = "_"
)

// RecordedSeries selects all recorded series, and no others.
var RecordedSeries = plan.Select{Matchers: []plan.Matcher{{Label: "__name__", Compare: plan.Match, Value: namePattern}}}

// StartTime is the series that has since when, in seconds since 1970, the recorded series of the name in its label StartLabel is
// written without a gap.
const (
	StartTime  = prefix + "recording:start_time_seconds:last"
	StartLabel = "recording"
)

// Rate names the rates over a window, of all series.
func (r Rule) Rate(window time.Duration) string {
	return r.name(rateOperation + durationText(window))
}

// TopRate names the rates over a window, of the models with the most traffic.
func (r Rule) TopRate(window time.Duration) string {
	return r.name(topOperation + rateOperation + durationText(window))
}

// AnchoredRate names rates over a window that can be added up to longer ones, of all series: each reaches back to the last sample
// before its window, as Prometheus's anchored range selectors do, so that what happens between two windows is in one of them.
func (r Rule) AnchoredRate(window time.Duration) string {
	return r.name(anchoredOperation + rateOperation + durationText(window))
}

// BucketCount names the count of buckets, by their bound.
func (r Rule) BucketCount() string { return r.name(countOperation) }

func (r Rule) name(operation string) string {
	metric := strings.ReplaceAll(strings.TrimSuffix(r.Series, counterSuffix), levelSeparator, labelSeparator)
	return prefix + strings.Join(r.Labels, labelSeparator) + levelSeparator + metric + levelSeparator + operation
}

func durationText(d time.Duration) string { return model.Duration(d).String() }

// WindowOf is the window of the rates in the name of recorded series; zero for other names.
func WindowOf(name string) time.Duration {
	operation := name[strings.LastIndex(name, levelSeparator)+1:]
	text, found := strings.CutPrefix(operation, rateOperation)
	if !found || !strings.HasPrefix(name, prefix) {
		return 0
	}
	window, err := model.ParseDuration(text)
	if err != nil {
		return 0
	}
	return time.Duration(window)
}

// RulesOf lists, for each profile, the rules that can be written of signals from series that exist. What one recipe reads together
// is in one list. Series of which two would have one name are left out.
func RulesOf(profiles profile.Set, signals []signal.Signal, exists func(metric string) bool) map[*profile.Profile][][]Rule {
	ambiguous := ambiguousNames(profiles)
	out := map[*profile.Profile][][]Rule{}
	for _, p := range profiles {
		for _, family := range p.Summable(signals, exists) {
			var rules []Rule
			for _, s := range family {
				if r := (Rule{s}); !ambiguous[r.BucketCount()] {
					rules = append(rules, r)
				}
			}
			if len(rules) > 0 {
				out[p] = append(out[p], rules)
			}
		}
	}
	return out
}

// ambiguousNames are the names that rules of different series would share.
func ambiguousNames(profiles profile.Set) map[string]bool {
	seriesOf, ambiguous := map[string]string{}, map[string]bool{}
	for _, p := range profiles {
		for _, family := range p.Summable(profiles.Catalogue(), profile.Always) {
			for _, s := range family {
				name := Rule{s}.BucketCount()
				other, taken := seriesOf[name]
				ambiguous[name] = ambiguous[name] || (taken && other != s.Series)
				seriesOf[name] = s.Series
			}
		}
	}
	return ambiguous
}

// Known are the rules that profiles could have, by the series that they are made of.
type Known map[string][]Rule

// KnownOf lists every rule that profiles could have.
func KnownOf(profiles profile.Set) Known {
	out := Known{}
	for _, families := range RulesOf(profiles, profiles.Catalogue(), profile.Always) {
		for _, family := range families {
			for _, r := range family {
				if !slices.ContainsFunc(out[r.Series], func(other Rule) bool { return r.Same(other.Summable) }) {
					out[r.Series] = append(out[r.Series], r)
				}
			}
		}
	}
	return out
}
