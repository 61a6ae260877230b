// Package frames writes answers as Grafana's data frames, following the dataplane contract.
package frames

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/coldhit/modelserving-datasource/pkg/analysis"
	"github.com/coldhit/modelserving-datasource/pkg/distribution"
	"github.com/coldhit/modelserving-datasource/pkg/series"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// StatisticLabel tells series of different statistics apart.
const StatisticLabel = "statistic"

// OthersValue is the model's name on the series that stands for all models beyond a query's limit.
const OthersValue = "others"

// Result is what a query's frames are made of.
type Result struct {
	Signal signal.Signal
	Series []analysis.Series
	// Legend is a name with {{label}} in it, or empty for one made of the labels.
	Legend string
	// Step is the distance of the points of a range; zero where each series is one number.
	Step time.Duration
	// Rows is set for a panel that draws a row for each series over time: an answer without data has one that says so.
	Rows    bool
	Notices []data.Notice
	// Executed is what was run, as the user may read it.
	Executed string
}

// Custom is what the project's frames carry beside what Grafana knows.
type Custom struct {
	Provenance []series.Provenance `json:"provenance"`
	// Bucket is the histogram's bucket that the newest value, a quantile, fell into, in the signal's unit.
	Bucket *Bucket `json:"bucket,omitempty"`
	// Interval is how far the newest value may be off, where it is an estimate or a bound.
	Interval *Interval `json:"interval,omitempty"`
}

// Interval has the bounds of a value that nothing counts, and what the value is: "estimated" lies between them, and "at least"
// and "at most" are a bound themselves.
type Interval struct {
	Bound distribution.Bound `json:"bound"`
	Lower float64            `json:"lower"`
	Upper float64            `json:"upper"`
}

func intervalOf(i *analysis.Interval) *Interval {
	if i == nil {
		return nil
	}
	return &Interval{Bound: i.Bound, Lower: i.Lower, Upper: i.Upper}
}

// Bucket has the bounds that a value is certain to lie between. Saturated ones are open: there is no upper bound.
type Bucket struct {
	Lower     *float64 `json:"lower"`
	Upper     *float64 `json:"upper"`
	Saturated bool     `json:"saturated"`
}

func bucketOf(e *distribution.Estimate) *Bucket {
	if e == nil {
		return nil
	}
	return &Bucket{Lower: finite(e.Lower), Upper: finite(e.Upper), Saturated: e.Saturated()}
}

// finite is a number as JSON can hold it.
func finite(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}

var typeVersion = data.FrameTypeVersion{0, 1}

// Of writes an answer as frames: one a series, or a single one without fields where there is none. Each says what was run for
// it; the first one says everything that was run, and has the notices.
func Of(a Result) data.Frames {
	kind := data.FrameTypeTimeSeriesMulti
	if a.Step == 0 {
		kind = data.FrameTypeNumericMulti
	}
	if len(a.Series) == 0 {
		f := Empty(kind, a.Executed, a.Notices)
		if a.Rows && a.Step > 0 {
			f.Fields = emptyRow(a.Step)
		}
		return data.Frames{f}
	}
	several := statistics(a.Series) > 1
	out := make(data.Frames, 0, len(a.Series))
	for _, s := range a.Series {
		f := data.NewFrame("", a.fields(s, several)...).SetMeta(meta(kind))
		if len(s.Provenance) > 0 {
			f.Meta.Custom = Custom{Provenance: s.Provenance, Bucket: bucketOf(s.Newest), Interval: intervalOf(s.Interval)}
		}
		f.Meta.ExecutedQueryString = cut(s.Executed, MaxSeriesExecuted)
		out = append(out, f)
	}
	out[0].Meta.Notices = a.Notices
	out[0].Meta.ExecutedQueryString = cut(a.Executed, maxExecuted)
	return out
}

// maxExecuted bounds what the query inspector shows of a response. Only filters of very many values are longer.
const maxExecuted = 256 << 10

// MaxSeriesExecuted bounds what it shows of each series, of which there may be a thousand.
const MaxSeriesExecuted = 16 << 10

// cut shortens a text to about so many bytes, between two characters, and says so.
func cut(text string, longest int) string {
	if len(text) <= longest {
		return text
	}
	return fmt.Sprintf("%s\n# … and %d bytes more, not shown", strings.ToValidUTF8(text[:longest], ""), len(text)-longest)
}

// Empty is the frame of an answer without data: typed, without fields.
func Empty(kind data.FrameType, executed string, notices []data.Notice) *data.Frame {
	f := data.NewFrame("").SetMeta(meta(kind))
	f.Meta.Notices = notices
	f.Meta.ExecutedQueryString = cut(executed, maxExecuted)
	return f
}

// emptyRow is a row without values whose name says that there are none. Of a frame without fields Grafana's status history says
// that it lacks a time field, as if something were broken.
func emptyRow(step time.Duration) []*data.Field {
	value := data.NewField("Value", nil, []float64{})
	value.Config = &data.FieldConfig{DisplayNameFromDS: "No data"}
	return withTime(series.Series{}, step, value)
}

func meta(kind data.FrameType) *data.FrameMeta {
	return &data.FrameMeta{Type: kind, TypeVersion: typeVersion}
}

func (a Result) fields(s analysis.Series, several bool) []*data.Field {
	labels := data.Labels{StatisticLabel: string(s.Statistic)}
	for k, v := range s.Labels {
		labels[k] = v
	}
	if s.Others {
		labels[string(signal.Model)] = OthersValue
	}
	value := data.NewField(a.Signal.Name, labels, s.Values)
	value.Config = &data.FieldConfig{
		DisplayNameFromDS: a.name(labels, several),
		Description:       a.Signal.Description,
		Unit:              a.Signal.GrafanaUnit(),
	}
	return withTime(s.Series, a.Step, value)
}

// name is the legend's text: the user's own, or the values of the labels and, where there are several, the statistic. A series of
// neither is named after the signal or, beside others that have labels, which would make it read as their total, by what it lacks.
func (a Result) name(labels data.Labels, several bool) string {
	if a.Legend != "" {
		return fill(a.Legend, labels)
	}
	var parts []string
	for _, l := range signal.Labels {
		v := labels[string(l)]
		if l == signal.GPU {
			v = shortGPU.ReplaceAllString(v, "$1")
		}
		if v != "" {
			parts = append(parts, v)
		}
	}
	if several {
		parts = append(parts, labels[StatisticLabel])
	}
	if len(parts) > 0 {
		return strings.Join(parts, " · ")
	}
	if reported := a.reportedLabels(); len(reported) > 0 {
		return strings.Join(reported, ", ") + " not reported"
	}
	return a.Signal.Title
}

// reportedLabels are the labels that any series has.
func (a Result) reportedLabels() []string {
	var out []string
	for _, l := range signal.Labels {
		if slices.ContainsFunc(a.Series, func(s analysis.Series) bool { return s.Labels[string(l)] != "" }) {
			out = append(out, string(l))
		}
	}
	return out
}

// shortGPU cuts the ids that NVIDIA's driver gives GPUs and their slices: the beginning tells those of one host apart.
var shortGPU = regexp.MustCompile(`^((?:GPU|MIG)-[0-9a-f]{8})-[0-9a-f-]+$`)

// fill puts labels into a legend. Where one is empty, no space is left in its place.
func fill(legend string, labels data.Labels) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(legend, "{{")
		b.WriteString(before)
		if !found {
			return strings.Join(strings.Fields(b.String()), " ")
		}
		name, after, closed := strings.Cut(rest, "}}")
		if !closed {
			b.WriteString("{{" + rest)
			return b.String()
		}
		b.WriteString(labels[strings.TrimSpace(name)])
		legend = after
	}
}

func statistics(all []analysis.Series) int {
	var seen []signal.Statistic
	for _, s := range all {
		if !slices.Contains(seen, s.Statistic) {
			seen = append(seen, s.Statistic)
		}
	}
	return len(seen)
}

// withTime puts the times before the values of a range. With the step Grafana sees where points are missing, and does not
// join what is on both sides of a gap.
func withTime(s series.Series, step time.Duration, value *data.Field) []*data.Field {
	if step == 0 {
		return []*data.Field{value}
	}
	when := data.NewField("Time", nil, times(s.Times))
	when.Config = &data.FieldConfig{Interval: float64(step.Milliseconds())}
	return []*data.Field{when, value}
}

func times(ms []int64) []time.Time {
	out := make([]time.Time, len(ms))
	for i, t := range ms {
		out[i] = time.UnixMilli(t).UTC()
	}
	return out
}

// Raw writes series that a user's own PromQL answered, under the store's names.
func Raw(all []series.Series, legend string, step time.Duration, executed string, notices []data.Notice) data.Frames {
	kind := data.FrameTypeTimeSeriesMulti
	if step == 0 {
		kind = data.FrameTypeNumericMulti
	}
	if len(all) == 0 {
		return data.Frames{Empty(kind, executed, notices)}
	}
	var out data.Frames
	for _, s := range all {
		value := data.NewField("Value", data.Labels(s.Labels), s.Values)
		if legend != "" {
			value.Config = &data.FieldConfig{DisplayNameFromDS: fill(legend, s.Labels)}
		}
		out = append(out, data.NewFrame("", withTime(s, step, value)...).SetMeta(meta(kind)))
	}
	out[0].Meta.Notices = notices
	out[0].Meta.ExecutedQueryString = cut(executed, maxExecuted)
	return out
}
