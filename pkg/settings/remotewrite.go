package settings

import (
	"fmt"
	"strings"
	"time"
)

type storedWrite struct {
	On               bool   `json:"on"`
	URL              string `json:"url"`
	History          string `json:"history"`
	NativeHistograms bool   `json:"nativeHistograms"`
	// Timeout is in seconds, as in the HTTP settings.
	Timeout int `json:"timeout"`
}

const maxWriteTimeout = 5 * time.Minute

// decode checks what is switched on; all that is kept is sent unless less is wanted.
func (s storedWrite) decode(retention time.Duration) (out RemoteWrite, err error) {
	if !s.On {
		return RemoteWrite{}, nil
	}
	out = RemoteWrite{On: true, URL: strings.TrimSpace(s.URL), NativeHistograms: s.NativeHistograms}
	if out.URL != "" {
		if _, err := address(out.URL, "/api/v1/write"); err != nil {
			return out, fmt.Errorf("the remote-write URL %w", err)
		}
	}
	out.Timeout = DefaultWriteTimeout
	if s.Timeout != 0 {
		out.Timeout = time.Duration(s.Timeout) * time.Second
	}
	if s.Timeout < 0 || s.Timeout > int(maxWriteTimeout.Seconds()) {
		return out, fmt.Errorf("the remote-write time-out of %d s must be between 1 and %.0f s, or 0 for the default", s.Timeout, maxWriteTimeout.Seconds())
	}
	out.History, err = duration("history to send", s.History, retention, 0, 100*365*24*time.Hour)
	return out, err
}
