package querycache

import (
	"context"
	"fmt"
	"time"

	"github.com/coldhit/modelserving-datasource/pkg/executor"
	"github.com/coldhit/modelserving-datasource/pkg/passes"
	"github.com/coldhit/modelserving-datasource/pkg/plan"
	"github.com/coldhit/modelserving-datasource/pkg/promql"
	"github.com/coldhit/modelserving-datasource/pkg/series"
)

// maxTextBytes bounds the text of a plan with its top groups in it: servers and proxies refuse long requests.
const maxTextBytes = 16 << 10

// planKey is the same for plans that mean the same. The span is part of it only where the plan depends on it.
func planKey(n plan.Node, span time.Duration) string { return promql.Text(n, span) }

func selectorKeys(of []plan.Select) []string {
	out := make([]string, len(of))
	for i, s := range of {
		out[i] = promql.Selector(s)
	}
	return out
}

// rangePlan is a plan as it is evaluated, and its key.
type rangePlan struct {
	plan           plan.Node
	key            string
	dependsOnRange bool
}

// withNamedGroups runs the passes that make a plan the same at every refresh, as far as its text stays short enough.
func (c *Cache) withNamedGroups(ctx context.Context, n plan.Node, r executor.Range) (rangePlan, error) {
	named, err := passes.NameTopGroups(ctx, n, func(ctx context.Context, ranking plan.Node) (series.Result, error) {
		return c.Instant(ctx, ranking, executor.Instant{At: r.End, Span: r.Span})
	})
	if err != nil {
		return rangePlan{}, fmt.Errorf("rank the groups: %w", err)
	}
	for _, candidate := range []plan.Node{passes.PushDown(named), named, n} {
		if key := planKey(candidate, r.Span); len(key) <= maxTextBytes {
			return rangePlan{candidate, key, passes.DependsOnRange(candidate)}, nil
		}
	}
	return rangePlan{n, planKey(n, r.Span), passes.DependsOnRange(n)}, nil
}
