package rules

import (
	"fmt"
	"time"

	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// burn is one pair of windows. The long one shows that it matters: at that rate, share of the period's budget is gone
// within it. The short one shows that it still goes on, and lets the alert end soon after the fault.
type burn struct {
	rate     float64
	severity Severity
	// long and short are what the period is divided by to get the windows.
	long, short time.Duration
	share       string
	lasting     time.Duration
	inWords     string
}

var burns = []burn{
	{14.4, Critical, 720, 8640, "2 %", 2 * time.Minute, "14x"},
	{6, Critical, 120, 1440, "5 %", 5 * time.Minute, "6x"},
	{3, Warning, 30, 360, "10 %", 15 * time.Minute, "3x"},
	{1, Warning, 10, 120, "10 %", time.Hour, "1x"},
}

func burnRates(o Options) []Rule {
	var all []Rule
	for _, b := range burns {
		// Shorter than the window of all other rates there would be too few scrapes.
		long, short := max(o.Period/b.long, o.Window), max(o.Period/b.short, o.Window)
		query := func(ref string, window time.Duration) Query {
			return Query{Ref: ref, Signal: signal.SLOBurnRate, Statistic: signal.Mean, Window: window, MinimumRequests: o.MinimumRequests}
		}
		all = append(all, Rule{
			Name: "error-budget-burns-" + b.inWords, Title: "Error budget burns " + b.inWords, Group: BurnRates, Severity: b.severity, For: b.lasting,
			By: byObjective, Queries: []Query{query("long", long), query("short", short)},
			When: []Comparison{{Ref: "long", Is: ">", Than: b.rate}, {Ref: "short", Is: ">", Than: b.rate}},
			Summary: fmt.Sprintf("{who} uses up its budget for the objective {objective} {long:times} times as fast as it may: over %s, and {short:times} times over the last %s.",
				durationText(long), durationText(short)),
			Means: fmt.Sprintf("An objective leaves a budget of requests that may be bad: too slow, failed, or cold. The model uses it up more than %g times as fast as would make it last for the period, %s, "+
				"over a long window (%s) and over a short one (%s) alike. In the long window, that is %s of the period's budget.",
				b.rate, durationText(o.Period), durationText(long), durationText(short), b.share),
			Causes: []string{
				"What the objective's own rule says: see the label objective.",
				"A fault that comes and goes, which rules over a few minutes do not hold on to.",
			},
			Actions: []string{
				"The label objective says which of response_time, error_rate and cache_hit_ratio it is: do what is said under the rule of that objective.",
				"Few requests make this rule nervous: of twenty requests in the window, one that fails burns a budget of 1 % at 5 times. Give models with little traffic a larger objective, or export the rules with a higher minimumRequests.",
			},
			Panels: []string{signal.SLOBurnRate, signal.SLOViolation, "error_rate"},
		})
	}
	return all
}
