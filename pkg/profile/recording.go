package profile

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/coldhit/modelserving-datasource/pkg/plan"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// Recording is one family of a store's series that recording rules keep in fewer: the rates of counters, of classic
// histograms' buckets or of native histograms, summed over everything but some labels.
//
// Its names say which labels are kept, after the convention level:metric:operations. So what was recorded under other labels,
// for another mapping of them, has other names and is never read as this.
type Recording struct {
	// Series is the name of what is summed, as the store has it.
	Series string
	// Labels are those that are kept, by the store's names: of environment, deployment, model and start, of a request's status
	// and code, those by which recipes choose among a metric's series, and le of buckets.
	Labels []string
	// Ranked are the labels among them by which models are ranked; none where the series know no models.
	Ranked []string
	// Bucketed says that the series are a classic histogram's buckets.
	Bucketed bool

	metric string
}

// The words of recordings' names.
const (
	recordingPrefix   = "modelserving_"
	busiestOperation  = "topk_"
	jointOperation    = "joint_"
	rateOperation     = "rate"
	bucketsOperation  = "count"
	recordingsMatch   = recordingPrefix + "[^:]+:.+:((" + busiestOperation + "|" + jointOperation + ")?" + rateOperation + "[0-9a-z]+|" + bucketsOperation + ")"
	totalOfCounter    = "_total"
	levelSeparator    = ":"
	labelsInRecording = "_"
)

// RecordedSelection selects the series of all recordings, and no others.
var RecordedSelection = plan.Select{Matchers: []plan.Matcher{{Label: "__name__", Compare: plan.Match, Value: recordingsMatch}}}

// RecordingStart is the series that tells since when, in seconds since 1970, the recording of the name in its label
// RecordingLabel is written without a gap.
const (
	RecordingStart = recordingPrefix + "recording:start_time_seconds:last"
	RecordingLabel = "recording"
)

// Rate names the rates over a window, of all series.
func (r Recording) Rate(window time.Duration) string {
	return r.named(rateOperation + durationWord(window))
}

// Busiest names the rates over a window, of the busiest models.
func (r Recording) Busiest(window time.Duration) string {
	return r.named(busiestOperation + rateOperation + durationWord(window))
}

// Joint names rates over a window that are made to be joined to longer ones, of all series: each reaches back to the last
// sample before its window, so that what happens between two windows is in one of them.
func (r Recording) Joint(window time.Duration) string {
	return r.named(jointOperation + rateOperation + durationWord(window))
}

// Buckets names the count of buckets, by their bound.
func (r Recording) Buckets() string { return r.named(bucketsOperation) }

func (r Recording) named(operation string) string {
	return recordingPrefix + strings.Join(r.Labels, labelsInRecording) + levelSeparator +
		strings.ReplaceAll(r.metric, levelSeparator, labelsInRecording) + levelSeparator + operation
}

func durationWord(d time.Duration) string { return model.Duration(d).String() }

// WindowOfRecording is the window of the rates that a recording's name tells; zero for other names.
func WindowOfRecording(name string) time.Duration {
	operation := name[strings.LastIndex(name, levelSeparator)+1:]
	text, found := strings.CutPrefix(operation, rateOperation)
	if !found || !strings.HasPrefix(name, recordingPrefix) {
		return 0
	}
	window, err := model.ParseDuration(text)
	if err != nil {
		return 0
	}
	return time.Duration(window)
}

// recordedLabels are the project's labels that recordings keep. Versions and replicas are what they sum over.
var recordedLabels = []signal.Label{signal.Environment, signal.Deployment, signal.Model, signal.Start, signal.Status, signal.Code}

// Traffic is what ranks the models of a profile's servers: the counters, and the labels that are a model's.
type Traffic struct {
	Of []plan.Select
	By []string
}

// recordings lists what can be recorded of the signals that the profile answers from series that exist: of counters and
// histograms, whatever is read as a rate. What one recipe reads together is in one list, because it has to be recorded at the
// same moments.
func (p *Profile) recordings(signals []signal.Signal, exists func(metric string) bool) [][]Recording {
	var families families
	for _, s := range signals {
		for _, r := range p.Signals[s.Name] {
			families.add(p.recordingsOf(r, exists))
		}
	}
	if len(families.all) > 0 {
		families.add(p.recordingsOf(Recipe{Sum: p.RankBy}, exists)) // by which it is seen whether the recordings leave anybody out
	}
	return families.all
}

// recordingsOf lists what a recipe reads as rates.
func (p *Profile) recordingsOf(r Recipe, exists func(string) bool) []Recording {
	var out []Recording
	for _, t := range r.terms() {
		for _, name := range t.Metric {
			if p.Metrics[name].Type == Counter && exists(name) && r.CountSeries == nil {
				out = append(out, p.recording(name, name, nil))
			}
		}
	}
	for _, name := range r.Histogram {
		if exists(name) {
			out = append(out, p.recording(name, name, nil))
		}
		if !exists(name + "_bucket") {
			continue
		}
		buckets := p.recording(name, name+"_bucket", []string{bucketBound})
		buckets.Bucketed = true
		out = append(out, buckets, p.recording(name, name+"_count", nil))
		if !p.Metrics[name].FabricatedSum {
			out = append(out, p.recording(name, name+"_sum", nil))
		}
	}
	return out
}

func (p *Profile) recording(metric, series string, also []string) Recording {
	r := Recording{Series: series, metric: strings.TrimSuffix(series, totalOfCounter)}
	m := p.Metrics[metric]
	for _, l := range p.labelNames(m, nil, recordedLabels) {
		if l.server != "" {
			r.Labels = union(r.Labels, []string{l.server})
		}
	}
	if p.carries(m, signal.Model) {
		r.Ranked = p.rankedLabels(m)
	}
	r.Labels = union(union(r.Labels, p.chosenBy(metric)), also)
	return r
}

func (p *Profile) rankedLabels(m Metric) []string {
	return namesOnServer(p.labelNames(m, nil, []signal.Label{signal.Environment, signal.Deployment, signal.Model}))
}

// chosenBy lists the labels by which recipes choose among a metric's series.
func (p *Profile) chosenBy(metric string) []string {
	found := map[string]bool{}
	note := func(names Names, where map[string]Where) {
		if slices.Contains(names, metric) {
			for label := range where {
				found[label] = true
			}
		}
	}
	for _, t := range p.RankBy {
		note(t.Metric, t.Where)
	}
	for _, recipes := range p.Signals {
		for _, r := range recipes {
			note(r.Histogram, r.Where)
			for _, t := range r.terms() {
				note(t.Metric, t.Where)
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// Recordings lists, for each profile, what can be recorded of signals from series that exist. What one recipe reads together
// is in one list. Series of which two would have one name are left out.
func (s Set) Recordings(signals []signal.Signal, exists func(metric string) bool) map[*Profile][][]Recording {
	ambiguous := s.ambiguousRecordings()
	out := map[*Profile][][]Recording{}
	for _, p := range s {
		for _, family := range p.recordings(signals, exists) {
			family = slices.DeleteFunc(family, func(r Recording) bool { return ambiguous[r.Buckets()] })
			if len(family) > 0 {
				out[p] = append(out[p], family)
			}
		}
	}
	return out
}

// ambiguousRecordings are the names that recordings of different series would share.
func (s Set) ambiguousRecordings() map[string]bool {
	named, ambiguous := map[string]string{}, map[string]bool{}
	for _, p := range s {
		for _, family := range p.recordings(s.Catalogue(), always) {
			for _, r := range family {
				other, taken := named[r.Buckets()]
				ambiguous[r.Buckets()] = ambiguous[r.Buckets()] || (taken && other != r.Series)
				named[r.Buckets()] = r.Series
			}
		}
	}
	return ambiguous
}

func always(string) bool { return true }

// Ranking is what models are ranked by; it has no series where nothing that exists counts the traffic of models.
func (p *Profile) Ranking(exists func(metric string) bool) Traffic {
	var out Traffic
	for _, t := range p.RankBy {
		for _, name := range t.Metric {
			if m := p.Metrics[name]; exists(name) && m.Type == Counter && p.carries(m, signal.Model) {
				out.Of = append(out.Of, plan.Select{Metric: name, Matchers: conditions(t.Where), Layer: p.Layer})
				out.By = union(out.By, p.rankedLabels(m))
				break // of several names of one metric, the newest counts
			}
		}
	}
	return out
}

// families are recordings that are read together, each recording in one of them.
type families struct{ all [][]Recording }

// add makes one family of all those that the members are in, and of the members.
func (f *families) add(members []Recording) {
	if len(members) == 0 {
		return
	}
	var joined []Recording
	var apart [][]Recording
	for _, family := range f.all {
		if slices.ContainsFunc(family, func(r Recording) bool { return slices.ContainsFunc(members, r.same) }) {
			joined = append(joined, family...)
		} else {
			apart = append(apart, family)
		}
	}
	for _, m := range members {
		if !slices.ContainsFunc(joined, m.same) {
			joined = append(joined, m)
		}
	}
	f.all = append(apart, joined)
}

func (r Recording) same(other Recording) bool {
	return r.Series == other.Series && slices.Equal(r.Labels, other.Labels)
}
