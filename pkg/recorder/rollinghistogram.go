package recorder

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// The rolling histograms resolve a microsecond and two decimal digits: a quantile is within 1 % of the true value.
const (
	windowUnit    = time.Microsecond
	windowLongest = time.Hour
	windowDigits  = 2
)

func newWindowHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, int64(windowLongest/windowUnit), windowDigits)
}

// windowOptions say how far back rolling histograms reach: so many slices besides the one being filled.
type windowOptions struct {
	slice  time.Duration
	slices int
}

// rollingHistogram is the distribution of response times of the last minutes. Only the slice being filled is a whole histogram;
// past ones keep the values that occurred, a hundredth of its size.
type rollingHistogram struct {
	options windowOptions
	mu      sync.Mutex
	current *hdrhistogram.Histogram // nil while nothing was observed
	past    [][]occurrences         // oldest first
}

// occurrences says how often a value, in windowUnit, was observed.
type occurrences struct{ value, times int64 }

func (w *rollingHistogram) observe(elapsed time.Duration) {
	value := min(max(int64(elapsed/windowUnit), 1), int64(windowLongest/windowUnit))
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.current == nil {
		w.current = newWindowHistogram()
	}
	// The value lies in the histogram's range, so this cannot fail.
	_ = w.current.RecordValue(value)
}

// advance begins a new slice and lets go of the oldest.
func (w *rollingHistogram) advance() {
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
func (w *rollingHistogram) merged() *hdrhistogram.Histogram {
	w.mu.Lock()
	defer w.mu.Unlock()
	whole := newWindowHistogram()
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
