package admission

import "fmt"

// Bound names a limit.
type Bound string

// The bounds, as the plugin's metrics label them.
const (
	Slots              Bound = "slots"
	WaitingQueries     Bound = "waiting_queries"
	ProcessMemory      Bound = "process_memory"
	OrganizationMemory Bound = "organization_memory"
	RequestMemory      Bound = "request_memory"
	EvaluationMemory   Bound = "evaluation_memory"
)

// bounds are all of them.
var bounds = []Bound{Slots, WaitingQueries, ProcessMemory, OrganizationMemory, RequestMemory, EvaluationMemory}

// LimitError is a query that was not admitted.
type LimitError struct {
	Bound    Bound
	sentence string
}

func (e *LimitError) Error() string { return e.sentence }

// Busy reports whether the same query may be admitted later, because others take what it needs now.
func (e *LimitError) Busy() bool { return e.Bound != RequestMemory && e.Bound != EvaluationMemory }

// refuse counts a query that is not admitted and says why. The caller holds mu.
func (c *Controller) refuse(r *Request, bound Bound, bytes int64) error {
	c.refused[bound]++
	l := c.limits
	const smaller = "Choose a shorter range, a longer step or fewer series"
	var text string
	switch bound {
	case Slots:
		text = fmt.Sprintf("The query waited %s for one of %s: other queries take them (%d of this organization). "+
			"Refresh less often, or make the slowest panels cheaper.", l.Wait, l.Of, c.usage(r.tenant.OrgID).slots())
	case WaitingQueries:
		text = fmt.Sprintf("%d queries of this organization wait already, the most that may. Refresh less often, or split the dashboard.", l.Waiting)
	case ProcessMemory:
		text = fmt.Sprintf("The plugin's queries take all of the %s of memory that they may, %s of it by this organization. Try again, or raise "+
			"`query_memory` in grafana.ini.", megabytes(l.Memory), megabytes(c.memoryOf(r.tenant.OrgID)))
	case OrganizationMemory:
		text = fmt.Sprintf("The queries of this organization take all of the %s of memory that they may. Try again, open fewer panels at once, or "+
			"raise `query_memory` in grafana.ini.", megabytes(l.OrganizationMemory))
	case RequestMemory:
		text = fmt.Sprintf("The results of this panel take more than %s of memory. %s.", megabytes(l.RequestMemory), smaller)
	case EvaluationMemory:
		text = fmt.Sprintf("The query needs %s of memory, more than the %s that one may. %s.", megabytes(bytes), megabytes(r.most()), smaller)
	}
	return &LimitError{bound, text}
}

func megabytes(bytes int64) string { return fmt.Sprintf("%d MiB", (bytes+mebibyte-1)/mebibyte) }
