package remote

import (
	"context"
	"time"

	"github.com/prometheus/prometheus/promql/parser"
	"golang.org/x/sync/errgroup"

	"github.com/coldhit/modelserving-datasource/pkg/remote/join"
	"github.com/coldhit/modelserving-datasource/pkg/series"
)

// maxPoints is how many steps servers answer at once; it is Prometheus's number, and the others took it over.
const maxPoints = 11_000

// span is a range with both of its ends, which are steps.
type span struct{ start, end time.Time }

// split cuts a range into parts that begin one step behind one another's end, of at most maxPoints steps and no longer than
// longest (zero for no bound).
func split(start, end time.Time, step, longest time.Duration) []span {
	gaps := time.Duration(maxPoints - 1)
	if longest > 0 {
		gaps = min(gaps, max(longest/step, 1)-1)
	}
	if end.Sub(start) <= gaps*step {
		return []span{{start, end}}
	}
	var parts []span
	for at := start; !at.After(end); at = at.Add((gaps + 1) * step) {
		last := at.Add(gaps * step)
		if last.After(end) {
			last = end
		}
		parts = append(parts, span{at, last})
	}
	return parts
}

// rangeInParts queries the parts of a range concurrently and joins them. The expression means the same in each part.
func (c *Client) rangeInParts(ctx context.Context, expr string, parts []span, step time.Duration) (series.Result, error) {
	answers := make([]series.Result, len(parts))
	left := newBudget(ctx, c.settings.ResponseLimits)
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(max(1, c.settings.MaxConcurrentQueries))
	for i, part := range parts {
		group.Go(func() (err error) {
			answers[i], err = c.rangeAtOnce(groupCtx, expr, part, step, left)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		if ctx.Err() != nil {
			return series.Result{}, context.Cause(ctx)
		}
		return series.Result{}, err
	}
	answer := join.Results(answers)
	if err := left.checkSeries(len(answer.Series) + len(answer.Histograms)); err != nil {
		return series.Result{}, subject{url: c.endpoint("query_range"), timeout: c.timeout}.explain(ctx, err)
	}
	return answer, nil
}

// pin writes the times that @ start() and @ end() stand for into what a user typed, so that it means the same in each part of a
// range. An expression that is not PromQL, such as MetricsQL, cannot be divided.
func pin(expr string, whole span) (pinned string, divisible bool) {
	parsed, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
	if err != nil {
		return "", false
	}
	changed := false
	at := func(which *parser.ItemType, to **int64) {
		switch *which {
		case parser.START:
			*to = new(whole.start.UnixMilli())
		case parser.END:
			*to = new(whole.end.UnixMilli())
		default:
			return
		}
		*which, changed = 0, true
	}
	parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
		switch n := node.(type) {
		case *parser.VectorSelector:
			at(&n.StartOrEnd, &n.Timestamp)
		case *parser.SubqueryExpr:
			at(&n.StartOrEnd, &n.Timestamp)
		}
		return nil
	})
	if !changed {
		return expr, true
	}
	return parsed.String(), true
}
