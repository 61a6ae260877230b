package passes

import (
	"time"

	"github.com/coldhit/modelserving-datasource/pkg/plan"
)

// Pin writes the end of the range into a plan, so that it means the same in each part of that range.
func Pin(n plan.Node, end time.Time) plan.Node {
	if total, ok := n.(plan.IncreaseOverRange); ok && total.End.IsZero() {
		total.End = end
		return total
	}
	return plan.Map(n, func(part plan.Node) plan.Node { return Pin(part, end) })
}
