// Package profile says how one server's metrics fill the signals: a declarative file a server, and the compiler that makes
// plans of it.
package profile

import (
	"go.yaml.in/yaml/v3"

	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// Profile describes one server's metrics.
type Profile struct {
	ID            string `yaml:"id"`
	Name          string `yaml:"name"`
	Versions      string `yaml:"versions"`
	Documentation string `yaml:"documentation"`
	// Layer is where the server measures: recorder, gateway, queue proxy, server, worker, host (what servers run on), management.
	Layer      string      `yaml:"layer"`
	Endpoint   Endpoint    `yaml:"endpoint"`
	Management *Management `yaml:"management"`
	// Detect lists metrics: a page or store that has any one of them is this server's.
	Detect []string `yaml:"detect"`
	// IdentityMetric is the metric that exists exactly for the models that a replica serves.
	IdentityMetric string `yaml:"identity_metric"`
	// RankBy are the counters that models are ranked by if only the top N are shown.
	RankBy []Term `yaml:"rank_by"`
	// Replica lists the labels that tell one replica's series from another's.
	Replica []string `yaml:"replica"`
	// Device lists the labels of the server's in which a GPU and its slices (MIG) agree, where each has an id of its own. Others give
	// slices the id of their GPU.
	Device []string `yaml:"device"`
	// Labels translates the project's labels into the server's.
	Labels map[signal.Label]string `yaml:"labels"`
	// LabelAliases are second names of labels, for series that lack the first: a platform that re-exports the server's metrics
	// may rename their labels.
	LabelAliases map[signal.Label]string `yaml:"label_aliases"`
	// Status makes the label status of one of the server's labels, where the server has none like it.
	Status  *Status           `yaml:"status"`
	Metrics map[string]Metric `yaml:"metrics"`
	// CustomSignals are signals that the profile adds to the catalogue, by name.
	CustomSignals map[string]Definition `yaml:"custom_signals"`
	// Signals lists recipes by signal, the preferred one first.
	Signals map[string][]Recipe `yaml:"signals"`
	// Caveats are what is surprising about the server's metrics, one sentence each.
	Caveats []string `yaml:"caveats"`
	// Own is set on a user's own profile.
	Own bool `yaml:"-"`
}

// Endpoint is where the metrics page usually is.
type Endpoint struct {
	Port int    `yaml:"port" json:"port"`
	Path string `yaml:"path" json:"path"`
}

// Management is where the server says what its metrics do not.
type Management struct {
	// Protocol is one of management.Protocols.
	Protocol string `yaml:"protocol"`
	Port     int    `yaml:"port"`
}

// Status says how one of the server's labels, a code or an outcome, tells the class of a request's status.
type Status struct {
	// Label is the server's.
	Label string `yaml:"label"`
	// Classes are regular expressions (RE2, anchored) for the label's values, by the status that they mean.
	Classes map[string]string `yaml:"classes"`
}

// Type of a metric, as the server has it and whatever its name says.
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
	Type Type        `yaml:"type"`
	Unit signal.Unit `yaml:"unit"`
	// Labels lists the project's labels that the metric carries of its own; those of the target are not listed.
	Labels []signal.Label `yaml:"labels"`
	Since  string         `yaml:"since"`
	// Enable says what to switch on to have the metric, where it is not always there.
	Enable string `yaml:"enable"`
	// FabricatedSum marks a histogram whose sum the server makes up, so that no mean can be taken of it.
	FabricatedSum bool `yaml:"fabricated_sum"`
	// RankErrors is by how much the share that a summary's quantile stands for may be off, by that share as it is written in the
	// label quantile: a 0.95 with 0.01 is the quantile of a share between 0.94 and 0.96.
	RankErrors map[string]float64 `yaml:"rank_errors"`
}

// RankError is that of a quantile of a summary; 0 where none is known.
func (m Metric) RankError(quantile float64) float64 { return m.RankErrors[number(quantile)] }

// Recipe is one way to fill a signal. Exactly one of the kinds is set.
type Recipe struct {
	// Description is a clause for users that says how the value is computed, if that is not obvious.
	Description string `yaml:"description"`

	Sum       []Term `yaml:"sum"`
	Average   []Term `yaml:"average"`
	Ratio     *Ratio `yaml:"ratio"`
	Mean      *Mean  `yaml:"mean"`
	Summary   string `yaml:"summary"`
	Histogram Names  `yaml:"histogram"`
	// Where narrows the histogram's series by the server's own labels.
	Where       map[string]Where `yaml:"where"`
	CountSeries *CountSeries     `yaml:"count_series"`
	// Age is a metric whose value is a time, in seconds since 1970; the number is how long ago that was.
	Age string `yaml:"age"`
	// Estimate says that the server itself works its numbers out from others.
	Estimate bool `yaml:"estimate"`
}

// Names are the names that one metric has had in different versions of the server, the newest first. Where a server shows
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
	By   []signal.Label `yaml:"by"`
}

// Ratio is one sum of counters divided by another.
type Ratio struct {
	Of []Term `yaml:"of"`
	To []Term `yaml:"to"`
}

// Mean is a sum over requests divided by their count.
type Mean struct {
	Sum   []Term `yaml:"sum"`
	Count []Term `yaml:"count"`
}

// Term is one metric's part in a sum.
type Term struct {
	Metric Names `yaml:"metric"`
	// Where narrows the metric's series by the server's own labels.
	Where map[string]Where `yaml:"where"`
	// Set gives the term's series a label that the server does not give them.
	Set map[signal.Label]string `yaml:"set"`
	// DropLabels lists labels of the metric to aggregate away, so that it can be combined with metrics that lack them.
	DropLabels []signal.Label `yaml:"drop_labels"`
	Subtract   bool           `yaml:"subtract"`
	// DropNonpositive drops values that are zero or less.
	DropNonpositive bool `yaml:"drop_nonpositive"`
	// DedupeBy lists labels of the server. Series of one replica that agree in them repeat one value, which counts once.
	DedupeBy []string `yaml:"dedupe_by"`
	// As is "concurrency" for a counter of durations that is read by Little's law: seconds of work per second are concurrent
	// requests.
	As string `yaml:"as"`
	// TreatMissingAsZero makes the term contribute 0 wherever the metric has series, so that counters which a server creates
	// only at the first event are 0 before it: the term is usually the counter of all requests beside one of failures.
	TreatMissingAsZero bool `yaml:"treat_missing_as_zero"`
}

const asConcurrency = "concurrency"

// Where is a condition on a label: its value is in a list, not in a list, or matches a regular expression (RE2, anchored).
type Where struct {
	Regex string   `yaml:"regex"`
	In    []string `yaml:"in"`
	NotIn []string `yaml:"not_in"`
}

// Has says whether the metrics that a page or a store holds tell this profile's server.
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

// Provenance says in a word how the recipe's numbers come about: measured as they are, derived, or estimated.
func (r Recipe) Provenance() string {
	if r.Estimate {
		return "estimated"
	}
	if r.CountSeries != nil || r.Age != "" {
		return "derived"
	}
	for _, t := range r.terms() {
		if t.As == asConcurrency {
			return "derived"
		}
	}
	return "measured"
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
