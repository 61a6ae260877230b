package analysis

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// Autoscaling is what is known of a deployment's scaling over a range, one number for each time; NaN where nothing is known.
type Autoscaling struct {
	// Times are unix milliseconds, Step the distance between them.
	Times []int64
	Step  time.Duration
	// Active and Starting are replicas; Min and Max are the bounds that the autoscaler keeps.
	Active, Starting, Min, Max []float64
	// Latency is a response time in seconds, and LatencyName which one, such as p95.
	Latency     []float64
	LatencyName string
	// Objective is the longest that the latency may be, in seconds; zero where there is none.
	Objective float64
	// Requests are per second, Concurrent the requests in the deployment at once.
	Requests, Concurrent []float64
}

// Finding is something that is wrong with a deployment's scaling.
type Finding struct {
	Name string
	// Begin and End are unix milliseconds.
	Begin, End int64
	// Evidence is a sentence with numbers, Cause what it likely comes from and Fix what to do.
	Evidence, Cause, Fix string
}

// What the rules go by. A state has to last for several points and minutes, so that a single scrape makes no finding.
const (
	// lastingPoints and lasting are how long a state has to last at least.
	lastingPoints = 3
	lasting       = 2 * time.Minute
	// leastTurns is how often the number of replicas has to turn from rising to falling or back.
	leastTurns = 4
	// spike is how many times its median the latency has to be, and follows how soon after a change.
	spike   = 1.5
	follows = 2 * time.Minute
	// manyStarting is the share of replicas that are starting.
	manyStarting = 0.25
	// regret is how soon replicas that were taken away are back.
	regret = 5 * time.Minute
	// busy is how many times its median the traffic has to be.
	busy = 1.25
)

// Diagnose looks for the conditions that an autoscaler's settings can cure.
func (a Autoscaling) Diagnose() []Finding {
	var out []Finding
	for _, rule := range []func() (Finding, bool){a.oscillates, a.lacksCapacity, a.startsSlowly, a.targetsTooMuch, a.scalesDownTooSoon} {
		if f, found := rule(); found {
			out = append(out, f)
		}
	}
	return out
}

// changes lists the indexes at which the number of active replicas is another than at the point before.
func (a Autoscaling) changes() []int {
	var out []int
	for i := 1; i < len(a.Active); i++ {
		if allKnown(a.Active[i-1], a.Active[i]) && a.Active[i] != a.Active[i-1] {
			out = append(out, i)
		}
	}
	return out
}

// oscillates: the replicas go up and down again and again, and the latency rises with them.
func (a Autoscaling) oscillates() (Finding, bool) {
	changes := a.changes()
	turns := 0
	for i := 1; i < len(changes); i++ {
		if a.rise(changes[i]) != a.rise(changes[i-1]) {
			turns++
		}
	}
	median := middle(a.Latency)
	if turns < leastTurns || !(median > 0) {
		return Finding{}, false
	}
	spikes, near, highest := 0, 0, 0.0
	for i, v := range a.Latency {
		if !(v >= spike*median) {
			continue
		}
		spikes++
		highest = max(highest, v)
		if slices.ContainsFunc(changes, func(c int) bool { return c <= i && a.between(c, i) <= follows }) {
			near++
		}
	}
	if near < 2 || 2*near < spikes {
		return Finding{}, false
	}
	return Finding{
		Name: "Oscillation", Begin: a.Times[changes[0]], End: a.Times[changes[len(changes)-1]],
		Evidence: fmt.Sprintf("The replicas changed %d times and turned %d times, between %g and %g; %d of %d latency spikes came within %s of a change, up to a %s of %s, %.1f times the median.",
			len(changes), turns, least(a.Active), most(a.Active), near, spikes, follows, a.LatencyName, seconds(highest), highest/median),
		Cause: "The autoscaler removes replicas that it needs again soon after.",
		Fix:   "Lengthen the scale-down delay.",
	}, true
}

func (a Autoscaling) rise(i int) bool { return a.Active[i] > a.Active[i-1] }

// lacksCapacity: all replicas that may be are there, and the latency is still over its objective.
func (a Autoscaling) lacksCapacity() (Finding, bool) {
	from, to, found := a.longest(func(i int) bool {
		return allKnown(a.Active[i], a.Max[i], a.Latency[i]) && a.Max[i] > 0 && a.Active[i] >= a.Max[i] && a.tooSlow(i)
	})
	if !found {
		return Finding{}, false
	}
	return Finding{
		Name: "Not enough capacity", Begin: a.Times[from], End: a.Times[to],
		Evidence: fmt.Sprintf("All %g replicas that are allowed were active, and the %s was %s on average, where %s is the objective.",
			a.Max[to], a.LatencyName, seconds(mean(a.Latency[from:to+1])), seconds(a.Objective)),
		Cause: "The deployment is at its maximum of replicas.",
		Fix:   "Raise the maximum of replicas, or the concurrency target if the replicas are not busy.",
	}, true
}

// startsSlowly: for long, many of the replicas are starting.
func (a Autoscaling) startsSlowly() (Finding, bool) {
	from, to, found := a.longest(func(i int) bool {
		return allKnown(a.Active[i], a.Starting[i]) && a.Starting[i] > 0 && a.Starting[i] >= manyStarting*(a.Active[i]+a.Starting[i])
	})
	if !found {
		return Finding{}, false
	}
	return Finding{
		Name: "Slow cold starts", Begin: a.Times[from], End: a.Times[to],
		Evidence: fmt.Sprintf("For %s, %.1f replicas were starting on average beside %.1f active ones.",
			a.between(from, to).Round(time.Second), mean(a.Starting[from:to+1]), mean(a.Active[from:to+1])),
		Cause: "Replicas take long to start: a large image, or a large model to load.",
		Fix:   "Raise the minimum of replicas, make the image smaller, and put in its last layers what changes often.",
	}, true
}

// targetsTooMuch: much traffic, few replicas though more are allowed, and the latency is over its objective.
func (a Autoscaling) targetsTooMuch() (Finding, bool) {
	median := middle(a.Requests)
	from, to, found := a.longest(func(i int) bool {
		return allKnown(a.Active[i], a.Max[i], a.Requests[i], a.Latency[i]) && a.Active[i] > 0 && a.Active[i] < a.Max[i] &&
			!(a.Starting[i] > 0) && a.Requests[i] >= busy*median && a.tooSlow(i)
	})
	if !found {
		return Finding{}, false
	}
	active := mean(a.Active[from : to+1])
	evidence := fmt.Sprintf("%.1f of %g replicas were active at %.1f requests a second", active, a.Max[to], mean(a.Requests[from:to+1]))
	if concurrent := mean(a.Concurrent[from : to+1]); concurrent > 0 {
		evidence += fmt.Sprintf(", with %.1f requests at once on each", concurrent/active)
	}
	return Finding{
		Name: "Concurrency target too high", Begin: a.Times[from], End: a.Times[to],
		Evidence: fmt.Sprintf("%s, and the %s was %s, where %s is the objective.", evidence, a.LatencyName, seconds(mean(a.Latency[from:to+1])), seconds(a.Objective)),
		Cause:    "The autoscaler waits for more requests on each replica before it adds one.",
		Fix:      "Lower the concurrency target, or the target utilization.",
	}, true
}

// scalesDownTooSoon: replicas are taken away, and back soon after, more than once.
func (a Autoscaling) scalesDownTooSoon() (Finding, bool) {
	changes := a.changes()
	var regretted []int
	for n, i := range changes {
		if a.rise(i) {
			continue
		}
		before := a.Active[i-1]
		for _, j := range changes[n+1:] {
			if a.between(i, j) > regret {
				break
			}
			if a.Active[j] >= before {
				regretted = append(regretted, i, j)
				break
			}
		}
	}
	if len(regretted) < 4 {
		return Finding{}, false
	}
	return Finding{
		Name: "Scales down too soon", Begin: a.Times[regretted[0]], End: a.Times[regretted[len(regretted)-1]],
		Evidence: fmt.Sprintf("%d times replicas were removed and were back within %s.", len(regretted)/2, regret),
		Cause:    "The scale-down delay is shorter than the pauses in the traffic.",
		Fix:      "Lengthen the scale-down delay.",
	}, true
}

func (a Autoscaling) tooSlow(i int) bool { return a.Objective > 0 && a.Latency[i] > a.Objective }

// longest is the longest time for which a condition holds, where it lasts.
func (a Autoscaling) longest(holds func(i int) bool) (from, to int, found bool) {
	begin := -1
	for i := 0; i <= len(a.Times); i++ {
		if i < len(a.Times) && holds(i) {
			if begin < 0 {
				begin = i
			}
			continue
		}
		if begin >= 0 && i-begin >= lastingPoints && a.between(begin, i-1) >= lasting && (!found || i-1-begin > to-from) {
			from, to, found = begin, i-1, true
		}
		begin = -1
	}
	return from, to, found
}

func (a Autoscaling) between(i, j int) time.Duration {
	return time.Duration(a.Times[j]-a.Times[i]) * time.Millisecond
}

func allKnown(values ...float64) bool { return !slices.ContainsFunc(values, math.IsNaN) }

// numbers lists what is known.
func numbers(of []float64) []float64 {
	return slices.DeleteFunc(slices.Clone(of), math.IsNaN)
}

func mean(of []float64) float64 {
	n := numbers(of)
	if len(n) == 0 {
		return math.NaN()
	}
	total := 0.0
	for _, v := range n {
		total += v
	}
	return total / float64(len(n))
}

func middle(of []float64) float64 {
	n := numbers(of)
	if len(n) == 0 {
		return math.NaN()
	}
	slices.Sort(n)
	return n[len(n)/2]
}

func least(of []float64) float64 { return slices.Min(numbers(of)) }

func most(of []float64) float64 { return slices.Max(numbers(of)) }

// seconds writes a duration with three digits.
func seconds(v float64) string {
	d := time.Duration(v * float64(time.Second))
	switch {
	case d >= 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	}
	return d.Round(time.Millisecond).String()
}
