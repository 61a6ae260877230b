package rules

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
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

const scrapeOfTests = 15 * time.Second

func recordingDefaults(set profile.Set) RecordingOptions {
	return RecordingDefaults(set.Catalogue(), heldToDefaults(), scrapeOfTests)
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
		servers := Reporting(set)
		options := recordingDefaults(set)
		require.NoError(t, options.Read(url.Values{"signals": {"all"}}, set.Catalogue(), servers))
		text, err := Recordings(options, servers)
		if len(options.Signals) == 0 {
			require.ErrorIs(t, err, ErrNothingToRecord, set[0].ID)
			continue
		}
		require.NoError(t, err)
		groups := parsed(t, text).Groups
		recorded, starts := map[string]bool{}, 0
		for _, g := range groups {
			require.LessOrEqual(t, len(g.Rules), rulesInGroup, g.Name)
			for _, r := range g.Rules {
				key := fmt.Sprint(r.Record, r.Labels)
				require.False(t, recorded[key], "%s twice", key)
				recorded[key], recorded[r.Record] = true, true
				if r.Record == profile.RecordingStart {
					starts++
				}
			}
		}
		rates := 0
		for _, g := range groups {
			for _, r := range g.Rules {
				if profile.WindowOfRecording(r.Record) > 0 {
					rates++
				}
				for _, name := range namesIn(t, r.Expr) {
					if strings.HasPrefix(name, "modelserving_") && strings.Contains(name, ":") {
						require.True(t, recorded[name], "%s reads %s, which nothing records", r.Expr, name)
					}
				}
			}
		}
		require.Equal(t, rates, starts, "of every recording it is told since when it is written")
	}
}

// What models are held to decides what is recorded.
func TestSignalsFollowFromObjectives(t *testing.T) {
	t.Parallel()
	p95 := time.Second
	for name, c := range map[string]struct {
		held Held
		want []string
	}{
		"nothing":     {Held{}, []string{"requests"}},
		"defaults":    {heldToDefaults(), []string{"requests", "response_time", "error_rate", "cold_hit_rate"}},
		"an override": {Held{Overrides: []objective.Override{{Model: "a", P95: &p95}}}, []string{"requests", "response_time"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, s := range RecordingDefaults(signal.Builtin(), c.held, scrapeOfTests).Signals {
				got = append(got, s.Name)
			}
			require.Equal(t, c.want, got)
		})
	}
}

// Whatever the scrape interval is, the defaults fit together, and nothing is forgotten between two recordings.
func TestRecordingDefaultsFitTogether(t *testing.T) {
	t.Parallel()
	for scrape := time.Second; scrape <= time.Hour; scrape += time.Second {
		o := RecordingDefaults(signal.Builtin(), heldToDefaults(), scrape)
		require.NoError(t, o.check(), scrape)
		require.LessOrEqual(t, o.LongTail, maxInterval, scrape)
		require.Positive(t, o.LongTail, scrape)
	}
}

// The config editor offers the parameters that the export takes, with the defaults that it has.
func TestRecordingParametersOfTheConfigEditor(t *testing.T) {
	t.Parallel()
	const path = "../../src/components/config/recordingParameters.json"
	set := profiles(t)
	described := describedRecordingParameters()
	given := url.Values{}
	for i, name := range RecordingParameters() {
		require.Equal(t, name, described[i].Name)
		if name != "signals" {
			given.Set(name, described[i].Default)
		}
	}
	o := recordingDefaults(set)
	require.NoError(t, o.Read(given, set.Catalogue(), Reporting(set)))
	require.Equal(t, recordingDefaults(set), o, "the defaults can be entered as they are shown")
	got, err := json.MarshalIndent(described, "", "  ")
	require.NoError(t, err)
	got = append(got, '\n')
	if *update {
		require.NoError(t, os.WriteFile(path, got, 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.True(t, string(want) == string(got), "%s is not what the code says: rewrite it with go test ./pkg/rules -update", path)
	documented, err := os.ReadFile("../../docs/recording-rules.md")
	require.NoError(t, err)
	for _, p := range described {
		require.Contains(t, string(documented), fmt.Sprintf("| %s | %s | %s |\n", p.Name, p.Default, p.Description))
	}
}

func describedRecordingParameters() []parameter {
	o := RecordingDefaults(signal.Builtin(), heldToDefaults(), scrapeOfTests)
	return []parameter{
		{"signals", "requests and signals with objectives", "Signals to record, such as requests,response_time, or all"},
		{"window", durationText(o.Window), "Window of the rates. Panels use the rules at this window and its multiples"},
		{"interval", durationText(o.Interval), "Evaluation interval for the top models. The window is a multiple of it"},
		{"longTail", durationText(o.LongTail), "Evaluation interval for all models, up to 4m. The window is a multiple of it"},
		{"busiest", fmt.Sprint(o.Busiest), "Number of top models of each server"},
	}
}
