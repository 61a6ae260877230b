package rules

import (
	"context"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	engineql "github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/teststorage"
	"github.com/stretchr/testify/require"
)

// store is a Prometheus of a test.
type store struct {
	t        *testing.T
	storage  *teststorage.TestStorage
	engine   *engineql.Engine
	appender storage.Appender
}

func newStore(t *testing.T) *store {
	t.Helper()
	s := &store{t: t, storage: teststorage.New(t)}
	s.engine = engineql.NewEngine(engineql.EngineOpts{MaxSamples: 1e7, Timeout: time.Minute, Parser: parser.NewParser(parser.Options{})})
	t.Cleanup(func() { _ = s.engine.Close() })
	return s
}

func (s *store) append(series labels.Labels, at time.Time, v float64) {
	s.t.Helper()
	if s.appender == nil {
		s.appender = s.storage.Appender(context.Background())
	}
	_, err := s.appender.Append(0, series, at.UnixMilli(), v)
	require.NoError(s.t, err)
}

func (s *store) commit() {
	s.t.Helper()
	if s.appender != nil {
		require.NoError(s.t, s.appender.Commit())
		s.appender = nil
	}
}

func (s *store) ask(expr string, at time.Time) engineql.Vector {
	s.t.Helper()
	query, err := s.engine.NewInstantQuery(context.Background(), s.storage, nil, expr, at)
	require.NoError(s.t, err, expr)
	defer query.Close()
	result := query.Exec(context.Background())
	require.NoError(s.t, result.Err, expr)
	vector, err := result.Vector()
	require.NoError(s.t, err, expr)
	return append(engineql.Vector(nil), vector...)
}
