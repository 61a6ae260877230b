package plugin

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/remotewrite"
)

// How much did not arrive is told with its reason, and not confused with what was sent twice.
func TestRemoteWriteIsDescribed(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	const to = "Remote write to http://p/api/v1/write: "
	for want, s := range map[string]remotewrite.Status{
		"begins.": {},
		"70 samples sent since the start; it keeps up, 40s behind the present.": {Begun: true, Until: now.Add(-40 * time.Second), Sent: 70},
		"0 samples sent since the start; everything until 2026-03-04T02:06:07Z is there, 3h0m0s are still to be sent.": {
			Begun: true, Until: now.Add(-3 * time.Hour)},
		"70 samples sent since the start; it keeps up, 0s behind the present. 8 samples were refused, the last because: out of order.": {
			Begun: true, Until: now, Sent: 70, Refused: 8, Refusal: "out of order."},
		"70 samples sent since the start; it keeps up, 0s behind the present. 9 samples were sent again because the answer to them had got lost; " +
			"the server refused them, which is what it does with samples that it has.": {Begun: true, Until: now, Sent: 70, Repeated: 9},
	} {
		s.Destination = "http://p/api/v1/write"
		require.Equal(t, to+want, describeWriting(s, now))
	}
}
