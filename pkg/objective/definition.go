package objective

import (
	"math"

	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// Direction is on which side of an objective a model meets it.
type Direction string

// The directions.
const (
	AtMost  Direction = "at most"
	AtLeast Direction = "at least"
)

// Budget is how the error budget of an objective is measured, which a burn rate compares with the bad requests.
type Budget string

// The budgets.
const (
	// NoBudget is that of a value which is no share of requests.
	NoBudget Budget = "none"
	// ShareBudget is Limit: the measured value is the share of bad requests.
	ShareBudget Budget = "share"
	// QuantileBudget is SlowShare: requests whose value is above Limit are bad.
	QuantileBudget Budget = "quantile"
)

// Definition is one of the objectives that a model can have: the only place that says which signal it governs.
type Definition struct {
	// Name is the value of the label objective, and the name of the signal that Target is about.
	Name string
	// Statistic is the statistic of that signal.
	Statistic signal.Statistic
	// Direction says whether the signal has to be at most or at least Target.
	Direction Direction
	// Target is what the objective demands, in the signal's unit; 0 if it is switched off.
	Target func(Objective) float64
	// Measured is the signal that is compared with Limit: the same one, or its complement if the direction is AtLeast.
	Measured string
	// Limit is the most that the measured value may be; 0 if the objective is switched off.
	Limit func(Objective) float64
	// Set reports whether an override sets the objective.
	Set func(Override) bool
	// Budget is how the error budget is measured.
	Budget Budget
	// OverRequests says that the value is taken over requests: of too few it means nothing.
	OverRequests bool
}

// The names of the objectives.
const (
	ResponseTime        = "response_time"
	ErrorRate           = "error_rate"
	CacheHitRatio       = signal.CacheHitRatio
	PredictionStaleness = "prediction_staleness"
)

// Definitions are all objectives, in the order in which they are shown.
var Definitions = []Definition{
	{
		Name: ResponseTime, Statistic: signal.P95, Direction: AtMost, Target: maxP95, Measured: ResponseTime, Limit: maxP95,
		Set: func(o Override) bool { return o.P95 != nil }, Budget: QuantileBudget, OverRequests: true,
	},
	{
		Name: ErrorRate, Statistic: signal.Mean, Direction: AtMost, Target: maxErrorRate, Measured: ErrorRate, Limit: maxErrorRate,
		Set: func(o Override) bool { return o.ErrorRate != nil }, Budget: ShareBudget, OverRequests: true,
	},
	{
		Name: CacheHitRatio, Statistic: signal.Mean, Direction: AtLeast, Target: minCacheHitRatio, Measured: signal.ColdHitRate, Limit: maxColdHitRate,
		Set: func(o Override) bool { return o.CacheHitRatio != nil }, Budget: ShareBudget, OverRequests: true,
	},
	{
		Name: PredictionStaleness, Statistic: signal.Last, Direction: AtMost, Target: maxStaleness, Measured: PredictionStaleness, Limit: maxStaleness,
		Set: func(o Override) bool { return o.Staleness != nil }, Budget: NoBudget,
	},
}

// SlowShare is the share of requests that a quantile allows to be above the limit: 0.05 for the p95, 0 if the statistic is no quantile.
func (d Definition) SlowShare() float64 {
	q, ok := d.Statistic.Quantile()
	if !ok {
		return 0
	}
	const exact = 1e9 // 1 − 0.95 is not 0.05 in binary
	return math.Round((1-q)*exact) / exact
}

func maxP95(o Objective) float64           { return o.P95.Seconds() }
func maxErrorRate(o Objective) float64     { return o.ErrorRate }
func minCacheHitRatio(o Objective) float64 { return o.CacheHitRatio }
func maxStaleness(o Objective) float64     { return o.Staleness.Seconds() }

// maxColdHitRate is the complement of the cache hit ratio. Without an objective it is 0 as well: switched off.
func maxColdHitRate(o Objective) float64 {
	if o.CacheHitRatio == 0 {
		return 0
	}
	return 1 - o.CacheHitRatio
}

// Find returns the definition of a name. It panics for other names, which are faults of the code.
func Find(name string) Definition {
	for _, d := range Definitions {
		if d.Name == name {
			return d
		}
	}
	panic("objective: there is no objective " + name)
}
