package signal

import (
	"fmt"
	"maps"
	"slices"
)

// Unit is what a number counts. Signals and the metrics that fill them name their units from the same table.
type Unit string

// The units of signals, and those that servers report.
const (
	Seconds      Unit = "seconds"
	Milliseconds Unit = "milliseconds"
	Microseconds Unit = "microseconds"
	Nanoseconds  Unit = "nanoseconds"
	Bytes        Unit = "bytes"
	Kibibytes    Unit = "kibibytes"
	Mebibytes    Unit = "mebibytes"
	Gibibytes    Unit = "gibibytes"
	Ratio        Unit = "ratio"
	Percent      Unit = "percent"
	// BasisPoints are hundredths of a percent.
	BasisPoints Unit = "basis_points"
	Watts       Unit = "watts"
	Milliwatts  Unit = "milliwatts"
	Joules      Unit = "joules"
	Requests    Unit = "requests"
	Tokens      Unit = "tokens"
	Models      Unit = "models"
	Replicas    Unit = "replicas"
	Events      Unit = "events"
	Times       Unit = "times"
	Number      Unit = "number"
)

type measure struct {
	dimension string
	// factor turns a value into the dimension's base unit.
	factor float64
	// grafana names the unit for panels, of a value and of a rate per second.
	grafana, grafanaRate string
}

var measures = map[Unit]measure{
	Seconds:      {"time", 1, "s", ""},
	Milliseconds: {"time", 1e-3, "ms", ""},
	Microseconds: {"time", 1e-6, "µs", ""},
	Nanoseconds:  {"time", 1e-9, "ns", ""},
	Bytes:        {"size", 1, "bytes", "binBps"},
	Kibibytes:    {"size", 1 << 10, "kbytes", ""},
	Mebibytes:    {"size", 1 << 20, "mbytes", ""},
	Gibibytes:    {"size", 1 << 30, "gbytes", ""},
	Ratio:        {"ratio", 1, "percentunit", ""},
	Percent:      {"ratio", 1e-2, "percent", ""},
	BasisPoints:  {"ratio", 1e-4, "suffix: bp", ""},
	Watts:        {"power", 1, "watt", ""},
	Milliwatts:   {"power", 1e-3, "mwatt", ""},
	Joules:       {"energy", 1, "joule", "watt"},
	Requests:     {"requests", 1, "short", "reqps"},
	Tokens:       {"tokens", 1, "short", "cps"},
	Models:       {"models", 1, "short", ""},
	Replicas:     {"replicas", 1, "short", ""},
	Events:       {"events", 1, "short", "ops"},
	Times:        {"multiple", 1, "suffix:×", ""},
	Number:       {"number", 1, "short", ""},
}

// Known says whether u is in the table of units.
func (u Unit) Known() bool { _, ok := measures[u]; return ok }

// Grafana is the id of Grafana's unit for values of u, or for u per second.
func (u Unit) Grafana(perSecond bool) string {
	m := measures[u]
	if perSecond && m.grafanaRate != "" {
		return m.grafanaRate
	}
	return m.grafana
}

// Factor is what a value in u is multiplied with to be in to. It is an error if they measure different things.
func (u Unit) Factor(to Unit) (float64, error) {
	a, b := measures[u], measures[to]
	if a.dimension == "" || a.dimension != b.dimension {
		return 0, fmt.Errorf("%q cannot be converted to %q", u, to)
	}
	if u == to {
		return 1, nil
	}
	return a.factor / b.factor, nil
}

// Base is the unit that all of one dimension are reckoned in: seconds for every unit of time, bytes for every size.
func (u Unit) Base() Unit {
	for _, other := range Units() {
		if m := measures[other]; m.factor == 1 && m.dimension == measures[u].dimension {
			return other
		}
	}
	return u
}

// Pure says whether values of u are numbers alone: things that are counted and shares, not durations, sizes, power or energy.
func (u Unit) Pure() bool {
	switch measures[u].dimension {
	case "", "time", "size", "power", "energy":
		return false
	}
	return true
}

// counted are the units of things that happen.
var counted = map[Unit]bool{Requests: true, Tokens: true, Events: true}

// Comparable says whether one unit divided by the other is a share: both measure the same, or both count what happens, such
// as loads for each request.
func (u Unit) Comparable(to Unit) bool {
	_, err := u.Factor(to)
	return err == nil || (counted[u] && counted[to])
}

// Units lists every unit, sorted.
func Units() []Unit { return slices.Sorted(maps.Keys(measures)) }
