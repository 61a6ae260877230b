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
	sig, ok := signal.Find(name)
	require.True(t, ok, name)
	return replay(t, server, recordings).answers(embedded(t), name, st, words(grouping(sig))...)
}

// embedded are the profiles of servers that have a metrics page.
func embedded(t *testing.T) profile.Set {
	t.Helper()
	set, err := profile.Embedded()
	require.NoError(t, err)
	return set.Targets()
}

// answers are the lines that those of the profiles have whose servers are there.
func (s *store) answers(set profile.Set, name string, st signal.Statistic, groupBy ...string) []string {
	s.t.Helper()
	sig, ok := signal.Find(name)
	require.True(s.t, ok, name)
	var out []string
	for _, p := range s.parts(set, name, st, groupBy...) {
		for _, line := range s.lines(p, scale(sig)) {
			out = append(out, strings.Join(strings.Fields(line), " "))
		}
	}
	return out
}

// parts are the plans for one statistic of a signal.
func (s *store) parts(set profile.Set, name string, st signal.Statistic, groupBy ...string) []profile.Part {
	s.t.Helper()
	q, err := signal.Builtin().NewQuery(name, []string{string(st)}, groupBy, nil, 0, false, 0)
	require.NoError(s.t, err)
	found := set.Detect(s.has)
	return found.Compile(q, profile.Environment{Window: window, Exists: s.has, Together: s.together})
}

// descriptions say how each part of an answer came about.
func (s *store) descriptions(set profile.Set, name string, st signal.Statistic) []string {
	s.t.Helper()
	var out []string
	for _, p := range s.parts(set, name, st) {
		out = append(out, p.Describe())
	}
	return out
}

// together says whether one target shows the metrics of both profiles.
func (s *store) together(a, b *profile.Profile) bool {
	return len(s.ask(s.instances(a)+" and "+s.instances(b))) > 0
}
