package captures

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
	engineql "github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/util/teststorage"
	"github.com/stretchr/testify/require"
)

// store is a storage that holds recordings as if they had been scraped, one a minute.
type store struct {
	t       *testing.T
	storage *teststorage.TestStorage
	engine  *engineql.Engine
	end     time.Time
	span    time.Duration
}

// between is how far apart the recordings are put. The window of rates just holds two of them, so that a rate is the
// increase between two recordings divided by a minute.
const (
	between = time.Minute
	window  = between + time.Millisecond
)

// newStore makes an empty storage for that many scrapes.
func newStore(t *testing.T, scrapes int) *store {
	t.Helper()
	s := &store{t: t, storage: teststorage.New(t), end: time.UnixMilli(1_700_000_000_000), span: time.Duration(scrapes) * between}
	s.engine = engineql.NewEngine(engineql.EngineOpts{
		MaxSamples: 1e8, Timeout: time.Minute, EnableAtModifier: true, LookbackDelta: between, Parser: parser.NewParser(parser.Options{}),
	})
	t.Cleanup(func() { _ = s.engine.Close() })
	return s
}

// replay scrapes recordings of one server.
func replay(t *testing.T, server string, recordings []string) *store {
	t.Helper()
	s := newStore(t, len(recordings))
	s.add(server, recorded(t, server, recordings)...)
	return s
}

// add scrapes one target's pages, the last of them at the storage's end.
func (s *store) add(name string, pages ...[]byte) {
	s.t.Helper()
	target := labels.FromStrings("job", name, "instance", name+":80", "environment", "production", "deployment", "recorded")
	previous := map[uint64]labels.Labels{}
	for i, page := range pages {
		at := s.end.Add(-time.Duration(len(pages)-1-i) * between)
		previous = s.scrape(target, page, at, previous)
	}
}

// scrape appends a page's samples, and marks the series that are gone since the page before as ended, as scraping does.
func (s *store) scrape(target labels.Labels, page []byte, at time.Time, previous map[uint64]labels.Labels) map[uint64]labels.Labels {
	s.t.Helper()
	appender := s.storage.Appender(context.Background())
	seen := map[uint64]labels.Labels{}
	symbols := labels.NewSymbolTable()
	p, err := textparse.New(page, "text/plain", symbols, textparse.ParserOptions{})
	require.NoError(s.t, err)
	for {
		entry, err := p.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(s.t, err)
		if entry != textparse.EntrySeries {
			continue
		}
		_, _, value := p.Series()
		var own labels.Labels
		p.Labels(&own)
		series := withTarget(own, target)
		_, err = appender.Append(0, series, at.UnixMilli(), value)
		require.NoError(s.t, err)
		seen[series.Hash()] = series
	}
	for hash, series := range previous {
		if _, still := seen[hash]; !still {
			_, err := appender.Append(0, series, at.UnixMilli(), staleMarker)
			require.NoError(s.t, err)
		}
	}
	require.NoError(s.t, appender.Commit())
	return seen
}

// withTarget puts the target's labels on a series; its own of the same name are kept as exported_….
func withTarget(own, target labels.Labels) labels.Labels {
	b := labels.NewBuilder(own)
	target.Range(func(l labels.Label) {
		if v := own.Get(l.Name); v != "" {
			b.Set("exported_"+l.Name, v)
		}
		b.Set(l.Name, l.Value)
	})
	return b.Labels()
}

func recorded(t *testing.T, server string, recordings []string) [][]byte {
	t.Helper()
	pages := make([][]byte, len(recordings))
	for i, name := range recordings {
		pages[i] = Recording(t, server, name)
	}
	return pages
}

// has says whether the storage has a metric.
func (s *store) has(metric string) bool {
	return len(s.ask(`count({__name__=`+quoted(metric)+`})`)) > 0
}

// ask evaluates PromQL at the last recording.
func (s *store) ask(expr string) engineql.Vector {
	s.t.Helper()
	query, err := s.engine.NewInstantQuery(context.Background(), s.storage, nil, expr, s.end)
	require.NoError(s.t, err, expr)
	defer query.Close()
	result := query.Exec(context.Background())
	require.NoError(s.t, result.Err, expr)
	vector, err := result.Vector()
	require.NoError(s.t, err, expr)
	return append(engineql.Vector(nil), vector...)
}

func quoted(s string) string { return `"` + strings.ReplaceAll(s, `"`, `\"`) + `"` }
