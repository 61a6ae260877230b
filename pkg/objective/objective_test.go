package objective

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func newSet(t testing.TB, unmatched Objective, overrides ...Override) Set {
	t.Helper()
	s, err := NewSet(unmatched, overrides)
	require.NoError(t, err)
	return s
}

func TestPatterns(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern string
		matches []string
		others  []string
	}{
		{"", []string{"", "llama", "日本"}, nil},
		{"*", []string{"", "llama", "a\nb"}, nil},
		{"llama", []string{"llama"}, []string{"", "Llama", "llama-7b", "my-llama"}},
		{"llama-*", []string{"llama-", "llama-7b", "llama-7b/1"}, []string{"llama", "LLAMA-7b", "my-llama-7b"}},
		{"*-canary", []string{"-canary", "a-canary"}, []string{"a-canary-2", "canary"}},
		{"*bert*", []string{"bert", "distilbert-base"}, []string{"ber", "BERT"}},
		{"v?", []string{"v1", "vé"}, []string{"v", "v10"}},
		{"??", []string{"ab", "日本"}, []string{"a", "abc", "日"}},
		{"a*b?c", []string{"ab1c", "aXXb1b2c"}, []string{"abc", "ab1cd"}},
		{"a.b", []string{"a.b"}, []string{"axb"}},
		{"a|b", []string{"a|b"}, []string{"a", "b"}},
		{"(?i)a[bc]{2}^$+", []string{"(Xi)a[bc]{2}^$+"}, []string{"abb"}},
		{`a\*b`, []string{`a\b`, `a\xb`}, []string{"a*b"}},
		{`\d+`, []string{`\d+`}, []string{"1"}},
		{"meta/llama 3", []string{"meta/llama 3"}, []string{"meta/llama"}},
	} {
		g, err := newGlob(c.pattern)
		require.NoError(t, err)
		for _, text := range c.matches {
			require.True(t, g.matches(text), "%q matches %q", c.pattern, text)
		}
		for _, text := range c.others {
			require.False(t, g.matches(text), "%q does not match %q", c.pattern, text)
		}
	}
}

func TestEachFieldComesFromTheFirstThatSetsIt(t *testing.T) {
	t.Parallel()
	s := newSet(t, Default(),
		Override{Environment: "staging", P95: new(time.Duration(0)), ErrorRate: new(0.1)},
		Override{Model: "llama-*", P95: new(2 * time.Second)},
		Override{Model: "llama-*", Deployment: "chat", P95: new(9 * time.Second), CacheHitRatio: new(0.5)},
		Override{Staleness: new(time.Hour)},
		Override{Staleness: new(2 * time.Hour), ErrorRate: new(0.0)},
	)
	for name, c := range map[string]struct {
		environment, deployment, model string
		want                           Objective
	}{
		"those for every model":  {"production", "vision", "resnet", Objective{P95: 200 * time.Millisecond, CacheHitRatio: 0.8, Staleness: time.Hour}},
		"by model":               {"production", "code", "llama-7b", Objective{P95: 2 * time.Second, CacheHitRatio: 0.8, Staleness: time.Hour}},
		"by model and more":      {"production", "chat", "llama-7b", Objective{P95: 2 * time.Second, CacheHitRatio: 0.5, Staleness: time.Hour}},
		"switched off before":    {"staging", "chat", "llama-7b", Objective{ErrorRate: 0.1, CacheHitRatio: 0.5, Staleness: time.Hour}},
		"a model without labels": {"", "", "", Objective{P95: 200 * time.Millisecond, CacheHitRatio: 0.8, Staleness: time.Hour}},
	} {
		require.Equal(t, c.want, s.For(c.environment, c.deployment, c.model), name)
	}
}

func TestWithoutOverrides(t *testing.T) {
	t.Parallel()
	require.Equal(t, Objective{P95: 200 * time.Millisecond, ErrorRate: 0.01, CacheHitRatio: 0.8, Staleness: 48 * time.Hour}, newSet(t, Default()).For("a", "b", "c"))
	require.Zero(t, Set{}.For("a", "b", "c"), "the zero set holds no model to anything")
}

func TestPatternsThatAreNoText(t *testing.T) {
	t.Parallel()
	_, err := NewSet(Default(), []Override{{}, {Deployment: "\xff?"}})
	require.ErrorContains(t, err, `objective override 2: the deployment pattern "\xff?" cannot be matched: `)
}

// matchesByTrying is what a glob means, in as few words as possible.
func matchesByTrying(pattern, text []rune) bool {
	switch {
	case len(pattern) == 0:
		return len(text) == 0
	case pattern[0] == '*':
		return matchesByTrying(pattern[1:], text) || len(text) > 0 && matchesByTrying(pattern, text[1:])
	default:
		return len(text) > 0 && (pattern[0] == '?' || pattern[0] == text[0]) && matchesByTrying(pattern[1:], text[1:])
	}
}

// byTrying is what For means: for each field, the overrides are tried in order.
func byTrying(unmatched Objective, overrides []Override, environment, deployment, model string) Objective {
	first := func(sets func(Override) bool) (Override, bool) {
		for _, o := range overrides {
			matches := true
			for pattern, text := range map[*string]string{&o.Environment: environment, &o.Deployment: deployment, &o.Model: model} {
				matches = matches && (*pattern == "" || matchesByTrying([]rune(*pattern), []rune(text)))
			}
			if matches && sets(o) {
				return o, true
			}
		}
		return Override{}, false
	}
	out := unmatched
	if o, found := first(func(o Override) bool { return o.P95 != nil }); found {
		out.P95 = *o.P95
	}
	if o, found := first(func(o Override) bool { return o.ErrorRate != nil }); found {
		out.ErrorRate = *o.ErrorRate
	}
	if o, found := first(func(o Override) bool { return o.CacheHitRatio != nil }); found {
		out.CacheHitRatio = *o.CacheHitRatio
	}
	if o, found := first(func(o Override) bool { return o.Staleness != nil }); found {
		out.Staleness = *o.Staleness
	}
	return out
}

// randomText is made of few characters, so that patterns and texts often match.
func randomText(r *rand.Rand, characters string) string {
	var out strings.Builder
	all := []rune(characters)
	for range r.IntN(6) {
		out.WriteRune(all[r.IntN(len(all))])
	}
	return out.String()
}

func randomOverride(r *rand.Rand) Override {
	o := Override{Environment: randomText(r, "a*"), Deployment: randomText(r, "ab*?"), Model: randomText(r, "ab.é\n*?")}
	if r.IntN(2) == 0 {
		o.P95 = new(time.Duration(r.IntN(3)) * time.Second)
	}
	if r.IntN(2) == 0 {
		o.ErrorRate = new(float64(r.IntN(3)) / 10)
	}
	if r.IntN(2) == 0 {
		o.CacheHitRatio = new(float64(r.IntN(3)) / 10)
	}
	if r.IntN(2) == 0 {
		o.Staleness = new(time.Duration(r.IntN(3)) * time.Hour)
	}
	return o
}

func TestForMeansTryingInOrder(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	changed := 0
	for range 3000 {
		var overrides []Override
		for range r.IntN(6) {
			overrides = append(overrides, randomOverride(r))
		}
		s := newSet(t, Default(), overrides...)
		for range 10 {
			environment, deployment, model := randomText(r, "a"), randomText(r, "ab"), randomText(r, "ab.é\n")
			want := byTrying(Default(), overrides, environment, deployment, model)
			require.Equal(t, want, s.For(environment, deployment, model), "%q %q %q of %+v", environment, deployment, model, overrides)
			if want != Default() {
				changed++
			}
		}
	}
	require.Greater(t, changed, 3000, "overrides were tried, not only passed by")
}

func FuzzFor(f *testing.F) {
	f.Add("*", "a?", "llama-*", "production", "ab", "llama-7b")
	f.Add(`\`, "[", "(?i)", "\xff", "\x00", "日本")
	f.Fuzz(func(t *testing.T, e, d, m, environment, deployment, model string) {
		s, err := NewSet(Default(), []Override{{Environment: e, Deployment: d, Model: m, P95: new(time.Second)}})
		if err != nil {
			require.Empty(t, s)
			return
		}
		require.Contains(t, []time.Duration{time.Second, 200 * time.Millisecond}, s.For(environment, deployment, model).P95)
	})
}

// What a panel of 2,000 models asks for, one model an operation: with as many overrides as are possible, of which none
// matches, and with a few of which some do.
func BenchmarkFor(b *testing.B) {
	models := make([]string, 2000)
	for i := range models {
		models[i] = fmt.Sprintf("sentence-transformer-%d", i)
	}
	for _, c := range []struct {
		name, pattern string
		overrides     int
	}{
		{"none", "", 0},
		{"5 by prefix", "sentence-transformer-%d*", 5},
		{"200 by prefix", "llama-%d-*", 200},
		{"200 by middle", "*former-%dx*", 200},
		{"200 with ?", "sentence-??ansformer-%d?", 200},
		{"200 of many parts", "*s*e*n*t*%d?x", 200},
	} {
		b.Run(c.name, func(b *testing.B) {
			var overrides []Override
			for i := range c.overrides {
				overrides = append(overrides, Override{Environment: "prod*", Model: fmt.Sprintf(c.pattern, i), P95: new(time.Second)})
			}
			s := newSet(b, Default(), overrides...)
			i := 0
			for b.Loop() {
				s.For("production", "text", models[i%len(models)])
				i++
			}
		})
	}
}

func TestASetTellsWhatItWasMadeOf(t *testing.T) {
	t.Parallel()
	share := 0.5
	overrides := []Override{{Model: "llama-*", ErrorRate: &share}, {Deployment: "chat", Environment: "production"}}
	s := newSet(t, Default(), overrides...)
	require.Equal(t, Default(), s.Unmatched())
	require.Equal(t, overrides, s.Overrides())
	require.Empty(t, Set{}.Overrides())
}
