package remotewrite

import (
	"context"
	"math"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
)

const (
	// CursorMetric is the series that remembers, for each destination, the unix time in seconds up to which all has been sent. It
	// is not sent itself.
	CursorMetric     = "modelserving_remote_write_sent_timestamp_seconds"
	destinationLabel = "destination"
)

func (s *Sender) cursorLabels() labels.Labels {
	return labels.FromStrings(model.MetricNameLabel, CursorMetric, destinationLabel, s.to.Name())
}

// remember stores how far samples were sent, in unix milliseconds.
func (s *Sender) remember(ctx context.Context, cursor int64) error {
	appender := s.db.Appender(ctx)
	if _, err := appender.Append(0, s.cursorLabels(), time.Now().UnixMilli(), float64(cursor)/1000); err != nil {
		_ = appender.Rollback()
		return err
	}
	return appender.Commit()
}

// remembered is how far samples were sent; false if none were.
func (s *Sender) remembered(ctx context.Context) (cursor int64, known bool, err error) {
	querier, err := s.db.Querier(math.MinInt64, math.MaxInt64)
	if err != nil {
		return 0, false, err
	}
	defer func() { _ = querier.Close() }()
	found := querier.Select(ctx, false, nil,
		labels.MustNewMatcher(labels.MatchEqual, model.MetricNameLabel, CursorMetric),
		labels.MustNewMatcher(labels.MatchEqual, destinationLabel, s.to.Name()))
	for found.Next() {
		iterator := found.At().Iterator(nil)
		for iterator.Next() == chunkenc.ValFloat {
			_, v := iterator.At()
			cursor, known = int64(math.Round(v*1000)), true
		}
		if err := iterator.Err(); err != nil {
			return 0, false, err
		}
	}
	return cursor, known, found.Err()
}
