package recorder

import "time"

// WaitLonger gives what comes after a response that was early so much time that no test depends on how fast the machine is.
func (o *Options) WaitLonger(most time.Duration) { o.searchTime, o.drainTime = most, most }

// SearchFor bounds the search for the model alone.
func (o *Options) SearchFor(most time.Duration) { o.searchTime = most }
