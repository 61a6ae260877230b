package storage

import (
	"fmt"
	"math"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	promstorage "github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/stretchr/testify/require"
)

func openStore(t *testing.T, folder string) *Store {
	t.Helper()
	s, err := Open(Options{Dir: folder, Retention: 24 * time.Hour, RetryInterval: 10 * time.Millisecond, HistoryInterval: 10 * time.Millisecond})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func series(name string) labels.Labels {
	return labels.FromStrings("__name__", name, "job", "t")
}

// store stores a sample and answers the series' reference.
func (s *Store) store(t *testing.T, ref promstorage.SeriesRef, set labels.Labels, at int64, v float64) (promstorage.SeriesRef, error) {
	t.Helper()
	batch := s.AppenderV2(t.Context())
	found, err := batch.Append(ref, set, 0, at, v, nil, nil, promstorage.AOptions{})
	require.NoError(t, err)
	return found, batch.Commit()
}

// values are those of a series.
func (s *Store) values(t *testing.T, name string) (out []float64) {
	t.Helper()
	querier, err := s.Querier(math.MinInt64, math.MaxInt64)
	require.NoError(t, err)
	defer func() { require.NoError(t, querier.Close()) }()
	found := querier.Select(t.Context(), false, nil, labels.MustNewMatcher(labels.MatchEqual, "__name__", name))
	for found.Next() {
		for samples := found.At().Iterator(nil); samples.Next() != chunkenc.ValNone; {
			_, v := samples.At()
			out = append(out, v)
		}
	}
	require.NoError(t, found.Err())
	return out
}

func TestReferencesEndWithTheTSDB(t *testing.T) {
	t.Parallel()
	s := openStore(t, t.TempDir())
	now := time.Now().UnixMilli()
	ref, err := s.store(t, 0, series("a"), now, 1)
	require.NoError(t, err)
	again, err := s.store(t, ref, series("a"), now+1, 2)
	require.NoError(t, err)
	require.Equal(t, ref, again)
	require.NoError(t, s.replace())
	// The reference may be that of another series now.
	other, err := s.store(t, ref, series("b"), now+2, 3)
	require.NoError(t, err)
	require.NotEqual(t, ref, other)
	require.Equal(t, []float64{1, 2}, s.values(t, "a"))
	require.Equal(t, []float64{3}, s.values(t, "b"))
}

func TestFailureIsCountedAndEnds(t *testing.T) {
	t.Parallel()
	s := openStore(t, t.TempDir())
	now := time.Now().UnixMilli()
	_, err := s.store(t, 0, series("a"), now, 1)
	require.NoError(t, err)
	// Nothing is let in while the storage is marked, so that it is not replaced before the test has looked.
	s.gate.enter()
	s.fail(fmt.Errorf("write to WAL: %w", errNoRoom))
	_, err = s.store(t, 0, series("a"), now+1, 2)
	var notStored *NotStoredError
	require.ErrorAs(t, err, &notStored)
	require.Equal(t, DiskFull, notStored.Problem.Reason)
	status := s.Status()
	require.Equal(t, DiskFull, status.Problem.Reason)
	require.EqualValues(t, 1, status.Refusals[0].Samples)
	require.Equal(t, []string{"t"}, status.Refusals[0].Targets)
	require.Contains(t, status.Current(time.Now())[0], "Make room on the file system")
	require.Contains(t, status.Of("t", time.Now()), "the file system is full")
	require.True(t, status.Gaps[0].To.IsZero())
	require.Len(t, status.Missing(time.Now().Add(-time.Hour), time.Now()), 1)
	require.Empty(t, status.Missing(time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)))
	s.gate.leave()
	require.Eventually(t, func() bool { return s.Status().Problem == nil }, time.Minute, time.Millisecond)
	_, err = s.store(t, 0, series("a"), now+2, 3)
	require.NoError(t, err)
	require.Equal(t, []float64{1, 3}, s.values(t, "a"))
	require.False(t, s.Status().Gaps[0].To.IsZero())
	require.Eventually(t, func() bool {
		said := s.values(t, RefusedMetric)
		return len(said) > 1 && said[0] == 0 && said[1] == 1
	}, time.Minute, 10*time.Millisecond)
}

func TestReplacementWaitsForReaders(t *testing.T) {
	t.Parallel()
	s := openStore(t, t.TempDir())
	_, err := s.store(t, 0, series("a"), time.Now().UnixMilli(), 1)
	require.NoError(t, err)
	querier, err := s.Querier(math.MinInt64, math.MaxInt64)
	require.NoError(t, err)
	var replaced atomic.Bool
	done := make(chan error)
	go func() {
		err := s.replace()
		replaced.Store(true)
		done <- err
	}()
	require.Eventually(t, func() bool {
		s.gate.mu.Lock()
		defer s.gate.mu.Unlock()
		return s.gate.isShut
	}, time.Minute, time.Millisecond)
	later := make(chan []float64)
	go func() { later <- s.values(t, "a") }()
	found := querier.Select(t.Context(), false, nil, labels.MustNewMatcher(labels.MatchEqual, "__name__", "a"))
	require.True(t, found.Next())
	require.False(t, replaced.Load())
	require.NoError(t, querier.Close())
	require.NoError(t, <-done)
	require.Equal(t, []float64{1}, <-later)
}

func TestFolderInUseIsReported(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	openStore(t, folder)
	_, err := Open(Options{Dir: folder})
	require.ErrorContains(t, err, "is in use by another process")
}
