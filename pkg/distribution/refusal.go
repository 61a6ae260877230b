package distribution

import (
	"fmt"
	"strconv"
)

// Reason is why a distribution is not split into hot and cold.
type Reason string

// The reasons. More than one may hold; the first in this order is told.
const (
	TooFewBuckets  Reason = "too few buckets"
	TooFewRequests Reason = "too few requests"
	SecondModeOpen Reason = "second mode in the open bucket"
	OneMode        Reason = "one mode"
	ManyModes      Reason = "more than two modes"
	ValleyTooWide  Reason = "valley in too wide a bucket"
	ModesOverlap   Reason = "modes overlap"
	ModesTooClose  Reason = "modes too close"
)

// Refusal is the error of a split that would have been a guess.
type Refusal struct {
	Reason Reason
	detail string
}

// Error says what was seen and, where something can be done, what. Values are in the distribution's unit.
func (r *Refusal) Error() string {
	return fmt.Sprintf("hot and cold cannot be told apart (%s): %s", r.Reason, r.detail)
}

func refuse(reason Reason, detail string, numbers ...any) error {
	return &Refusal{Reason: reason, detail: fmt.Sprintf(detail, numbers...)}
}

func percent(share float64) string {
	if share >= .1 {
		return strconv.FormatFloat(share*100, 'f', 0, 64) + " %"
	}
	return strconv.FormatFloat(share*100, 'g', 2, 64) + " %"
}
