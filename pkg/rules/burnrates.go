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
	pace        string
}

var burns = []burn{
	{14.4, Critical, 720, 8640, "2 %", 2 * time.Minute, "14x", "fast"},
	{6, Critical, 120, 1440, "5 %", 5 * time.Minute, "6x", "fast"},
	{3, Warning, 30, 360, "10 %", 15 * time.Minute, "3x", "slow"},
	{1, Warning, 10, 120, "10 %", time.Hour, "1x", "slow"},
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
			Name: "error-budget-burn-" + b.pace + "-" + b.inWords, Title: fmt.Sprintf("Error budget burn (%s, %s)", b.pace, b.inWords), Group: BurnRates, Severity: b.severity, For: b.lasting,
			By: byObjective, Queries: []Query{query("long", long), query("short", short)},
			When: []Comparison{{Ref: "long", Is: ">", Than: b.rate}, {Ref: "short", Is: ">", Than: b.rate}},
			Summary: fmt.Sprintf("{model}: the %s error budget for {objective} burns {long:times}x too fast (up to %s: {long:times}x, %s: {short:times}x) ({place}).",
				durationText(o.Period), durationText(long), durationText(short)),
			Means: fmt.Sprintf("The error budget of an objective is the share of requests that may be slow, failed or cold. The model uses it more than %g times faster than the budget of %s allows, "+
				"over a long window (%s) and a short window (%s). Over the long window, that is %s of the budget. If less data exists than the long window, the rate covers the data that exists.",
				b.rate, durationText(o.Period), durationText(long), durationText(short), b.share),
			Causes: []string{
				"The same as for the rule of the objective in the label objective.",
				"An intermittent fault, too short for the rules over a few minutes.",
			},
			Actions: []string{
				"Check the label objective (response_time, error_rate or cache_hit_ratio) and follow the steps of the rule for that objective.",
				"This rule is noisy at low traffic: one failure in twenty requests burns a 1 % budget at 5x. Relax the objective of models with little traffic, or export the rules with a higher minimumRequests.",
			},
			Panels: []string{signal.SLOBurnRate, signal.SLOViolation, "error_rate"},
		})
	}
	return all
}
