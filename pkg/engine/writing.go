package engine

import (
	"context"
	"time"

	"github.com/coldhit/modelserving-datasource/pkg/remotewrite"
)

// longestSettling bounds how far behind the present samples are sent. Series are at an end after that time anyway.
const longestSettling = 5 * time.Minute

// writing is the one sender of an engine.
type writing struct {
	// revision is that of the settings which the sender belongs to.
	revision int
	sender   *remotewrite.Sender
	cancel   context.CancelFunc
	ended    chan struct{}
}

// sendTo ends the sender there is and starts one for the destination, if that is not nil. Settings that are older than the sender's change nothing.
func (e *engine) sendTo(revision int, to remotewrite.Destination) {
	interval := e.scrapeInterval()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed || revision < max(1, e.writing.revision) {
		if to != nil {
			to.Close()
		}
		return
	}
	previous := e.writing
	if previous.cancel != nil {
		previous.cancel()
	}
	if e.writing = (writing{revision: revision, ended: previous.ended}); to == nil {
		return
	}
	ctx, cancel := context.WithCancel(e.ctx)
	next := writing{revision: revision, sender: remotewrite.New(e.db, positions{e.state}, to, e.sending(interval)), cancel: cancel, ended: make(chan struct{})}
	e.writing = next
	e.loops.Go(func() {
		defer close(next.ended)
		defer cancel()
		if previous.ended != nil {
			<-previous.ended
		}
		next.sender.Run(ctx)
	})
}

// sending are the sender's options by the newest settings and the longest interval. The caller holds mu.
func (e *engine) sending(interval time.Duration) remotewrite.Options {
	s := e.newest.settings
	return remotewrite.Options{
		History: s.RemoteWrite.History, NativeHistograms: s.RemoteWrite.NativeHistograms, Tick: min(interval, 15*time.Second), Logger: e.logger,
		// A scrape is stored up to a timeout after its time, and the end of a series after more than an interval.
		Settling: min(2*interval+min(s.ScrapeTimeout, interval), longestSettling),
	}
}

func (e *engine) writingStatus() (remotewrite.Status, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.writing.sender == nil {
		return remotewrite.Status{}, false
	}
	return e.writing.sender.Status(), true
}
