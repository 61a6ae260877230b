package captures

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/profile"
)

// trap is something surprising about what servers report, and the test that fails if the plugin falls into it.
type trap struct {
	// where is the server, or what several servers have in common.
	where string
	// what is surprising, and what the plugin does about it.
	trap, done string
	test       func(*testing.T)
}

// name is the test's, with which go test -run finds it.
func (t trap) name() string {
	full := runtime.FuncForPC(reflect.ValueOf(t.test).Pointer()).Name()
	return full[strings.LastIndex(full, ".")+1:]
}

var trapsDocument = filepath.Join("..", "..", "docs", "caveats.md")

const trapsHead = `# Caveats

Surprising behaviour of model servers, what you see in the plugin, and the test that covers it. The tests are in
tests/captures and use captures of real servers if there are any. The profile of each server lists its caveats too.
This page is generated: update it with go test ./tests/captures -update.

| where | caveat | what you see | test |
|---|---|---|---|
`

// docs/caveats.md lists the traps and their tests.
func TestTrapsDocument(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString(trapsHead)
	for _, trap := range traps {
		require.Regexp(t, `^Test\w+$`, trap.name(), "a test of its own, which go test runs")
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", trap.where, trap.trap, trap.done, trap.name())
	}
	if *update {
		require.NoError(t, os.WriteFile(trapsDocument, []byte(b.String()), 0o600))
	}
	written, err := os.ReadFile(trapsDocument)
	require.NoError(t, err)
	require.Equal(t, b.String(), string(written), "rewrite it with go test ./tests/captures -update")
}

// spoiled is the profiles with one of them made to fall into a trap: a piece of its text is replaced wherever it is.
func spoiled(t *testing.T, id, old, replacement string) profile.Set {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "pkg", "profile", "servers", id+".yaml"))
	require.NoError(t, err)
	require.Contains(t, string(text), old)
	p, err := profile.Parse([]byte(strings.ReplaceAll(string(text), old, replacement)))
	require.NoError(t, err)
	set := embedded(t)
	for i := range set {
		if set[i].ID == id {
			set[i] = p
		}
	}
	return set
}

// number is the one value that an expression has at the last scrape.
func (s *store) number(expr string) float64 {
	s.t.Helper()
	found := s.ask(expr)
	require.Len(s.t, found, 1, expr)
	return found[0].F
}

// everyRecipe calls for every recipe of the profiles.
func everyRecipe(set profile.Set, call func(p *profile.Profile, name string, r profile.Recipe)) {
	for _, p := range set {
		for name, recipes := range p.Signals {
			for _, r := range recipes {
				call(p, name, r)
			}
		}
	}
}
