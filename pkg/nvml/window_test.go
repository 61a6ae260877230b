package nvml

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestWindowsCoverEverySampleOnce: whatever the times of scrapes, the windows of one scraper have all samples, each once.
func TestWindowsCoverEverySampleOnce(t *testing.T) {
	start := time.Unix(1000, 0)
	for seed := range uint64(50) {
		random := rand.New(rand.NewPCG(seed, 1))
		var s samples
		now, previous := start, start
		added, summed, counted := 0.0, 0.0, 0
		n := 0
		for range 3000 {
			now = now.Add(time.Duration(1+random.IntN(50)) * time.Millisecond)
			if random.IntN(20) > 0 {
				value := random.Float64()
				s.add(now, value)
				added += value
				n++
				continue
			}
			total := s.after(previous)
			summed, counted, previous = summed+total.sum, counted+total.count, now
		}
		total := s.after(previous)
		require.Equal(t, n, counted+total.count, "seed %d", seed)
		require.InDelta(t, added, summed+total.sum, 1e-6, "seed %d", seed)
	}
}

func TestSamplesAreBounded(t *testing.T) {
	var s samples
	start := time.Unix(1000, 0)
	const added = mostSamples + 500
	for i := range added {
		s.add(start.Add(time.Duration(i)*time.Millisecond), float64(i))
	}
	require.Len(t, s.entries, mostSamples)
	last, ok := s.last()
	require.True(t, ok)
	require.EqualValues(t, added-1, last.value)
	total := s.after(start.Add(-time.Hour))
	require.Equal(t, mostSamples, total.count)
	require.EqualValues(t, added-1, total.max)
	require.InDelta(t, float64(added-1+added-mostSamples)/2, total.mean(), 1e-6, "the latest are kept")
}

func TestAWindowWithoutSamplesHasTheLastOneWhileItIsRecent(t *testing.T) {
	var s samples
	start := time.Unix(1000, 0)
	require.Zero(t, s.since(start, start).count)
	s.add(start, 7)
	now := start.Add(2 * time.Second)
	total := s.since(now.Add(-time.Second), now)
	require.Equal(t, 1, total.count)
	require.EqualValues(t, 7, total.max)
	now = start.Add(staleAfter + time.Second)
	require.Zero(t, s.since(now.Add(-time.Second), now).count)
}
