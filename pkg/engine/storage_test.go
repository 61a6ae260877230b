package engine

import (
	"log/slog"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend/log"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/admission"
	"github.com/coldhit/modelserving-datasource/pkg/settings"
)

// writeBlock stores one series' sample in a block of its own.
func writeBlock(t *testing.T, folder string, at time.Time) {
	t.Helper()
	writer, err := tsdb.NewBlockWriter(slog.New(slog.DiscardHandler), folder, (2 * time.Hour).Milliseconds())
	require.NoError(t, err)
	defer func() { require.NoError(t, writer.Close()) }()
	appender := writer.Appender(t.Context())
	_, err = appender.Append(0, labels.FromStrings("__name__", "old"), at.UnixMilli(), 1)
	require.NoError(t, err)
	require.NoError(t, appender.Commit())
	_, err = writer.Flush(t.Context())
	require.NoError(t, err)
}

func tooOld(e *engine) int {
	count, _ := e.db.Expired()
	return count
}

func tooMuch(e *engine) int {
	_, count := e.db.Expired()
	return count
}

func apply(t *testing.T, e *engine, s settings.Embedded) {
	t.Helper()
	config, err := configFor(e.key, e.options, s)
	require.NoError(t, err)
	e.apply(s, config)
}

func TestRetentionChangesInPlace(t *testing.T) {
	key := Key{OrgID: 1, UID: "x"}
	o := Options{DataPath: t.TempDir(), Logger: log.NewNullLogger()}
	now := time.Now()
	for _, age := range []time.Duration{10 * 24 * time.Hour, 5 * 24 * time.Hour, 12 * time.Hour} {
		writeBlock(t, key.dataFolder(o.DataPath), now.Add(-age))
	}
	s := settings.Embedded{Interval: time.Second, ScrapeTimeout: time.Second, RetentionTime: 15 * 24 * time.Hour}
	e, err := openEngine(key, o, newQueryRunner(admission.New(admission.Limits{})), s)
	require.NoError(t, err)
	defer func() { require.NoError(t, e.close()) }()
	apply(t, e, s)
	require.Equal(t, 3, e.db.Status().Blocks)
	require.WithinDuration(t, now.Add(-10*24*time.Hour), e.since(), time.Second)
	require.Zero(t, tooOld(e))
	require.Zero(t, tooMuch(e))

	s.RetentionTime = 7 * 24 * time.Hour
	apply(t, e, s)
	require.Eventually(t, func() bool { return tooOld(e) == 1 }, time.Minute, 10*time.Millisecond)
	s.RetentionBytes = 1
	apply(t, e, s)
	require.Eventually(t, func() bool { return tooMuch(e) == 3 }, time.Minute, 10*time.Millisecond)
	s.RetentionTime, s.RetentionBytes = 15*24*time.Hour, 0
	apply(t, e, s)
	require.Eventually(t, func() bool {
		return tooOld(e) == 0 && tooMuch(e) == 0
	}, time.Minute, 10*time.Millisecond)
}
