package plugin

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/remotewrite"
)

// Samples that did not arrive are reported with the reason, apart from those that were sent twice.
func TestRemoteWriteIsDescribed(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	const to = "Remote write to http://p/api/v1/write: "
	for want, s := range map[string]remotewrite.Status{
		"starting.": {},
		"70 samples sent since the start, up to date (lag 40s).": {Begun: true, Until: now.Add(-40 * time.Second), Sent: 70},
		"0 samples sent since the start, complete until 2026-03-04T02:06:07Z, lag 3h0m0s.": {
			Begun: true, Until: now.Add(-3 * time.Hour)},
		"70 samples sent since the start, up to date (lag 0s). 8 samples were rejected, most recently: out of order.": {
			Begun: true, Until: now, Sent: 70, Refused: 8, Refusal: "out of order."},
		"70 samples sent since the start, up to date (lag 0s). 9 samples were resent after a lost response. " +
			"The server had them already and rejected them.": {Begun: true, Until: now, Sent: 70, Repeated: 9},
		"7 samples sent since the start, position 2026-03-05T05:06:07Z, which is 24h0m0s ahead of the clock.": {
			Begun: true, Until: now.Add(24 * time.Hour), Sent: 7},
		"0 samples sent since the start, up to date (lag 0s). It was in the future.": {Begun: true, Until: now, Note: "It was in the future."},
		"0 samples sent since the start, up to date (lag 0s). The position cannot be stored, so samples are sent again after a restart: disk full.": {
			Begun: true, Until: now, PositionProblem: "disk full"},
	} {
		s.Destination = "http://p/api/v1/write"
		require.Equal(t, to+want, describeWriting(s, now))
	}
}
