package remotewrite_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/prompb"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/remote/prometheustest"
	"github.com/coldhit/modelserving-datasource/pkg/remotewrite"
)

// memory keeps the position of one destination. Errors may be set before it is used.
type memory struct {
	mu                 sync.Mutex
	at                 remotewrite.Position
	damaged, storeFail error
}

func (m *memory) Position(string) (remotewrite.Position, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.at, m.damaged
}

func (m *memory) StorePosition(_ string, at remotewrite.Position) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.storeFail == nil {
		m.at = at
	}
	return m.storeFail
}

// everythingArrives fills ten minutes and has a sender with the given positions send them to a server that wants samples in order.
func everythingArrives(t *testing.T, positions *memory) remotewrite.Status {
	t.Helper()
	db, server := openDB(t), prometheustest.New(t, prometheustest.WithoutLateSamples)
	now := time.Now()
	fill(t, db, now.Add(-10*time.Minute), now.Add(-time.Minute))
	sender, _ := start(t, db, positions, writer(t, server))
	caughtUp(t, sender, now.Add(-time.Minute))
	require.Equal(t, dump(t, db), dump(t, server.DB))
	return sender.Status()
}

func TestAPositionInTheFutureIsNotTrusted(t *testing.T) {
	t.Parallel()
	ahead := time.Date(2099, 12, 3, 4, 5, 6, 0, time.UTC)
	status := everythingArrives(t, &memory{at: remotewrite.Position{Sent: ahead.UnixMilli(), Sending: ahead.Add(time.Hour).UnixMilli()}})
	require.Contains(t, status.Note, "The stored position 2099-12-03T04:05:06Z lies in the future.")
	require.Contains(t, status.Note, "are sent again.")
	require.Zero(t, status.Ahead(time.Now()))
	require.EqualValues(t, (replicas+1)*36, status.Sent)
}

func TestPositionsThatCannotBeAreNotTrusted(t *testing.T) {
	t.Parallel()
	require.Contains(t, everythingArrives(t, &memory{at: remotewrite.Position{Sent: -1}}).Note, "lies before 1970")
	require.Contains(t, everythingArrives(t, &memory{damaged: errors.New("its checksum is wrong")}).Note, "its checksum is wrong")
	require.Empty(t, everythingArrives(t, &memory{}).Note)
	// A position before everything that is stored skips to it: hour by hour it would take hundreds of thousands of windows.
	require.Empty(t, everythingArrives(t, &memory{at: remotewrite.Position{Sent: 1}}).Note)
}

func TestAPositionThatCannotBeStoredIsSaid(t *testing.T) {
	t.Parallel()
	status := everythingArrives(t, &memory{storeFail: errors.New("no space left on device")})
	require.Contains(t, status.PositionProblem, "no space left on device")
	require.Empty(t, status.Failure, "sending goes on")
}

// stuck takes some requests and then none: they wait until the sender ends, as in a process that is killed.
type stuck struct {
	remotewrite.Destination
	left  atomic.Int64
	stuck chan struct{}
	once  sync.Once
}

func (s *stuck) Write(ctx context.Context, all []prompb.TimeSeries) error {
	if s.left.Add(-1) < 0 {
		s.once.Do(func() { close(s.stuck) })
		<-ctx.Done()
		return ctx.Err()
	}
	return s.Destination.Write(ctx, all)
}

// A sender that ended in the middle of a window leaves it to the next one. What the server has of it already is sent again and refused: that
// is no loss, and is not counted as one. Nothing else is sent twice.
func TestEndingInTheMiddleOfAWindowLosesNothing(t *testing.T) {
	t.Parallel()
	db, server := openDB(t), prometheustest.New(t, prometheustest.WithoutLateSamples)
	now := time.Now()
	fill(t, db, now.Add(-3*time.Hour), now.Add(-time.Minute))
	positions := &memory{}
	const ends = 5
	for i := range ends {
		to := &stuck{Destination: writer(t, server), stuck: make(chan struct{})}
		to.left.Store(int64(10 + i))
		_, stop := start(t, db, positions, to)
		<-to.stuck
		stop()
	}
	sender, _ := start(t, db, positions, writer(t, server))
	caughtUp(t, sender, now)
	require.Equal(t, dump(t, db), dump(t, server.DB))
	status := sender.Status()
	require.Zero(t, status.Refused, status.Refusal)
	require.Positive(t, status.Repeated)
	require.Empty(t, status.Note)
}

// The clock was half an hour ahead and is set right: what is scraped then is stored at times that have been passed, and sent all the same.
func TestAClockThatIsTurnedBackIsFollowed(t *testing.T) {
	t.Parallel()
	db, server := openDB(t), prometheustest.New(t)
	var offset atomic.Int64
	offset.Store(int64(30 * time.Minute))
	clock := func() time.Time { return time.Now().Add(time.Duration(offset.Load())) }
	add := func(name string) {
		appender := db.Appender(t.Context())
		_, err := appender.Append(0, labels.FromStrings("__name__", name), clock().UnixMilli(), 1)
		require.NoError(t, err)
		require.NoError(t, appender.Commit())
	}
	add("ahead")
	sender, _ := start(t, db, &memory{}, writer(t, server), func(o *remotewrite.Options) { o.Now, o.Settling = clock, time.Second })
	caughtUp(t, sender, clock())
	offset.Store(0)
	require.Positive(t, sender.Status().Ahead(clock()))
	add("right")
	require.Eventually(t, func() bool { return has(t, server.DB, "right") }, patience, moment)
	require.Eventually(t, func() bool { return sender.Status().Ahead(clock()) == 0 }, patience, moment)
	require.Contains(t, sender.Status().Note, "The clock was turned back")
}

func has(t *testing.T, db *tsdb.DB, name string) bool {
	t.Helper()
	_, found := dump(t, db)[labels.FromStrings("__name__", name).String()]
	return found
}
