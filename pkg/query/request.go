package query

import (
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
)

// Request is one query, decoded and checked as far as that needs no profiles.
type Request struct {
	Type       Type
	Signal     string
	Statistics []string
	GroupBy    []string
	Filters    map[string][]string
	// Limit is how many groups are shown at most; 0 for the default.
	Limit int
	// IncludeOthers adds one series of all groups beyond the limit.
	IncludeOthers bool
	// Window is what rates are taken over; 0 for the rate interval.
	Window time.Duration
	// Instant asks for one number a series, at the end of the range.
	Instant bool
	Legend  string
	// EmptyAsRow returns one row "No data" where there is no series, for heat maps, which would fail otherwise.
	EmptyAsRow bool
	// Expr is what a user typed as PromQL.
	Expr string
	// EventTypes are those that are wanted; all if there are none.
	EventTypes []string
	// MinimumRequests is how many requests in the window a group's value has to rest on; with fewer it has none.
	MinimumRequests float64
	// Grid has the times of a panel's points.
	Grid Grid
	// Range is the time range that the user selected.
	Range backend.TimeRange
}

// step is the distance of a panel's points; zero for a query that wants one number.
func (r Request) step() time.Duration {
	if r.Instant {
		return 0
	}
	return r.Grid.Step
}

// span is the length of the time range that the user selected.
func (r Request) span() time.Duration { return r.Range.To.Sub(r.Range.From) }
