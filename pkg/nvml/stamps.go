package nvml

import "time"

// setBack is how much earlier than ever a stamp has to be for the host's clock to have been set back.
const setBack = time.Second

// stamps follows the times that NVML puts on its samples, by the host's clock, in µs. That clock may be set back: what was stamped
// before lies ahead of it then, and must not pass for newer than what comes after.
type stamps struct {
	last uint64
	// behind is the least that the stamp of a new sample was behind the clock; below zero where it was ahead. It is known once
	// seen is set.
	behind int64
	seen   bool
}

// since is the stamp after which NVML is asked for samples.
func (s *stamps) since(clock int64) uint64 {
	if s.isAhead(s.last, clock) {
		s.last = uint64(max(clock-s.behind-drainEvery.Microseconds(), 0))
	}
	return s.last
}

// isNew says whether a sample was not handed out before.
func (s *stamps) isNew(stamp uint64, clock int64) bool {
	return stamp > s.last && !s.isAhead(stamp, clock)
}

func (s *stamps) isAhead(stamp uint64, clock int64) bool {
	return s.seen && clock-int64(stamp) < s.behind-setBack.Microseconds()
}

// update takes the newest stamp among new samples.
func (s *stamps) update(newest uint64, clock int64) {
	if newest <= s.last {
		return
	}
	s.last = newest
	if behind := clock - int64(newest); !s.seen || behind < s.behind {
		s.behind, s.seen = behind, true
	}
}
