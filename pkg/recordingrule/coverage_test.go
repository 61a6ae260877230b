package recordingrule

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/executor"
	"github.com/coldhit/modelserving-datasource/pkg/plan"
	"github.com/coldhit/modelserving-datasource/pkg/series"
)

// startTimesStore has the start time of one recorded series.
type startTimesStore struct {
	executor.Executor
	requests int
	err      error
}

func (a *startTimesStore) Instant(_ context.Context, n plan.Node, _ executor.Instant) (series.Result, error) {
	a.requests++
	if a.err != nil || !reflect.DeepEqual(n, startTimes) {
		return series.Result{}, a.err
	}
	start := series.Series{Labels: map[string]string{StartLabel: "modelserving_job:a:rate1m"}, Values: []float64{1000.5}}
	return series.Result{Series: []series.Series{start}}, nil
}

func TestStartsAreQueriedOnceAMinute(t *testing.T) {
	t.Parallel()
	r := NewInPlace(nil, time.Now)
	server := &startTimesStore{err: errors.New("no answer")}
	_, err := r.Coverage(t.Context(), server)
	require.ErrorIs(t, err, server.err)
	server.err = nil
	for range 3 {
		known, err := r.Coverage(t.Context(), server)
		require.NoError(t, err)
		require.True(t, known.Complete())
		require.Equal(t, "1 recording rule, with rates over 1m", known.Describe())
		require.Equal(t, map[string]time.Time{"modelserving_job:a:rate1m": time.UnixMilli(1_000_500)}, known.starts)
	}
	require.Equal(t, 2, server.requests, "one that failed, and one")

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	held := <-r.coverage
	_, err = r.Coverage(ended, server)
	require.ErrorIs(t, err, context.Canceled)
	r.coverage <- held
}

func TestNothingIsReadThatLeavesSomethingOut(t *testing.T) {
	t.Parallel()
	known := Coverage{
		starts: map[string]time.Time{"a": time.Now(), "b": time.Now()}, windows: []time.Duration{5 * time.Minute, time.Minute},
		uncovered: []map[string]string{{"job": "speech", "namespace": "staging"}},
	}
	require.False(t, known.Complete())
	require.Equal(t, "2 recording rules, with rates over 5m, 1m, which are not read: they leave out the traffic of job=speech, namespace=staging. "+
		"Load the rules wherever model servers are scraped, or where all of their series are seen.", known.Describe())
	require.Empty(t, Coverage{}.Describe())
}
