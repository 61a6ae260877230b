// Package documents keeps the documents that are made from the code equal to it.
package documents

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/profile"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

var update = flag.Bool("update", false, "rewrite the documents")

// docs/signals.md says what the catalogue and the profiles say.
func TestSignalsDocument(t *testing.T) {
	set, err := profile.Embedded()
	require.NoError(t, err)
	got := signalsDocument(set)
	path := filepath.Join("..", "..", "docs", "signals.md")
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got, "docs/signals.md is not what the code says: rewrite it with go test ./tests/documents -update")
}

func signalsDocument(set profile.Set) string {
	var b strings.Builder
	b.WriteString("# Signals\n\n" +
		"All signals that you can query, independent of the server. For each signal you find its unit, the statistics and labels that you\n" +
		"can choose, and the metrics that each server provides for it. If your server is missing in a table, the last line above the table\n" +
		"shows what you can add to get the signal. The matrix at the end shows which signals you get from which server.\n\n" +
		"This page is generated from the signal catalogue and the profiles. Update it with `go test ./tests/documents -update`.\n")
	var group signal.Group
	for _, s := range signal.Builtin() {
		if s.Group != group {
			group = s.Group
			fmt.Fprintf(&b, "\n## %s\n", group)
		}
		writeSignal(&b, s, set)
	}
	writeMatrix(&b, set)
	return b.String()
}

func writeSignal(b *strings.Builder, s signal.Signal, set profile.Set) {
	fmt.Fprintf(b, "\n### %s\n\n%s\n\n", s.Name, s.Description)
	unit := string(s.Unit)
	if s.Shape == signal.Count {
		unit += " per second"
	}
	fmt.Fprintf(b, "- Unit: %s. Statistics: %s. Labels: %s.\n", unit, joined(s.Statistics()), joined(s.GroupBy))
	fmt.Fprintf(b, "- If your server does not report it, use %s.\n", s.MeasuredBy)
	if d := s.Derivation; d != nil {
		fmt.Fprintf(b, "- Computed from `%s`: %s.\n", strings.Join(d.From, "`, `"), d.How)
	}
	for _, d := range s.Otherwise {
		fmt.Fprintf(b, "- If no metric reports it for a model, it is %s from `%s`: %s.\n", kindOf(d), strings.Join(d.From, "`, `"), d.How)
	}
	var rows []string
	for _, p := range set {
		for _, r := range p.Signals[s.Name] {
			how := r.Description
			if how == "" {
				how = "–"
			}
			rows = append(rows, fmt.Sprintf("| %s | %s | `%s` | %s |", p.Name, r.Origin(), strings.Join(distinct(r.Reads()), "`, `"), how))
		}
	}
	if len(rows) > 0 {
		fmt.Fprintf(b, "\n| server | provenance | metrics | details |\n|---|---|---|---|\n%s\n", strings.Join(rows, "\n"))
	}
}

func kindOf(d signal.Derivation) string {
	if d.Estimated {
		return "estimated"
	}
	return "derived"
}

// writeMatrix writes which server reports which signal, by the better of its recipes.
func writeMatrix(b *strings.Builder, set profile.Set) {
	b.WriteString("\n## Servers and signals\n\nWhat you get from each server: ● is measured, ○ is derived, and an empty cell means that the server does not report it.\n\n| signal |")
	for _, p := range set {
		fmt.Fprintf(b, " %s |", p.Name)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(set)) + "\n")
	for _, s := range signal.Builtin() {
		fmt.Fprintf(b, "| %s |", s.Name)
		for _, p := range set {
			fmt.Fprintf(b, " %s |", markOf(p, s))
		}
		b.WriteString("\n")
	}
}

// markOf is the mark of a signal that a profile fills, or from whose signals it can be computed. Signals about objectives
// can be computed from any of them, a share of the GPU only from all.
func markOf(p *profile.Profile, s signal.Signal) string {
	if s.Derivation == nil {
		if reported := mark(p.Signals[s.Name]); reported != "" {
			return reported
		}
		return otherwise(p, s)
	}
	filled := 0
	for _, name := range s.Derivation.From {
		if from, _ := signal.Find(name); from.Derivation == nil && markOf(p, from) != "" {
			filled++
		}
	}
	if filled == len(s.Derivation.From) || (filled > 0 && s.Group == signal.Objectives) {
		return "○"
	}
	return ""
}

// otherwise is the mark of a signal that is derived from what a profile counts, all of it by model or none: a replica that is
// there because it responds is no count.
func otherwise(p *profile.Profile, s signal.Signal) string {
	counts := func(from string, byModel bool) bool {
		return slices.ContainsFunc(p.Signals[from], func(r profile.Recipe) bool {
			return len(r.Sum) > 0 && slices.Contains(p.Metrics[r.Sum[0].Metric[0]].Labels, signal.Model) == byModel
		})
	}
	for _, d := range s.Otherwise {
		all := func(byModel bool) bool {
			return !slices.ContainsFunc(d.From, func(from string) bool { return !counts(from, byModel) })
		}
		if !d.Estimated && (all(true) || all(false)) {
			return "○"
		}
	}
	return ""
}

func mark(recipes []profile.Recipe) string {
	switch {
	case len(recipes) == 0:
		return ""
	case slices.ContainsFunc(recipes, func(r profile.Recipe) bool { return r.Origin() == "measured" }):
		return "●"
	}
	return "○"
}

func joined[T ~string](of []T) string {
	words := make([]string, len(of))
	for i, w := range of {
		words[i] = string(w)
	}
	return strings.Join(words, ", ")
}

func distinct(names []string) []string {
	var out []string
	for _, n := range names {
		if !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// The profile that docs/profiles.md shows is one that loads.
func TestProfilesDocumentShowsAProfileThatLoads(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "profiles.md"))
	require.NoError(t, err)
	_, example, found := strings.Cut(string(text), "```yaml\n")
	require.True(t, found)
	example, _, found = strings.Cut(example, "```")
	require.True(t, found)
	_, err = profile.Parse([]byte(example))
	require.NoError(t, err)
}

// The profile that the config editor starts a new one with loads too.
func TestStartingProfileLoads(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "src", "settings", "startingProfile.ts"))
	require.NoError(t, err)
	_, starting, found := strings.Cut(string(text), "`")
	require.True(t, found)
	starting, _, found = strings.Cut(starting, "`")
	require.True(t, found)
	_, err = profile.Parse([]byte(strings.NewReplacer("${id}", "profile_1", "${name}", "profile-1.yaml").Replace(starting)))
	require.NoError(t, err)
}
