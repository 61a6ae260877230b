package signal

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestClosest(t *testing.T) {
	t.Parallel()
	all := names(Builtin(), func(s Signal) string { return s.Name })
	for misspelt, want := range map[string]string{
		"responze_time": "response_time", "respones_time": "response_time", "Response_Time": "response_time", "error_rates": "error_rate",
		"requets": "requests", "latency": "", "": "", "x": "", "gpu": "",
	} {
		got, found := Closest(misspelt, all)
		require.Equal(t, want, got, misspelt)
		require.Equal(t, want != "", found, misspelt)
	}
}

func TestEditDistance(t *testing.T) {
	t.Parallel()
	require.Equal(t, 0, editDistance("same", "same"))
	require.Equal(t, 3, editDistance("", "abc"))
	require.Equal(t, 3, editDistance("abc", ""))
	require.Equal(t, 3, editDistance("kitten", "sitting"))
}
