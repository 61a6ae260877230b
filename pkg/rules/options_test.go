package rules

import (
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestOptionsAreRead(t *testing.T) {
	t.Parallel()
	o := defaults()
	given, err := url.ParseQuery("folder=On-call&interval=30s&window=2m&for=0s&period=7d&responseTime=1s&cacheHitRatio=60%25&coldLoadRate=0.2&evictions=5&queueSize=100&startingFor=20m&gpuMemory=98%25&minimumRequests=3")
	require.NoError(t, err)
	require.NoError(t, o.Read(given))
	zero := time.Duration(0)
	require.Equal(t, Options{
		DataSourceUID: "modelserving", OrgID: 1, Folder: "On-call", Interval: 30 * time.Second, Window: 2 * time.Minute, For: &zero, Period: 7 * 24 * time.Hour,
		ResponseTime: time.Second, CacheHitRatio: 0.6, ColdLoadRate: 0.2, Evictions: 5, QueueSize: 100, StartingFor: 20 * time.Minute, GPUMemory: 0.98, MinimumRequests: 3,
	}, o)
	require.Empty(t, Unknown(given))
}

func TestEmptyParametersAreDefaults(t *testing.T) {
	t.Parallel()
	o := defaults()
	require.NoError(t, o.Read(url.Values{"folder": {" "}, "window": {""}}))
	require.Equal(t, defaults(), o)
}

func TestWrongParametersAreNamed(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"interval=15s":        `interval is "15s": it must be a multiple of 10s`,
		"interval=5s":         "it must be between 10s and 4m",
		"interval=soon":       `interval is "soon": write a duration`,
		"window=1s":           "it must be between 4s and 1h",
		"for=-1m":             "write a duration",
		"period=1m":           "it must be between 1h and",
		"responseTime=0s":     "it must be between 1ms and 1d",
		"cacheHitRatio=1":     "write a share of more than 0% and less than 100%",
		"cacheHitRatio=NaN":   "write a share",
		"coldLoadRate=120%25": "write a share",
		"gpuMemory=0":         "write a share",
		"evictions=0":         "write a number above 0",
		"evictions=Inf":       "write a number above 0",
		"queueSize=many":      "write a number above 0",
		"startingFor=2d":      "it must be between 0s and 1d",
		"folder=a/b":          "no slash",
	} {
		given, err := url.ParseQuery(text)
		require.NoError(t, err)
		o := defaults()
		require.ErrorContains(t, o.Read(given), want, text)
	}
	require.Equal(t, []string{"intervall"}, Unknown(url.Values{"intervall": {"1m"}, "format": {"grafana"}}, "format"))
}
