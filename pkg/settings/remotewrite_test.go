package settings

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRemoteWrite(t *testing.T) {
	t.Parallel()
	const unsaid = DefaultRetentionTime
	for text, want := range map[string]RemoteWrite{
		`{}`:                                   {},
		`{"remoteWrite": {"url": "not read"}}`: {},
		`{"remoteWrite": {"enabled": true}}`:   {Enabled: true, History: unsaid},
		`{"remoteWrite": {"enabled": true}, "retentionTime": "1h"}`: {Enabled: true, History: time.Hour},
		`{"remoteWrite": {"enabled": true, "url": " https://mimir/api/v1/push ", "history": "0", "nativeHistograms": true}}`: {
			Enabled: true, URL: "https://mimir/api/v1/push", NativeHistograms: true,
		},
		`{"remoteWrite": {"enabled": true, "history": "1y"}}`: {Enabled: true, History: 365 * 24 * time.Hour},
	} {
		require.Equal(t, want, decode(t, text).Embedded.RemoteWrite, text)
	}
	for text, sentence := range map[string]string{
		`{"remoteWrite": {"enabled": true, "url": "mimir"}}`:               "the remote-write URL is not valid; enter it as http://host:port/api/v1/write or https://…",
		`{"remoteWrite": {"enabled": true, "url": "http://me:x@mimir/p"}}`: "the remote-write URL contains a user name or password",
		`{"remoteWrite": {"enabled": true, "history": "all"}}`:             `the backfill window "all" is not a duration`,
	} {
		_, err := Decode([]byte(text), nil)
		require.ErrorContains(t, err, sentence)
	}
}
