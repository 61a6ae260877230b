// Package series holds time series as every executor returns them.
package series

import "slices"

// Series is one labelled time series. Times are unix milliseconds, strictly ascending, one for each value.
type Series struct {
	Labels map[string]string
	Times  []int64
	Values []float64
}

// Histograms is a time series of native histograms. Times are unix milliseconds, strictly ascending, one for each histogram.
type Histograms struct {
	Labels     map[string]string
	Times      []int64
	Histograms [][]Bucket
}

// Result is what an executor returns for one query. Warnings are sentences for the user: the result may be wrong or partial. Infos are
// hints for whoever wrote PromQL.
type Result struct {
	Series []Series
	// Histograms are the native histograms among the results.
	Histograms []Histograms
	Warnings   []string
	Infos      []string
}

// Bucket is the weight of what is above Lower and at most Upper. A histogram's buckets ascend and do not overlap.
type Bucket struct{ Lower, Upper, Weight float64 }

// Origin is how a number came about.
type Origin string

// The origins.
const (
	Measured  Origin = "measured"
	Derived   Origin = "derived"
	Estimated Origin = "estimated"
)

// Provenance says how numbers came about.
type Provenance struct {
	// Origin is measured (the server's own numbers, summed or divided), derived (computed by a recipe from other numbers) or
	// estimated (with an interval).
	Origin Origin `json:"origin"`
	// Server is who said the numbers, and Layer where it stands: recorder, gateway, queue proxy, server, worker, management.
	Server string `json:"server"`
	Layer  string `json:"layer"`
	// Recipe is a clause about what the numbers are made of, where that is not plain.
	Recipe string `json:"recipe,omitempty"`
	// Metrics are those that were read, as they are or as Recorded.
	Metrics []string `json:"metrics"`
	// Recorded are the recording rules that were read in place of the metrics.
	Recorded []Recorded `json:"recorded,omitempty"`
}

// Equal says whether two numbers came about in the same way.
func (p Provenance) Equal(q Provenance) bool {
	return p.Origin == q.Origin && p.Server == q.Server && p.Layer == q.Layer && p.Recipe == q.Recipe &&
		slices.Equal(p.Metrics, q.Metrics) && slices.Equal(p.Recorded, q.Recorded)
}

// Recorded is a recording rule whose series were read. Window is what its rates are over, as a Prometheus duration.
type Recorded struct {
	Rule   string `json:"rule"`
	Window string `json:"window"`
}
