package query

import (
	"context"
	"fmt"
	"time"

	"github.com/coldhit/modelserving-datasource/pkg/analysis"
	"github.com/coldhit/modelserving-datasource/pkg/profile"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// maxPieces bounds into how many pieces the time of a query is cut to see when no replica was active.
const maxPieces = 1000

// withColdHitsWithoutReplica adds, for the models of which nothing counts the cold hits, the share of requests that came while
// no replica was active, where a platform tells how many there are.
func (r *signalRun) withColdHitsWithoutReplica(ctx context.Context, counted []analysis.Series) ([]analysis.Series, error) {
	pieces := r.pieces()
	parts := r.present.WithoutReplica(r.query, r.environ, pieces)
	if len(parts) == 0 {
		return counted, nil
	}
	derived, err := r.run(ctx, parts)
	if err != nil {
		return nil, err
	}
	derived = analysis.Derived(analysis.ColdShares(derived, r.query.GroupBy), fmt.Sprintf("%s, checked every %s", signal.WithoutReplica.How, pieces.Every))
	return append(counted, analysis.Missing(counted, derived, r.query.GroupBy)...), nil
}

// pieces cuts the time that the query looks at as finely as scrapes and maxPieces allow.
func (r *signalRun) pieces() profile.Pieces {
	scrape := r.Store.Grid().Interval
	total := r.query.Window
	if total == 0 {
		total = r.rateInterval()
	}
	if !r.Instant {
		total += r.span()
	}
	every := max(scrape, (total/maxPieces + time.Second - 1).Truncate(time.Second))
	return profile.Pieces{Every: every, Scrape: scrape}
}
