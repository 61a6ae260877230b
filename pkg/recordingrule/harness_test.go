package recordingrule

import (
	"flag"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/objective"
	"github.com/coldhit/modelserving-datasource/pkg/plan"
	"github.com/coldhit/modelserving-datasource/pkg/profile"
	"github.com/coldhit/modelserving-datasource/pkg/promql"
)

var update = flag.Bool("update", false, "rewrite the files that are made from the options")

// profiles are the built-in ones of these ids, or all.
func profiles(t *testing.T, ids ...string) profile.Set {
	t.Helper()
	all, err := profile.Embedded()
	require.NoError(t, err)
	if len(ids) == 0 {
		return all
	}
	var out profile.Set
	for _, id := range ids {
		found := all.Find(id)
		require.NotNil(t, found, id)
		out = append(out, found)
	}
	return out
}

// objectives are these ones for every model, with overrides.
func objectives(t *testing.T, of objective.Objective, overrides ...objective.Override) objective.Set {
	t.Helper()
	set, err := objective.NewSet(of, overrides)
	require.NoError(t, err)
	return set
}

// parsed is a rule file as promtool checks it.
func parsed(t *testing.T, text []byte) *rulefmt.RuleGroups {
	t.Helper()
	groups, errs := rulefmt.Parse(text, false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
	require.Empty(t, errs, string(text))
	return groups
}

// namesIn are the metrics that an expression reads.
func namesIn(t *testing.T, expr string) []string {
	t.Helper()
	tree, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
	require.NoError(t, err, expr)
	var out []string
	parser.Inspect(tree, func(n parser.Node, _ []parser.Node) error {
		if s, ok := n.(*parser.VectorSelector); ok {
			out = append(out, s.Name)
		}
		return nil
	})
	return out
}

func text(n plan.Node) string { return promql.Text(n, time.Hour) }
