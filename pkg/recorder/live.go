package recorder

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// The live distributions resolve a microsecond and two decimal digits: a quantile is within 1 % of the true value.
const (
	liveUnit    = time.Microsecond
	liveLongest = time.Hour
	liveDigits  = 2
)

func newLiveHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, int64(liveLongest/liveUnit), liveDigits)
}

// windowOptions say how far back live distributions reach: so many slices besides the one being filled.
type windowOptions struct {
	slice  time.Duration
	slices int
}

// liveWindow is the distribution of response times of the last minutes. Only the slice being filled is a whole histogram;
// past ones keep the values that occurred, a hundredth of its size.
type liveWindow struct {
	options windowOptions
	mu      sync.Mutex
	current *hdrhistogram.Histogram // nil while nothing was recorded
	past    [][]occurrences         // oldest first
}

// occurrences says how often a value, in liveUnit, was recorded.
type occurrences struct{ value, times int64 }

func (w *liveWindow) record(elapsed time.Duration) {
	value := min(max(int64(elapsed/liveUnit), 1), int64(liveLongest/liveUnit))
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.current == nil {
		w.current = newLiveHistogram()
	}
	// The value lies in the histogram's range, so this cannot fail.
	_ = w.current.RecordValue(value)
}

// advance begins a new slice and lets go of the oldest.
func (w *liveWindow) advance() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.current == nil && len(w.past) == 0 {
		return
	}
	var ended []occurrences
	if w.current != nil {
		for _, bar := range w.current.Distribution() {
			if bar.Count > 0 {
				ended = append(ended, occurrences{bar.To, bar.Count})
			}
		}
		w.current = nil
	}
	w.past = append(w.past, ended)
	if len(w.past) > w.options.slices {
		w.past = w.past[1:]
	}
	for _, slice := range w.past {
		if slice != nil {
			return
		}
	}
	w.past = nil
}

// merged answers the whole window as one histogram.
func (w *liveWindow) merged() *hdrhistogram.Histogram {
	w.mu.Lock()
	defer w.mu.Unlock()
	whole := newLiveHistogram()
	if w.current != nil {
		whole.Merge(w.current)
	}
	for _, slice := range w.past {
		for _, o := range slice {
			_ = whole.RecordValues(o.value, o.times)
		}
	}
	return whole
}
