// Package progress prints what happens, one line an event, with times.
package progress

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// Printer writes one line an event, each with the time of day and the seconds since the printer was made. It may be used
// from several goroutines.
type Printer struct {
	mu    sync.Mutex
	out   io.Writer
	start time.Time
}

// NewPrinter writes to out.
func NewPrinter(out io.Writer) *Printer {
	return &Printer{out: out, start: time.Now()}
}

// Printf writes one line. The format needs no newline.
func (p *Printer) Printf(format string, args ...any) {
	now := time.Now()
	text := fmt.Sprintf(format, args...)
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.out, "%s %6.1fs  %s\n", now.Format(time.TimeOnly), now.Sub(p.start).Seconds(), text)
}

// Elapsed is the time since the printer was made.
func (p *Printer) Elapsed() time.Duration {
	return time.Since(p.start)
}
