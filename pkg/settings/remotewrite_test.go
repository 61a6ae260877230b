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
		`{"remoteWrite": {"on": true}}`:        {On: true, History: unsaid, Timeout: DefaultWriteTimeout},
		`{"remoteWrite": {"on": true}, "retentionTime": "1h"}`: {On: true, History: time.Hour, Timeout: DefaultWriteTimeout},
		`{"remoteWrite": {"on": true, "url": " https://mimir/api/v1/push ", "history": "0", "nativeHistograms": true}}`: {
			On: true, URL: "https://mimir/api/v1/push", NativeHistograms: true, Timeout: DefaultWriteTimeout,
		},
		`{"remoteWrite": {"on": true, "history": "1y", "timeout": 5}}`: {On: true, History: 365 * 24 * time.Hour, Timeout: 5 * time.Second},
	} {
		require.Equal(t, want, decode(t, text).Embedded.RemoteWrite, text)
	}
	for text, sentence := range map[string]string{
		`{"remoteWrite": {"on": true, "url": "mimir"}}`:               "the remote-write URL is not valid; write it as http://host:port/api/v1/write or https://…",
		`{"remoteWrite": {"on": true, "url": "http://me:x@mimir/p"}}`: "the remote-write URL holds a user name or password",
		`{"remoteWrite": {"on": true, "timeout": 301}}`:               "the remote-write time-out of 301 s must be between 1 and 300 s",
		`{"remoteWrite": {"on": true, "history": "all"}}`:             `the history to send "all" is not a duration`,
	} {
		_, err := Decode([]byte(text), nil)
		require.ErrorContains(t, err, sentence)
	}
}
