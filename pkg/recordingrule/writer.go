package recordingrule

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/coldhit/modelserving-datasource/pkg/plan"
	"github.com/coldhit/modelserving-datasource/pkg/profile"
	"github.com/coldhit/modelserving-datasource/pkg/promql"
	"github.com/coldhit/modelserving-datasource/pkg/rulefile"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// Help is where docs/recording-rules.md is read.
const Help = "https://github.com/coldhit/modelserving-datasource/blob/main/docs/recording-rules.md"

const (
	// rankedOver is the window of the traffic that ranks models.
	rankedOver = time.Hour
	// rankingMetric names the series of the models with the most traffic, and whichRanking its label for the server.
	rankingMetric = "requests:topk_rate1h"
	whichRanking  = "server"
	// A gap in recorded series is bridged up to leastGap, or up to gapIntervals times their interval if that is longer.
	leastGap     = 2 * time.Minute
	gapIntervals = 4
)

// ErrNothingToRecord says that no rule can be written.
var ErrNothingToRecord = errors.New("these servers export no counter or histogram for these signals: choose other signals or profiles")

// Write writes recording rules as a rule file for Prometheus, Mimir, Thanos or vmalert: the rates of the counters and
// buckets that the chosen signals are made of, summed by environment, deployment, model and start, those of the models with the most traffic
// more often than the rest.
func Write(o Options, servers profile.Servers) ([]byte, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	// What the plugin polls itself is not in a Prometheus.
	servers.Profiles = servers.Profiles.Targets()
	w := writer{options: o, exists: servers.Exists, known: map[string]bool{}}
	families := RulesOf(servers.Profiles, o.Signals, servers.Exists)
	for _, p := range servers.Profiles {
		w.profile(p, families[p])
	}
	if len(w.names) == 0 {
		return nil, ErrNothingToRecord
	}
	w.starts()
	var out bytes.Buffer
	out.WriteString(w.header())
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(w.file); err != nil {
		return nil, fmt.Errorf("write the recording rules: %w", err)
	}
	return out.Bytes(), encoder.Close()
}

// writer collects the groups of a file.
type writer struct {
	options Options
	exists  func(metric string) bool
	file    rulefile.File
	// known are the names that are recorded already: two profiles may know the same series.
	known map[string]bool
	// names are the recordings whose start is recorded.
	names    []string
	profiles []string
}

// ruleSet are the rules for what is read together: for all models, for the top, and what longer windows are joined
// of. Where nothing is known of models, all is often recorded.
type ruleSet struct {
	all, top, anchored []rulefile.Rule
	often              bool
}

func (w *writer) profile(p *profile.Profile, families [][]Rule) {
	ranks := w.ranks(p)
	var groups []ruleSet
	for _, family := range families {
		for _, r := range w.rulesOf(p, family, ranks).chunks() {
			i := slices.IndexFunc(groups, r.fitsInto)
			if i < 0 {
				groups = append(groups, r)
				continue
			}
			into := &groups[i]
			into.all, into.top, into.anchored = append(into.all, r.all...), append(into.top, r.top...), append(into.anchored, r.anchored...)
		}
	}
	if len(groups) == 0 {
		return
	}
	w.profiles = append(w.profiles, p.Name)
	if ranks != nil {
		w.group("modelserving-"+p.ID+"-ranking", w.options.Interval, []rulefile.Rule{ranks.rule})
	}
	for i, g := range groups {
		name := fmt.Sprintf("modelserving-%s-%d", p.ID, i+1)
		interval := w.options.Interval
		if g.often {
			interval = w.options.TopInterval
		}
		w.group(name, interval, g.all)
		w.group(name+"-top", w.options.TopInterval, g.top)
		w.group(name+"-anchored", w.options.Interval, g.anchored)
	}
}

func (w *writer) group(name string, interval time.Duration, rules []rulefile.Rule) {
	if len(rules) > 0 {
		w.file.Groups = append(w.file.Groups, rulefile.Group{Name: name, Interval: durationText(interval), Rules: rules})
	}
}

func (r ruleSet) fitsInto(group ruleSet) bool {
	return group.often == r.often && len(group.all)+len(r.all) <= rulefile.MaxRules
}

// chunks are the rules in as few groups as they fit into. There are no more of the others than of those for all.
func (r ruleSet) chunks() []ruleSet {
	var out []ruleSet
	for some := range slices.Chunk(r.all, rulefile.MaxRules) {
		out = append(out, ruleSet{all: some, often: r.often})
	}
	for i, some := range slices.Collect(slices.Chunk(r.top, rulefile.MaxRules)) {
		out[i].top = some
	}
	for i, some := range slices.Collect(slices.Chunk(r.anchored, rulefile.MaxRules)) {
		out[i].anchored = some
	}
	return out
}

// rulesOf are the rules for what is read together.
func (w *writer) rulesOf(p *profile.Profile, family []Rule, ranks *ranking) ruleSet {
	out := ruleSet{often: true}
	window := w.options.Window
	for _, r := range family {
		name := r.Rate(window)
		if w.known[name] {
			continue
		}
		w.known[name] = true
		w.names = append(w.names, name)
		selected := plan.Select{Metric: r.Series, Layer: p.Layer}
		over := func(length time.Duration) string {
			return promql.Text(plan.Aggregate{Op: plan.Sum, By: r.Labels, Of: plan.Rate{Of: selected, Window: length}}, 0)
		}
		rates := over(window)
		out.all = append(out.all, rulefile.Rule{Record: name, Expr: rates})
		out.anchored = append(out.anchored, rulefile.Rule{Record: r.AnchoredRate(window), Expr: over(window + w.options.Scrape)})
		if r.Buckets {
			count := plan.Aggregate{Op: plan.Count, By: r.Labels, Of: plan.Last{Of: selected}}
			out.all = append(out.all, rulefile.Rule{Record: r.BucketCount(), Expr: promql.Text(count, 0)})
		}
		out.often = out.often && len(r.ModelLabels) == 0
		if ranks != nil && slices.Equal(ranks.by, r.ModelLabels) {
			out.top = append(out.top, rulefile.Rule{Record: r.TopRate(window), Expr: fmt.Sprintf("%s and on (%s) %s{%s=%q}",
				rates, strings.Join(ranks.by, ", "), ranks.rule.Record, whichRanking, p.ID)})
		}
	}
	return out
}

// ranking tells the models with the most traffic of a server, by labels.
type ranking struct {
	rule rulefile.Rule
	by   []string
}

// ranks is the rule that tells the models with the most traffic of a server; nil where nothing counts their traffic, or where all models are
// recorded as often as the top.
func (w *writer) ranks(p *profile.Profile) *ranking {
	traffic := p.Ranking(w.exists)
	if len(traffic.Of) == 0 || w.options.TopInterval == w.options.Interval {
		return nil
	}
	var terms []plan.Node
	for i, of := range traffic.Of {
		var rates plan.Node = plan.Aggregate{Op: plan.Sum, By: traffic.By, Of: plan.Rate{Of: of, Window: rankedOver}}
		if len(traffic.Of) > 1 {
			rates = plan.SetLabel{Of: rates, Label: "part", Value: strconv.Itoa(i + 1)} // of two counters of one model, both count
		}
		terms = append(terms, rates)
	}
	total := terms[0]
	if len(terms) > 1 {
		total = plan.Aggregate{Op: plan.Sum, By: traffic.By, Of: plan.Union{Of: terms}}
	}
	return &ranking{by: traffic.By, rule: rulefile.Rule{
		Record: "modelserving_" + strings.Join(traffic.By, "_") + ":" + rankingMetric,
		Expr:   fmt.Sprintf("topk(%d, %s)", w.options.TopN, promql.Text(total, 0)),
		Labels: map[string]string{whichRanking: p.ID},
	}}
}

// starts records since when each recording is written: a value goes on as long as it is renewed.
func (w *writer) starts() {
	slices.SortFunc(w.names, cmp.Compare)
	gap := durationText(max(leastGap, gapIntervals*w.options.Interval))
	n := 0
	for some := range slices.Chunk(w.names, rulefile.MaxRules) {
		n++
		var rules []rulefile.Rule
		for _, name := range some {
			rules = append(rules, rulefile.Rule{
				Record: StartTime, Labels: map[string]string{StartLabel: name},
				Expr: fmt.Sprintf("max(last_over_time(%s{%s=%q}[%s])) or vector(time())", StartTime, StartLabel, name, gap),
			})
		}
		w.group(fmt.Sprintf("modelserving-starts-%d", n), w.options.Interval, rules)
	}
}

// header says what the file is for.
func (w *writer) header() string {
	signals := make([]string, len(w.options.Signals))
	for i, s := range w.options.Signals {
		signals[i] = s.Name
	}
	var out strings.Builder
	for _, line := range []string{
		"Recording rules for Prometheus, Mimir, Thanos and vmalert, over what these servers report: " + strings.Join(w.profiles, ", ") + ".",
		"Signals: " + strings.Join(signals, ", ") + ".",
		fmt.Sprintf("Rates are over %s. The %d models with the most traffic of each server are recorded every %s, all of them every %s.",
			durationText(w.options.Window), w.options.TopN, durationText(w.options.TopInterval), durationText(w.options.Interval)),
		"Load the file unchanged. The data source detects the recorded series by their names, and their start by the groups named starts.",
		"Load it where all series are visible that the data source queries: " + Help,
	} {
		out.WriteString("# " + line + "\n")
	}
	return out.String()
}

// RecordableSignals are those of a catalogue that any of the servers answers by counters or histograms.
func RecordableSignals(catalogue signal.Catalogue, servers profile.Servers) []signal.Signal {
	targets := servers.Profiles.Targets()
	return slices.DeleteFunc(slices.Clone(catalogue), func(s signal.Signal) bool {
		return len(RulesOf(targets, []signal.Signal{s}, servers.Exists)) == 0
	})
}
