package admission

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLimitsOf(t *testing.T) {
	for text, want := range map[string]int64{"": 0, "512MiB": 512 << 20, "1GB": 1_000_000_000, "64MiB": 64 << 20} {
		l, err := LimitsOf(text, "")
		require.NoError(t, err, text)
		require.Equal(t, Limits{Memory: want}, l, text)
	}
	l, err := LimitsOf("", "8")
	require.NoError(t, err)
	require.Equal(t, 8, New(l).Limits().Slots)
	for _, wrong := range [][2]string{{"much", ""}, {"-1GB", ""}, {"1MiB", ""}, {"99999999999999999999GB", ""}, {"", "1"}, {"", "many"}, {"", "100000"}} {
		l, err := LimitsOf(wrong[0], wrong[1])
		require.ErrorContains(t, err, "the default of ", wrong)
		require.Equal(t, Limits{}, l)
	}
}
