// Package profile maps one server's metrics to signals: a declarative file for each server, and the compiler from queries to
// plans.
package profile

import (
	"go.yaml.in/yaml/v3"

	"github.com/coldhit/modelserving-datasource/pkg/series"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// The types below are the file format. Their tags are its only description: the decoder, docs/profile.schema.json and the tables
// of keys in docs/profiles.md all come from them. The tag doc is the text that users read, required marks keys that a file needs,
// enum names an entry of vocabularies, scalar marks texts that YAML may take for numbers, and kind marks keys of which a recipe
// has exactly one.

// Profile describes one server's metrics.
type Profile struct {
	ID             string                  `yaml:"id" required:"true" doc:"Identifies the profile in settings. Unique."`
	Name           string                  `yaml:"name" required:"true" doc:"The server's name, as users see it."`
	Versions       string                  `yaml:"versions" scalar:"true" doc:"Versions of the server that the profile describes."`
	Documentation  string                  `yaml:"documentation" doc:"URL of the documentation of the server's metrics."`
	Layer          string                  `yaml:"layer" required:"true" enum:"layers" doc:"Where the metrics are measured. Layer host is for exporters of the machine, such as GPUs and containers."`
	Precedence     int                     `yaml:"precedence" minimum:"0" doc:"If two profiles of one layer measure the same thing, the one with the lower number is read. Unique within a layer. Default in your own profiles: before all built-in profiles, in the order of the settings."`
	Endpoint       Endpoint                `yaml:"endpoint" doc:"Default port and path of the metrics page. Omit it if another profile's server exposes these metrics."`
	Management     *Management             `yaml:"management" doc:"The endpoint that lists models, if the server has one."`
	Detect         []string                `yaml:"detect" required:"true" doc:"A target that exposes any one of these metrics is this server."`
	IdentityMetric string                  `yaml:"identity_metric" required:"true" doc:"The metric that has series exactly for the models that a replica serves."`
	RankBy         []Term                  `yaml:"rank_by" doc:"Counters of requests that models are ranked by, for the top N."`
	Replica        []string                `yaml:"replica" required:"true" doc:"The labels that distinguish replicas, usually [job, instance]."`
	Device         []string                `yaml:"device" doc:"For exporters that report a GPU and its MIG slices under different ids: the labels that both have in common."`
	Labels         map[signal.Label]string `yaml:"labels" doc:"Maps labels of the dashboards to labels of the server."`
	// LabelAliases are for series that lack a label's first name: a platform that re-exports the server's metrics may rename labels.
	LabelAliases map[signal.Label]string `yaml:"label_aliases" doc:"Second names of labels, for series that lack the first."`
	Status       *Status                 `yaml:"status" doc:"Derives the label status from a code or an outcome."`
	Metrics      map[string]Metric       `yaml:"metrics" required:"true" doc:"The server's metrics, by name. Omit the suffixes _bucket, _sum and _count of histograms."`
	// CustomSignals exist only in data sources that have the profile.
	CustomSignals map[string]Definition `yaml:"custom_signals" doc:"Signals of your own, by name."`
	Signals       map[string][]Recipe   `yaml:"signals" doc:"For each signal its recipes, the preferred one first."`
	Caveats       []string              `yaml:"caveats" doc:"What is surprising about the server's metrics, one sentence each."`
	// Own is set on a user's own profile.
	Own bool `yaml:"-"`
	// file is what a user's own profile was read from.
	file File
}

// Endpoint is where the metrics page usually is.
type Endpoint struct {
	Port int    `yaml:"port" json:"port" doc:"Port number."`
	Path string `yaml:"path" json:"path" doc:"Path, usually /metrics."`
}

// Management is where the server lists its models.
type Management struct {
	Protocol string `yaml:"protocol" required:"true" enum:"protocols" doc:"The protocol of the endpoint."`
	Port     int    `yaml:"port" doc:"Port number, if it differs from that of the metrics."`
}

// Status derives the label status from one of the server's labels.
type Status struct {
	Label string `yaml:"label" required:"true" doc:"The server's label with the code or outcome."`
	// Classes are regular expressions (RE2, anchored) for the label's values, by status.
	Classes map[string]string `yaml:"classes" required:"true" enum:"statusClasses" doc:"For each status a regular expression (RE2) that matches the whole value of the label."`
}

// Type of a metric, as the server exports it and whatever its name suggests.
type Type string

// The types.
const (
	Counter   Type = "counter"
	Gauge     Type = "gauge"
	Summary   Type = "summary"
	Histogram Type = "histogram"
)

// Metric is a fact about one of the server's metrics.
type Metric struct {
	Type   Type           `yaml:"type" required:"true" doc:"The type that the server exports, whatever the name suggests."`
	Unit   signal.Unit    `yaml:"unit" required:"true" doc:"The unit of the values. Values are converted to the unit of the signal."`
	Labels []signal.Label `yaml:"labels" doc:"Labels of the dashboards that the metric itself has. Omit environment, deployment and replica, which come from the target."`
	Since  string         `yaml:"since" scalar:"true" doc:"The first version of the server that exports the metric."`
	Enable string         `yaml:"enable" doc:"How to enable the metric, in the imperative, if it is not always there."`
	// FabricatedSum marks a histogram of which no mean can be taken.
	FabricatedSum bool `yaml:"fabricated_sum" doc:"The server invents the histogram's _sum, so that no mean is computed from it."`
	// RankErrors are by the quantile as it is written in the label quantile: a 0.95 with 0.01 is the quantile of a share between
	// 0.94 and 0.96.
	RankErrors map[string]float64 `yaml:"rank_errors" doc:"Rank error of each quantile of a summary, such as {\"0.95\": 0.001}. Bounds that are read from the quantile allow for it."`
}

// RankError is that of a quantile of a summary; 0 if none is known.
func (m Metric) RankError(quantile float64) float64 { return m.RankErrors[number(quantile)] }

// Recipe is one way to compute a signal. Exactly one of the kinds is set.
type Recipe struct {
	Description string `yaml:"description" doc:"A clause, shown with the value, that says how it is computed if that is not obvious."`

	Sum       []Term           `yaml:"sum" kind:"true" doc:"The sum of terms: counters as rates, gauges as they are. For counts and levels."`
	Average   []Term           `yaml:"average" kind:"true" doc:"The mean over series, for levels that cannot be added, such as utilization."`
	Ratio     *Ratio           `yaml:"ratio" kind:"true" doc:"One sum divided by another, both over all series. For shares."`
	Mean      *Mean            `yaml:"mean" kind:"true" doc:"A total divided by a count, for distributions of which only sum and count are exported. Quantiles are unavailable."`
	Summary   string           `yaml:"summary" kind:"true" doc:"A summary whose quantiles are shown as they are and never merged."`
	Histogram Names            `yaml:"histogram" kind:"true" doc:"A histogram, classic or native. Buckets are merged before the quantile is computed."`
	Where     map[string]Where `yaml:"where" doc:"Selects series of the histogram by labels of the server."`
	// CountSeries counts replicas, not series.
	CountSeries *CountSeries `yaml:"count_series" kind:"true" doc:"The number of replicas that have series of a metric."`
	Age         string       `yaml:"age" kind:"true" doc:"A gauge whose value is a time in seconds since 1970. The signal is how long ago that was."`
	Estimate    bool         `yaml:"estimate" doc:"The server itself estimates the values."`
}

// Names are the names that one metric has had in different versions of the server, the newest first. If a server exports
// several, the first counts.
type Names []string

// UnmarshalYAML reads one name, or a list of them.
func (n *Names) UnmarshalYAML(value *yaml.Node) error {
	if value.Kind == yaml.ScalarNode {
		*n = Names{value.Value}
		return nil
	}
	return value.Decode((*[]string)(n))
}

// CountSeries counts the replicas that have series of a metric, once for each value of the labels By.
type CountSeries struct {
	Term `yaml:",inline"`
	By   []signal.Label `yaml:"by" doc:"Count once for each value of these labels, such as [model, version]."`
}

// Ratio is one sum divided by another.
type Ratio struct {
	Of []Term `yaml:"of" required:"true" doc:"Terms of the numerator."`
	To []Term `yaml:"to" required:"true" doc:"Terms of the denominator."`
}

// Mean is a sum over requests divided by their count.
type Mean struct {
	Sum   []Term `yaml:"sum" required:"true" doc:"Terms of the total."`
	Count []Term `yaml:"count" required:"true" doc:"Terms of the count."`
}

// Term is one metric's part in a sum.
type Term struct {
	Metric   Names                   `yaml:"metric" required:"true" doc:"The metric, or a list of the names that it has had, the newest first."`
	Where    map[string]Where        `yaml:"where" doc:"Selects series by labels of the server."`
	Set      map[signal.Label]string `yaml:"set" doc:"Adds labels that the server does not export, such as {state: active}."`
	Subtract bool                    `yaml:"subtract" doc:"Subtract the term instead of adding it."`
	// DropLabels makes a term combine with others that lack the labels.
	DropLabels      []signal.Label `yaml:"drop_labels" doc:"Labels of the metric to aggregate away, to combine it with metrics that lack them."`
	DropNonpositive bool           `yaml:"drop_nonpositive" doc:"Drop values that are zero or less."`
	DedupeBy        []string       `yaml:"dedupe_by" doc:"Series of one replica that agree in these labels of the server repeat one value, which counts once."`
	As              string         `yaml:"as" enum:"readings" doc:"concurrency reads a counter of durations by Little's law: seconds of work per second are concurrent requests."`
	// TreatMissingAsZero is for servers that create counters at the first event: the term is usually the counter of all requests,
	// beside one of failures.
	TreatMissingAsZero bool `yaml:"treat_missing_as_zero" doc:"The term adds 0 wherever the metric has series, so that a counter beside it that has no series before its first event counts as 0."`
}

const asConcurrency = "concurrency"

// Where is a condition on a label. If several keys are set, all apply.
type Where struct {
	In    []string `yaml:"in" doc:"The value is one of these."`
	NotIn []string `yaml:"not_in" doc:"The value is none of these."`
	Regex string   `yaml:"regex" doc:"A regular expression (RE2) matches the whole value."`
}

// Has says whether a page or a store has metrics by which the profile is detected.
func (p *Profile) Has(exists func(metric string) bool) bool {
	for _, m := range p.Detect {
		if exists(m) {
			return true
		}
	}
	return false
}

// ShownBy is the first of the metrics Detect that exists; empty if none does.
func (p *Profile) ShownBy(exists func(metric string) bool) string {
	for _, m := range p.Detect {
		if exists(m) {
			return m
		}
	}
	return ""
}

// Reads lists the metrics that a recipe takes its numbers from, in the order of the recipe.
func (r Recipe) Reads() []string {
	var out []string
	for _, t := range r.terms() {
		out = append(out, t.Metric...)
	}
	if r.Summary != "" {
		out = append(out, r.Summary)
	}
	out = append(out, r.Histogram...)
	if r.Age != "" {
		out = append(out, r.Age)
	}
	return out
}

// Origin is how the recipe's numbers come about: measured as they are, derived, or estimated.
func (r Recipe) Origin() series.Origin {
	if r.Estimate {
		return series.Estimated
	}
	if r.CountSeries != nil || r.Age != "" {
		return series.Derived
	}
	for _, t := range r.terms() {
		if t.As == asConcurrency {
			return series.Derived
		}
	}
	return series.Measured
}

func (r Recipe) terms() []Term {
	terms := append(append([]Term{}, r.Sum...), r.Average...)
	if r.Ratio != nil {
		terms = append(append(terms, r.Ratio.Of...), r.Ratio.To...)
	}
	if r.Mean != nil {
		terms = append(append(terms, r.Mean.Sum...), r.Mean.Count...)
	}
	if r.CountSeries != nil {
		terms = append(terms, r.CountSeries.Term)
	}
	return terms
}
