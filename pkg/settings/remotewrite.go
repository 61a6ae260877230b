package settings

import (
	"fmt"
	"strings"
	"time"
)

type storedWrite struct {
	Enabled          bool   `json:"enabled"`
	URL              string `json:"url"`
	History          string `json:"history"`
	NativeHistograms bool   `json:"nativeHistograms"`
}

// decode checks what is switched on; all that is kept is sent unless less is wanted.
func (s storedWrite) decode(retention time.Duration) (out RemoteWrite, err error) {
	if !s.Enabled {
		return RemoteWrite{}, nil
	}
	out = RemoteWrite{Enabled: true, URL: strings.TrimSpace(s.URL), NativeHistograms: s.NativeHistograms}
	if out.URL != "" {
		if _, err := address(out.URL, "/api/v1/write"); err != nil {
			return out, fmt.Errorf("the remote-write URL %w", err)
		}
	}
	out.History, err = duration("history to send", s.History, retention, 0, longestTime)
	return out, err
}
