package remotewrite

import (
	"fmt"
	"math"
	"time"
)

// Position is how far samples were sent to a destination, in unix milliseconds. The zero value means that nothing is known.
type Position struct {
	// Sent is the time up to which everything has been sent.
	Sent int64
	// Sending is the end of what was about to be sent after Sent, 0 if nothing was: the destination may have some of it.
	Sending int64
}

// Positions stores positions by the names of destinations, apart from the samples.
type Positions interface {
	// Position returns the stored position, zero if there is none. Beside an error the position may be older than the one that was stored last.
	Position(destination string) (Position, error)
	StorePosition(destination string, p Position) error
}

// progress is where a sender is. It belongs to Run.
type progress struct {
	// cursor is the time up to which everything has been sent. What lies after it and up to doubtful may have been sent before, in windows that
	// are not known. What lies up to resend was one window: sent again as the same one, it has the same requests, and of each the destination
	// has everything or nothing. All are unix milliseconds.
	cursor, doubtful, resend int64
	// checked is when the clock was last compared with the cursor, by the system's monotonic clock, which is never turned back.
	checked time.Time
}

// begin continues at the stored position, or where the history begins if none can be trusted.
func (s *Sender) begin() (progress, error) {
	now := s.options.Now()
	oldest, err := s.db.StartTime()
	if err != nil {
		return progress{}, fmt.Errorf("when the history begins cannot be read: %w", err)
	}
	p := progress{checked: time.Now()}
	stored, damage := s.positions.Position(s.to.Name())
	note := distrust(stored, damage, now)
	switch {
	case stored.Sent > 0 && stored.Sent <= now.UnixMilli():
		p.cursor, p.resend = stored.Sent, min(stored.Sending, stored.Sent+longestSpan.Milliseconds(), now.UnixMilli())
		if oldest != math.MaxInt64 {
			p.cursor = max(p.cursor, oldest-1) // nothing older is stored
		}
	case oldest == math.MaxInt64:
		p.cursor = now.Add(-s.options.Settling).UnixMilli()
	default:
		p.cursor = max(now.Add(-s.options.History).UnixMilli(), oldest-1)
	}
	if note != "" {
		p.doubtful, p.resend = now.UnixMilli(), 0
		note += fmt.Sprintf(" Samples since %s are sent again.", formatTime(p.cursor))
		s.options.Logger.Warn("The stored position of remote write is not used as it is", "destination", s.to.Name(), "reason", note)
	}
	s.update(func(status *Status) {
		status.Begun, status.Until, status.Failure, status.Note = true, time.UnixMilli(p.cursor), "", note
	})
	return p, nil
}

// distrust says why a stored position cannot be right, in a sentence. It is empty if nothing is wrong with it.
func distrust(stored Position, damage error, now time.Time) string {
	switch {
	case damage != nil:
		return fmt.Sprintf("The stored position could not be read in full: %s.", damage)
	case stored.Sent > now.UnixMilli():
		return fmt.Sprintf("The stored position %s lies in the future. Check the clock of the server on which Grafana runs.", formatTime(stored.Sent))
	case stored.Sent < 0 || stored.Sending < 0:
		return "The stored position lies before 1970."
	}
	return ""
}

func formatTime(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.RFC3339) }

// followClock goes back where the clock was turned back to a time before the cursor: samples are stored at times that the cursor has passed.
func (s *Sender) followClock(p *progress) {
	now := s.options.Now()
	elapsed := time.Since(p.checked)
	p.checked = time.Now()
	if p.cursor <= now.UnixMilli() {
		return
	}
	note := fmt.Sprintf("The clock was turned back from %s or later to %s.", formatTime(p.cursor), now.UTC().Format(time.RFC3339))
	p.doubtful, p.resend = p.cursor, 0
	p.cursor = now.Add(-elapsed - s.options.Settling).UnixMilli()
	s.options.Logger.Warn("Remote write goes back with the clock", "destination", s.to.Name(), "reason", note)
	s.update(func(status *Status) { status.Until, status.Note = time.UnixMilli(p.cursor), note })
}

// store stores where the sender is, and the end of what it is about to send, 0 for nothing. Without it, more is sent again after a restart, which
// receivers tolerate.
func (s *Sender) store(p progress, sending int64) {
	problem := ""
	if err := s.positions.StorePosition(s.to.Name(), Position{Sent: p.cursor, Sending: sending}); err != nil {
		problem = err.Error()
	}
	var before string
	s.update(func(status *Status) { before, status.PositionProblem = status.PositionProblem, problem })
	if problem != "" && before == "" {
		s.options.Logger.Warn("The position of remote write cannot be stored", "destination", s.to.Name(), "error", problem)
	}
}
