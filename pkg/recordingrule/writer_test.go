package recordingrule

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/objective"
	"github.com/coldhit/modelserving-datasource/pkg/profile"
	"github.com/coldhit/modelserving-datasource/pkg/rulefile"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

const scrapeOfTests = 15 * time.Second

func defaults(t *testing.T, set profile.Set) Options {
	return Defaults(set.Catalogue(), objectives(t, objective.Default()), scrapeOfTests)
}

// Every server's rules are valid, in groups that Mimir takes, without duplicates, and record whatever they read of their own.
func TestRecordingRulesForEveryServer(t *testing.T) {
	t.Parallel()
	all := profiles(t)
	sets := []profile.Set{all}
	for _, p := range all.Targets() {
		sets = append(sets, profile.Set{p})
	}
	for _, set := range sets {
		servers := profile.EverythingOf(set)
		options := defaults(t, set)
		require.NoError(t, options.Read(url.Values{"signals": {"all"}}, set.Catalogue(), servers))
		text, err := Write(options, servers)
		if len(options.Signals) == 0 {
			require.ErrorIs(t, err, ErrNothingToRecord, set[0].ID)
			continue
		}
		require.NoError(t, err)
		groups := parsed(t, text).Groups
		recorded, starts := map[string]bool{}, 0
		for _, g := range groups {
			require.LessOrEqual(t, len(g.Rules), rulefile.MaxRules, g.Name)
			for _, r := range g.Rules {
				key := fmt.Sprint(r.Record, r.Labels)
				require.False(t, recorded[key], "%s twice", key)
				recorded[key], recorded[r.Record] = true, true
				if r.Record == StartTime {
					starts++
				}
			}
		}
		rates := 0
		for _, g := range groups {
			for _, r := range g.Rules {
				if WindowOf(r.Record) > 0 {
					rates++
				}
				for _, name := range namesIn(t, r.Expr) {
					if strings.HasPrefix(name, "modelserving_") && strings.Contains(name, ":") {
						require.True(t, recorded[name], "%s reads %s, which nothing records", r.Expr, name)
					}
				}
			}
		}
		require.Equal(t, rates, starts, "the start of every recorded series is recorded")
	}
}

// The objectives decide which signals are recorded.
func TestSignalsFollowFromObjectives(t *testing.T) {
	t.Parallel()
	p95 := time.Second
	for name, c := range map[string]struct {
		objectives objective.Set
		want       []string
	}{
		"nothing":     {objectives(t, objective.Objective{}), []string{"requests"}},
		"defaults":    {objectives(t, objective.Default()), []string{"requests", "response_time", "error_rate", "cold_hit_rate"}},
		"an override": {objectives(t, objective.Objective{}, objective.Override{Model: "a", P95: &p95}), []string{"requests", "response_time"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, s := range Defaults(signal.Builtin(), c.objectives, scrapeOfTests).Signals {
				got = append(got, s.Name)
			}
			require.Equal(t, c.want, got)
		})
	}
}

// Whatever the scrape interval is, the defaults fit together, and nothing is forgotten between two recordings.
func TestDefaultsFitTogether(t *testing.T) {
	t.Parallel()
	for scrape := time.Second; scrape <= time.Hour; scrape += time.Second {
		o := Defaults(signal.Builtin(), objectives(t, objective.Default()), scrape)
		require.NoError(t, o.check(), scrape)
		require.LessOrEqual(t, o.Interval, rulefile.MaxInterval, scrape)
		require.Positive(t, o.Interval, scrape)
	}
}

// The config editor offers the parameters that the export takes, with the defaults that it has.
func TestParametersOfTheConfigEditor(t *testing.T) {
	t.Parallel()
	const path = "../../src/components/config/recordingParameters.json"
	set := profiles(t)
	described := describedParameters(t)
	given := url.Values{}
	for i, name := range Parameters() {
		require.Equal(t, name, described[i].Name)
		if name != "signals" {
			given.Set(name, described[i].Default)
		}
	}
	o := defaults(t, set)
	require.NoError(t, o.Read(given, set.Catalogue(), profile.EverythingOf(set)))
	require.Equal(t, defaults(t, set), o, "the defaults can be entered as they are shown")
	got, err := json.MarshalIndent(described, "", "  ")
	require.NoError(t, err)
	got = append(got, '\n')
	if *update {
		require.NoError(t, os.WriteFile(path, got, 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got), "%s is not what the code says: rewrite it with go test ./pkg/recordingrule -update", path)
	documented, err := os.ReadFile("../../docs/recording-rules.md")
	require.NoError(t, err)
	for _, p := range described {
		require.Contains(t, string(documented), fmt.Sprintf("| %s | %s | %s |\n", p.Name, p.Default, p.Description))
	}
}

func describedParameters(t *testing.T) []parameter {
	o := Defaults(signal.Builtin(), objectives(t, objective.Default()), scrapeOfTests)
	return []parameter{
		{"signals", "requests and signals with objectives", "Signals to record, such as requests,response_time, or all"},
		{"window", durationText(o.Window), "Window of the rates. Panels use the rules at this window and its multiples"},
		{"interval", durationText(o.Interval), "Evaluation interval for all models, up to 4m. The window is a multiple of it"},
		{"topInterval", durationText(o.TopInterval), "Evaluation interval for the top models. The window is a multiple of it"},
		{"topN", fmt.Sprint(o.TopN), "Number of top models of each server"},
	}
}

// parameter is one that the config editor offers.
type parameter struct {
	Name        string `json:"name"`
	Default     string `json:"default"`
	Description string `json:"description"`
}
