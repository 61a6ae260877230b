package passes

import (
	"context"
	"reflect"
	"slices"

	"github.com/coldhit/modelserving-datasource/pkg/plan"
	"github.com/coldhit/modelserving-datasource/pkg/series"
)

// maxGroups is how many groups are written into a plan at most: their text has to fit into a request.
const maxGroups = 200

// NameTopGroups replaces each TopK by a join with the groups that rank highest at the end of the range. The value at a step then no
// longer depends on the range, and as long as the same groups rank highest, every refresh has the same plan. Rank evaluates a
// ranking at the end of the range. A TopK stays where its groups are too many, where its ranking came with warnings, and where other
// groups may rank highest at other steps.
func NameTopGroups(ctx context.Context, n plan.Node, rank func(context.Context, plan.Node) (series.Result, error)) (plan.Node, error) {
	pass := topGroups{ctx: ctx, rank: rank}
	out := pass.node(n)
	return out, pass.err
}

type topGroups struct {
	ctx    context.Context
	rank   func(context.Context, plan.Node) (series.Result, error)
	ranked []ranking
	err    error
}

// ranking is what was found of one TopK. Groups is nil where it cannot be named.
type ranking struct {
	of     plan.TopK
	groups *plan.Groups
}

func (p *topGroups) node(n plan.Node) plan.Node {
	n = plan.Map(n, p.node)
	top, ok := n.(plan.TopK)
	if !ok || p.err != nil || !sameAtEveryStep(top.Rank) {
		return n
	}
	groups := p.groupsOf(top)
	switch {
	case groups == nil:
		return n
	case top.Rest:
		return plan.AntiJoin{Of: top.Of, On: top.By, Exists: *groups}
	}
	return plan.SemiJoin{Of: top.Of, On: top.By, Exists: *groups}
}

// groupsOf ranks each ranking once, however many parts of the plan use it.
func (p *topGroups) groupsOf(top plan.TopK) *plan.Groups {
	for _, known := range p.ranked {
		if known.of.K == top.K && slices.Equal(known.of.By, top.By) && reflect.DeepEqual(known.of.Rank, top.Rank) {
			return known.groups
		}
	}
	ranked, err := p.rank(p.ctx, plan.Highest{K: top.K, Of: top.Rank})
	if err != nil {
		p.err = err
		return nil
	}
	groups := namedGroups(top.By, ranked)
	p.ranked = append(p.ranked, ranking{top, groups})
	return groups
}

// namedGroups lists the groups of a ranking in the order of their labels; nil where they are too many or the result is doubtful.
func namedGroups(by []string, ranked series.Result) *plan.Groups {
	if len(ranked.Warnings) > 0 || len(ranked.Series) > maxGroups {
		return nil
	}
	groups := plan.Groups{By: by}
	for _, s := range ranked.Series {
		row := make([]string, len(by))
		for i, label := range by {
			row[i] = s.Labels[label]
		}
		groups.Values = append(groups.Values, row)
	}
	slices.SortFunc(groups.Values, slices.Compare)
	groups.Values = slices.CompactFunc(groups.Values, slices.Equal)
	return &groups
}

// sameAtEveryStep reports whether a plan has one value for the whole range.
func sameAtEveryStep(n plan.Node) bool {
	return !plan.Any(n, func(n plan.Node) bool {
		switch n.(type) {
		case plan.Last, plan.Rate, plan.NewCounter, plan.OverTime, plan.SumOverTime, plan.Age:
			return true
		}
		return false
	})
}

// DependsOnRange reports whether the value of a plan at a step may differ with the range that it is evaluated over, or depends on
// samples after the step.
func DependsOnRange(n plan.Node) bool {
	return plan.Any(n, func(n plan.Node) bool {
		switch n := n.(type) {
		case plan.IncreaseOverRange:
			return n.End.IsZero()
		case plan.Last:
			return n.Before < 0
		}
		return false
	})
}
