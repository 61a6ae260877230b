package profile_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/profile"
	"github.com/coldhit/modelserving-datasource/pkg/promql"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

func ids(set profile.Set) []string {
	out := make([]string, len(set))
	for i, p := range set {
		out[i] = p.ID
	}
	return out
}

// everyPlan writes the plans of all signals on a page that has the metrics of all profiles, where each of them has a source.
func everyPlan(t *testing.T, set profile.Set) []string {
	t.Helper()
	together := func(_, _ *profile.Profile) bool { return true }
	var out []string
	for _, s := range signal.Builtin() {
		var by []string
		if slices.Contains(s.GroupBy, signal.Model) {
			by = []string{"model"}
		}
		q, err := signal.Builtin().NewQuery(s.Name, nil, by, nil, 2, true, time.Minute)
		require.NoError(t, err)
		for _, part := range set.Compile(q, profile.Environment{Limited: true, Exists: classic(set), Together: together}) {
			out = append(out, promql.Text(part.Plan, time.Hour)+" "+part.Describe())
		}
	}
	return out
}

func TestOrderOfFilesDoesNotMatter(t *testing.T) {
	t.Parallel()
	files, err := profile.EmbeddedFiles()
	require.NoError(t, err)
	set, err := profile.Load(files)
	require.NoError(t, err)
	want := everyPlan(t, set)
	require.Greater(t, len(want), 40)
	for seed := range uint64(10) {
		rand.New(rand.NewPCG(seed, 0)).Shuffle(len(files), func(i, j int) { files[i], files[j] = files[j], files[i] })
		shuffled, err := profile.Load(files)
		require.NoError(t, err)
		require.Equal(t, ids(set), ids(shuffled), "seed %d", seed)
		require.Equal(t, want, everyPlan(t, shuffled), "seed %d", seed)
	}
}

// server is a profile of the layer server with an id, and a precedence where it is not empty.
func server(id, precedence string) profile.File {
	text := strings.Replace(small, "id: small", "id: "+id, 1)
	if precedence != "" {
		text = strings.Replace(text, "layer: server", "layer: server\nprecedence: "+precedence, 1)
	}
	return profile.File{Name: id + ".yaml", Text: text}
}

func TestBuiltinProfilesNeedAPrecedenceOfTheirOwn(t *testing.T) {
	t.Parallel()
	_, err := profile.Load([]profile.File{server("a", "10"), server("b", "10")})
	require.EqualError(t, err, "b.yaml: line 4: precedence 10 is already that of a.yaml, which is of the layer server too. Choose another number; the lower one is preferred")
	_, err = profile.Load([]profile.File{server("a", "10"), server("b", "")})
	require.EqualError(t, err, "b.yaml: line 3: precedence is missing. Add a number that no other profile of the layer has")
	_, err = profile.Load([]profile.File{server("a", "10"), server("a", "20")})
	require.EqualError(t, err, `a.yaml: line 1: id "a" is already that of a.yaml. Choose another id`)
	_, err = profile.Load([]profile.File{server("a", "x")})
	require.EqualError(t, err, `a.yaml: line 4: the value must be a number, not "x"`)

	gateway := server("b", "10")
	gateway.Text = strings.Replace(gateway.Text, "layer: server", "layer: gateway", 1)
	for _, files := range [][]profile.File{{gateway, server("a", "10")}, {server("a", "10"), gateway}} {
		set, err := profile.Load(files)
		require.NoError(t, err, "between layers the layer decides")
		require.Equal(t, []string{"a", "b"}, ids(set))
	}
}

func TestPrecedenceOfUsersProfiles(t *testing.T) {
	t.Parallel()
	builtin, err := profile.Load([]profile.File{server("last", "300"), server("first", "100")})
	require.NoError(t, err)
	set, problems := builtin.With([]profile.File{server("z", ""), server("between", "200"), server("a", "")})
	require.Empty(t, problems)
	require.Equal(t, []string{"z", "a", "first", "between", "last"}, ids(set), "those without one come before all others, in the order of the settings")
	set, problems = builtin.With([]profile.File{server("taken", "100"), server("other", "")})
	require.Len(t, problems, 1)
	require.ErrorContains(t, problems[0], "taken.yaml: line 4: precedence 100 is already that of first")
	require.Equal(t, []string{"other", "first", "last"}, ids(set))
}

// classic is a store of classic histograms.
func classic(set profile.Set) func(string) bool {
	names := map[string]bool{}
	for _, name := range set.SeriesNames() {
		names[name] = true
	}
	return func(name string) bool { return names[name] && !names[name+"_bucket"] }
}
