// Package signal is the catalogue of signals, independent of the server, and the form of a query for one.
// Names are stable and public: dashboards, alert rules and users' own queries refer to them.
package signal

import "slices"

// Statistic is how a signal is reduced over a window.
type Statistic string

// The statistics. A quantile's probability is in Quantiles.
const (
	P50  Statistic = "p50"
	P90  Statistic = "p90"
	P95  Statistic = "p95"
	P99  Statistic = "p99"
	Mean Statistic = "mean"
	Rate Statistic = "rate"
	Last Statistic = "last"
	Max  Statistic = "max"
)

var quantiles = map[Statistic]float64{P50: 0.5, P90: 0.9, P95: 0.95, P99: 0.99}

// Quantile is the probability of a quantile statistic, between 0 and 1, and whether s is one.
func (s Statistic) Quantile() (float64, bool) {
	q, ok := quantiles[s]
	return q, ok
}

// Label is a dimension of series, under the project's name for it.
type Label string

// The labels.
const (
	Environment Label = "environment"
	Deployment  Label = "deployment"
	Model       Label = "model"
	Version     Label = "version"
	Replica     Label = "replica"
	// Start is hot if the model was in memory, cold if the request waited for a load, and unknown otherwise.
	Start  Label = "start"
	Status Label = "status"
	Code   Label = "code"
	State  Label = "state"
	GPU    Label = "gpu"
	// Objective is the signal that an objective is about.
	Objective Label = "objective"
)

// Labels lists every label, in the order in which names of series are made of them.
var Labels = []Label{Environment, Deployment, Model, Version, Start, Replica, GPU, State, Status, Code, Objective}

// Group puts signals together as the Metrics dashboard's rows do.
type Group string

// The groups, in the order of the Metrics dashboard.
const (
	Volume      Group = "Volume"
	Latency     Group = "Latency"
	Size        Group = "Size"
	ReplicaRow  Group = "Replicas"
	Demand      Group = "Demand"
	Compute     Group = "Compute"
	ModelCache  Group = "Model cache"
	OtherCaches Group = "Other caches"
	Freshness   Group = "Freshness"
	Objectives  Group = "Objectives"
	Own         Group = "Your own"
)

// Shape says what kind of quantity a signal is, and by that which statistics it has.
type Shape string

// The shapes.
const (
	// Count only ever grows; it is read as a rate per second.
	Count Shape = "count"
	// Distribution has one value a request; it is read as quantiles and a mean.
	Distribution Shape = "distribution"
	// Level goes up and down; it is read as it is, or as a mean or maximum over the window.
	Level Shape = "level"
	// Share is one count divided by another over the window.
	Share Shape = "share"
)

var statistics = map[Shape][]Statistic{
	Count:        {Rate},
	Distribution: {P50, P90, P95, P99, Mean},
	Level:        {Last, Mean, Max},
	Share:        {Mean},
}

var defaults = map[Shape][]Statistic{
	Count:        {Rate},
	Distribution: {P95},
	Level:        {Last},
	Share:        {Mean},
}

// Signal is one thing to observe, independent of the server.
type Signal struct {
	Name        string
	Title       string
	Group       Group
	Shape       Shape
	Unit        Unit
	Description string
	// MeasuredBy names what measures the signal, for those whose server does not.
	MeasuredBy string
	// GroupBy lists the labels that the signal's series can have.
	GroupBy []Label
	// Extra statistics beside those of the shape, and the default where it is not the shape's.
	Extra   []Statistic
	Default Statistic
	// Derivation, where set, says what the signal is computed from; no profile fills it.
	Derivation *Derivation
	// Otherwise says what the signal is computed from for models without a recipe in any profile, the preferred first.
	Otherwise []Derivation
}

// Derivation is how a signal is computed from others.
type Derivation struct {
	// From are the signals that it is computed from.
	From []string
	// How is a clause for the user.
	How string
	// Estimated says that the number is a guess with an interval.
	Estimated bool
}

// Statistics lists the statistics of the signal.
func (s Signal) Statistics() []Statistic { return slices.Concat(statistics[s.Shape], s.Extra) }

// DefaultStatistics is what a query gets that names none.
func (s Signal) DefaultStatistics() []Statistic {
	if s.Default != "" {
		return []Statistic{s.Default}
	}
	return defaults[s.Shape]
}

// Has says whether the signal has a statistic.
func (s Signal) Has(st Statistic) bool { return slices.Contains(s.Statistics(), st) }

// GrafanaUnit is the id of Grafana's unit for the signal's values.
func (s Signal) GrafanaUnit() string { return s.Unit.Grafana(s.Shape == Count) }

// Catalogue is signals, in their order.
type Catalogue []Signal

// Builtin is the signals that every data source has.
func Builtin() Catalogue { return slices.Clone(builtin) }

// With is the catalogue and more signals at its end.
func (c Catalogue) With(more ...Signal) Catalogue { return append(slices.Clone(c), more...) }

// Find is the signal of a name, and whether there is one.
func (c Catalogue) Find(name string) (Signal, bool) {
	i := slices.IndexFunc(c, func(s Signal) bool { return s.Name == name })
	if i < 0 {
		return Signal{}, false
	}
	return c[i], true
}

// Find is the signal of a name that every data source has, and whether there is one.
func Find(name string) (Signal, bool) { return builtin.Find(name) }
