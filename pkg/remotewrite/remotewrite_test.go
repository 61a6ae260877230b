package remotewrite_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend/log"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/prompb"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/tsdbutil"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/remote"
	"github.com/coldhit/modelserving-datasource/pkg/remote/prometheustest"
	"github.com/coldhit/modelserving-datasource/pkg/remotewrite"
	"github.com/coldhit/modelserving-datasource/pkg/settings"
)

const (
	patience = 60 * time.Second
	moment   = 20 * time.Millisecond
	replicas = 300
)

func openDB(t *testing.T) *tsdb.DB {
	t.Helper()
	db, err := tsdb.Open(t.TempDir(), slog.New(slog.DiscardHandler), nil, tsdb.DefaultOptions(), nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

func series(name string, i int) labels.Labels {
	return labels.FromStrings("__name__", name, "model", fmt.Sprintf("m%d", i%7), "replica", fmt.Sprint(i), "deployment", "übersetzung")
}

// fill stores a counter for each replica every 15 s, an end of some of them, and a native histogram.
func fill(t *testing.T, db storage.Appendable, from, to time.Time) {
	t.Helper()
	for at := from; at.Before(to); at = at.Add(15 * time.Second) {
		appender := db.Appender(t.Context())
		for i := range replicas {
			v := float64(at.Unix()) * float64(i+1)
			if at.Minute() == 7 && i%3 == 0 {
				v = math.Float64frombits(value.StaleNaN)
			}
			_, err := appender.Append(0, series("requests_total", i), at.UnixMilli(), v)
			require.NoError(t, err)
		}
		_, err := appender.AppendHistogram(0, series("response_time_seconds", 0), at.UnixMilli(), tsdbutil.GenerateTestHistogram(at.Unix()%100), nil)
		require.NoError(t, err)
		require.NoError(t, appender.Commit())
	}
}

// dump is all of a TSDB: bits of numbers by series and time.
func dump(t *testing.T, db *tsdb.DB) map[string]map[int64]string {
	t.Helper()
	querier, err := db.Querier(math.MinInt64, math.MaxInt64)
	require.NoError(t, err)
	defer func() { require.NoError(t, querier.Close()) }()
	found := querier.Select(t.Context(), false, nil, labels.MustNewMatcher(labels.MatchRegexp, "__name__", ".+"))
	out := map[string]map[int64]string{}
	for found.Next() {
		samples := map[int64]string{}
		iterator := found.At().Iterator(nil)
		for kind := iterator.Next(); kind != chunkenc.ValNone; kind = iterator.Next() {
			if kind == chunkenc.ValFloat {
				at, v := iterator.At()
				samples[at] = fmt.Sprintf("%x", math.Float64bits(v))
			} else {
				at, h := iterator.AtFloatHistogram(nil)
				samples[at] = withoutHint(h)
			}
		}
		out[found.At().Labels().String()] = samples
	}
	require.NoError(t, found.Err())
	return out
}

func withoutHint(h *histogram.FloatHistogram) string {
	h.CounterResetHint = histogram.UnknownCounterReset
	return h.String()
}

func writer(t *testing.T, server *prometheustest.Server) *remote.Writer {
	t.Helper()
	w, err := remote.NewWriter(t.Context(), server.Instance(), settings.RemoteWrite{Enabled: true})
	require.NoError(t, err)
	return w
}

// start runs a sender; stop ends it and waits for its end.
func start(t *testing.T, db *tsdb.DB, positions remotewrite.Positions, to remotewrite.Destination, changes ...func(*remotewrite.Options)) (sender *remotewrite.Sender, stop func()) {
	t.Helper()
	options := remotewrite.Options{
		History: 24 * time.Hour, NativeHistograms: true, Settling: 5 * time.Second, Tick: 50 * time.Millisecond, Logger: log.NewNullLogger(),
	}
	for _, change := range changes {
		change(&options)
	}
	sender = remotewrite.New(db, positions, to, options)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		sender.Run(ctx)
	}()
	stop = func() {
		cancel()
		<-ended
	}
	t.Cleanup(stop)
	return sender, stop
}

func caughtUp(t *testing.T, sender *remotewrite.Sender, to time.Time) {
	t.Helper()
	require.Eventually(t, func() bool {
		status := sender.Status()
		return status.Begun && status.Until.After(to)
	}, patience, moment, "everything until %s should be sent", to)
}

// A Prometheus that wants samples in order gets all the history, and then what is new, also over a restart of the sender, and nothing twice.
func TestHistoryAndWhatIsNewArrive(t *testing.T) {
	t.Parallel()
	db, server := openDB(t), prometheustest.New(t, prometheustest.WithoutLateSamples)
	now := time.Now()
	fill(t, db, now.Add(-3*time.Hour), now.Add(-time.Minute))
	positions := &memory{}
	sender, stop := start(t, db, positions, writer(t, server))
	caughtUp(t, sender, now.Add(-time.Minute))
	status := sender.Status()
	require.Zero(t, status.Refused, status.Refusal)
	require.EqualValues(t, (replicas+1)*(179*4), status.Sent)
	require.Equal(t, dump(t, db), dump(t, server.DB))
	require.Zero(t, status.Behind(status.Until.Add(status.Settling)))

	fillNow(t, db)
	caughtUp(t, sender, time.Now())
	require.Equal(t, status.Sent+replicas+1, sender.Status().Sent)
	stop()
	fillNow(t, db)
	next, _ := start(t, db, positions, writer(t, server))
	caughtUp(t, next, time.Now())
	require.EqualValues(t, replicas+1, next.Status().Sent, "nothing is sent again")
	require.Zero(t, next.Status().Refused)
	require.Equal(t, dump(t, db), dump(t, server.DB))
}

// fillNow stores one sample of each series.
func fillNow(t *testing.T, db storage.Appendable) {
	t.Helper()
	now := time.Now()
	fill(t, db, now, now.Add(time.Second))
}

// flaky answers many requests with what a struggling server says.
type flaky struct {
	requests atomic.Int64
	down     atomic.Bool
}

func (f *flaky) intercept(w http.ResponseWriter, r *http.Request) bool {
	n := f.requests.Add(1)
	switch {
	case f.down.Load():
		w.WriteHeader(http.StatusServiceUnavailable)
	case n%5 == 2:
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
	case n%7 == 3:
		panic(http.ErrAbortHandler)
	default:
		return false
	}
	_, _ = io.Copy(io.Discard, r.Body)
	return true
}

func TestNothingIsLostWhereAServerStruggles(t *testing.T) {
	t.Parallel()
	db, server := openDB(t), prometheustest.New(t, prometheustest.WithoutLateSamples)
	trouble := &flaky{}
	trouble.down.Store(true)
	server.Intercept = trouble.intercept
	now := time.Now()
	fill(t, db, now.Add(-4*time.Minute), now.Add(-time.Minute))
	sender, _ := start(t, db, &memory{}, writer(t, server))
	require.Eventually(t, func() bool { return sender.Status().Failure != "" }, patience, moment)
	require.Contains(t, sender.Status().Failure, "503")
	require.Positive(t, sender.Status().Behind(time.Now()))
	trouble.down.Store(false)
	caughtUp(t, sender, now)
	require.Equal(t, dump(t, db), dump(t, server.DB))
	require.Empty(t, sender.Status().Failure)
	require.Zero(t, sender.Status().Refused)
}

// A server that wants samples in order refuses those of series of which it has newer ones; the others in the same request arrive.
func TestRefusedSamplesAreCountedAndTheOthersArrive(t *testing.T) {
	t.Parallel()
	db, server := openDB(t), prometheustest.New(t, prometheustest.WithoutLateSamples)
	now := time.Now()
	fill(t, db, now.Add(-3*time.Minute), now.Add(-time.Minute))
	server.Append(t, prometheustest.Sample{Labels: series("requests_total", 150), At: now.Add(-30 * time.Second), Value: 1})
	sender, _ := start(t, db, &memory{}, writer(t, server))
	caughtUp(t, sender, now)
	status := sender.Status()
	require.EqualValues(t, 8, status.Refused)
	require.EqualValues(t, (replicas+1)*8-8, status.Sent)
	require.Contains(t, status.Refusal, "rejects samples (HTTP 400). Response: out of order sample.")
	require.Empty(t, status.Failure)
	arrived := dump(t, server.DB)
	require.Len(t, arrived, replicas+1)
	require.Len(t, arrived[series("requests_total", 149).String()], 8)
}

// never refuses everything, as servers do with history that is too old.
type never struct{ requests atomic.Int64 }

func (n *never) Write(_ context.Context, all []prompb.TimeSeries) error {
	n.requests.Add(1)
	return fmt.Errorf("%d series: %w", len(all), remotewrite.ErrRefused)
}
func (n *never) Name() string { return "never" }
func (n *never) Close()       {}

func TestAServerThatTakesNothingIsNotAskedForEachSeries(t *testing.T) {
	t.Parallel()
	db := openDB(t)
	now := time.Now()
	fill(t, db, now.Add(-time.Hour), now.Add(-time.Minute))
	to := &never{}
	sender, _ := start(t, db, &memory{}, to)
	caughtUp(t, sender, now)
	status := sender.Status()
	require.EqualValues(t, (replicas+1)*236, status.Refused)
	require.Zero(t, status.Sent)
	require.Less(t, to.requests.Load(), int64(1000), "for some 70,000 samples")
}

// forgetful is a server whose answers get lost on the way, after it has stored what it was sent.
type forgetful struct {
	remotewrite.Destination
	writes atomic.Int64
}

func (f *forgetful) Write(ctx context.Context, all []prompb.TimeSeries) error {
	if err := f.Destination.Write(ctx, all); err != nil {
		return err
	}
	if f.writes.Add(1)%4 == 2 {
		return fmt.Errorf("the connection was closed: %w", remotewrite.ErrUnanswered)
	}
	return nil
}

// What a server had stored before its answer was lost is sent again. That it refuses what it has is no loss, and not counted as one.
func TestAnswersThatGetLostAreNoRefusals(t *testing.T) {
	t.Parallel()
	db, server := openDB(t), prometheustest.New(t, prometheustest.WithoutLateSamples)
	now := time.Now()
	fill(t, db, now.Add(-10*time.Minute), now.Add(-time.Minute))
	sender, _ := start(t, db, &memory{}, &forgetful{Destination: writer(t, server)})
	caughtUp(t, sender, now)
	require.Equal(t, dump(t, db), dump(t, server.DB))
	status := sender.Status()
	require.Zero(t, status.Refused, status.Refusal)
	require.Positive(t, status.Repeated)
	require.EqualValues(t, (replicas+1)*36, status.Sent+status.Repeated)
}

// silent is a server that never answers.
type silent struct{ asked chan struct{} }

func (s *silent) Write(ctx context.Context, _ []prompb.TimeSeries) error {
	select {
	case s.asked <- struct{}{}:
	default:
	}
	<-ctx.Done()
	return ctx.Err()
}
func (s *silent) Name() string { return "silent" }
func (s *silent) Close()       {}

// Ending waits for no server, and nothing is lost by it.
func TestEndingDoesNotWaitForTheServer(t *testing.T) {
	t.Parallel()
	db, server := openDB(t), prometheustest.New(t, prometheustest.WithoutLateSamples)
	now := time.Now()
	fill(t, db, now.Add(-5*time.Minute), now.Add(-time.Minute))
	to := &silent{asked: make(chan struct{}, 1)}
	positions := &memory{}
	sender, stop := start(t, db, positions, to)
	<-to.asked
	began := time.Now()
	stop()
	require.Less(t, time.Since(began), 10*time.Second)
	require.Zero(t, sender.Status().Sent)
	next, _ := start(t, db, positions, writer(t, server))
	caughtUp(t, next, now)
	require.Equal(t, dump(t, db), dump(t, server.DB))
}
