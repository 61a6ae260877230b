package nvml

import "time"

const (
	// longestWindow is how far back a mean or maximum reaches at most.
	longestWindow = 5 * time.Minute
	// mostSamples bounds one series of samples: five minutes of a sample every 50 ms.
	mostSamples = 6000
	// staleAfter is when the last sample is too old to stand for a window without any.
	staleAfter = 15 * time.Second
)

// samples keeps the latest samples of one reading, by the time of their arrival: a sample that NVML hands out late belongs to
// the window in which it arrived, so that none is ever lost between two windows. Not safe for concurrent use.
type samples struct {
	entries []sample
	// next is where the oldest entry is overwritten once the ring is full.
	next int
}

type sample struct {
	at    time.Time
	value float64
}

// add takes a sample; at must not lie before the previous sample's.
func (s *samples) add(at time.Time, value float64) {
	if len(s.entries) < mostSamples {
		s.entries = append(s.entries, sample{at, value})
		return
	}
	s.entries[s.next] = sample{at, value}
	s.next = (s.next + 1) % mostSamples
}

// last is the sample that arrived last, and false where there is none.
func (s *samples) last() (sample, bool) {
	if len(s.entries) == 0 {
		return sample{}, false
	}
	return s.entries[(s.next+len(s.entries)-1)%len(s.entries)], true
}

// summary is what a window of samples comes to.
type summary struct {
	sum, max float64
	count    int
}

func (s summary) mean() float64 { return s.sum / float64(s.count) }

// since summarises the samples that arrived after start. Where none did, the last one stands for the window if it is recent.
// The answer's count is 0 where there is nothing to say.
func (s *samples) since(start, now time.Time) summary {
	total := s.after(start)
	if last, ok := s.last(); total.count == 0 && ok && now.Sub(last.at) <= staleAfter {
		total.add(last.value)
	}
	return total
}

// after summarises the samples that arrived after start, and nothing else.
func (s *samples) after(start time.Time) summary {
	var total summary
	for i := len(s.entries) - 1; i >= 0; i-- {
		entry := s.entries[(s.next+i)%len(s.entries)]
		if !entry.at.After(start) {
			break
		}
		total.add(entry.value)
	}
	return total
}

func (s *summary) add(value float64) {
	if s.count == 0 || value > s.max {
		s.max = value
	}
	s.sum += value
	s.count++
}
