package attribution

import (
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// FuzzCommandLine holds any command line and environment against the default rules: names are labels, and nobody is asked but
// this host.
func FuzzCommandLine(f *testing.F) {
	f.Add("tritonserver --metrics-port=70000", "POD_IP", "10.0.0.1")
	f.Add("tritonserver --metrics-address=10.0.0.1 --metrics-port 80", "A", "b")
	f.Add("tritonserver --metrics-address localhost --metrics-port 0x50", "A", "b")
	f.Add("vllm serve --model", "MODELSERVING_MODEL", "\x00=\xff")
	f.Add("ray::ServeReplica::", "", "")
	f.Add("mlserver start .", "MLSERVER_METRICS_PORT", "1@example.com")
	rules, err := DefaultRules()
	require.NoError(f, err)
	a := &Attributor{settings: Settings{Rules: rules}}
	f.Fuzz(func(t *testing.T, line, name, value string) {
		p := &process{arguments: strings.Split(line, " "), environment: map[string]string{name: value}, root: "/nowhere"}
		c := a.directClaim(p)
		for _, label := range []string{c.model, c.version} {
			require.True(t, utf8.ValidString(label))
			require.LessOrEqual(t, len(label), maxNameBytes)
			require.NotContains(t, label, "\x00")
		}
		require.True(t, c.model == "" || c.rule == nil)
		if c.address != "" {
			u, err := url.Parse(c.address)
			require.NoError(t, err)
			require.Equal(t, "127.0.0.1", u.Hostname())
			require.Nil(t, u.User)
		}
	})
}
