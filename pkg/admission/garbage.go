package admission

import (
	"runtime/debug"
	"sync/atomic"
)

// tightPercent is Go's GOGC while queries take much memory: the heap then grows to five quarters of what is alive instead of twice
// as much. Garbage collection takes more of the processor meanwhile.
const tightPercent = 25

// usualPercent is GOGC as the process was started with.
var usualPercent atomic.Int64

// collectSooner changes how soon garbage is collected. Its caller calls it with high and low in turns.
func collectSooner(high bool) {
	if high {
		usualPercent.Store(int64(debug.SetGCPercent(tightPercent)))
		return
	}
	debug.SetGCPercent(int(usualPercent.Load()))
}
