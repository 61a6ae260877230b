package captures

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/profile"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// answers are the lines of a golden table that recordings of a server have for one statistic of a signal, with the spaces
// between labels and value as one; none where nothing answers.
func answers(t *testing.T, server string, recordings []string, name string, st signal.Statistic) []string {
	t.Helper()
	set, err := profile.Embedded()
	require.NoError(t, err)
	recorded := replay(t, server, recordings)
	sig, ok := signal.Find(name)
	require.True(t, ok)
	q, err := signal.Builtin().NewQuery(name, []string{string(st)}, words(grouping(sig)), nil, 0, false, 0)
	require.NoError(t, err)
	var out []string
	for _, p := range set.Targets().Detect(recorded.has).Compile(q, profile.Environment{Window: window, Exists: recorded.has}) {
		for _, line := range recorded.lines(p, scale(sig)) {
			out = append(out, strings.Join(strings.Fields(line), " "))
		}
	}
	return out
}
