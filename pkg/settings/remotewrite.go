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

// decode checks the settings if remote write is enabled. The whole stored history is sent unless the backfill window is shorter.
func (s storedWrite) decode(retention time.Duration) (out RemoteWrite, err error) {
	if !s.Enabled {
		return RemoteWrite{}, nil
	}
	out = RemoteWrite{Enabled: true, URL: strings.TrimSpace(s.URL), NativeHistograms: s.NativeHistograms}
	if out.URL != "" {
		if _, err := address(out.URL, "/api/v1/write", "use basic authentication or a custom HTTP header instead"); err != nil {
			return out, fmt.Errorf("the remote-write URL %w", err)
		}
	}
	out.History, err = duration("backfill window", s.History, retention, 0, longestTime)
	return out, err
}
