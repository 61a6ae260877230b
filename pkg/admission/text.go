package admission

import (
	"fmt"
	"strconv"

	"github.com/alecthomas/units"
)

const (
	// leastMemory lets the dashboards that come with the plugin be evaluated.
	leastMemory = 64 * mebibyte
	mostSlots   = 256
)

// LimitsOf reads limits as an administrator writes them: memory like 512MiB or 1GB, and a number of slots. An empty text means the default.
// A text that is neither is an error, and its default applies.
func LimitsOf(memory, slots string) (l Limits, err error) {
	if memory != "" {
		bytes, wrong := units.ParseStrictBytes(memory)
		if wrong != nil || bytes < leastMemory {
			err = fmt.Errorf("query_memory = %q is not a size of at least %s, for example 512MiB: the default of %s applies", memory, megabytes(leastMemory), megabytes(DefaultMemory))
		} else {
			l.Memory = bytes
		}
	}
	if slots != "" {
		n, wrong := strconv.Atoi(slots)
		if wrong != nil || n < 2 || n > mostSlots {
			return l, fmt.Errorf("query_slots = %q is not a number from 2 to %d: the default of %d applies", slots, mostSlots, defaultSlots)
		}
		l.Slots = n
	}
	return l, err
}
