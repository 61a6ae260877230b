package settings

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/objective"
)

// notation is what the back end and the config editor take alike; the editor's tests read the same file.
type notation struct {
	Defaults                             map[string]string
	MostOverrides, MostPatternCharacters int
	Durations                            []struct {
		Text    string
		Seconds *float64
	}
	Shares []struct {
		Text  string
		Share *float64
	}
}

func readNotation(t *testing.T) (n notation) {
	t.Helper()
	text, err := os.ReadFile("../../src/testing/objectives.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &n))
	require.NotEmpty(t, n.Durations)
	require.NotEmpty(t, n.Shares)
	return n
}

// withObjectives decodes settings that have nothing but objectives.
func withObjectives(t *testing.T, objectives any) (objective.Set, error) {
	t.Helper()
	text, err := json.Marshal(map[string]any{"objectives": objectives})
	require.NoError(t, err)
	s, err := Decode(text, nil)
	return s.Objectives, err
}

type object = map[string]any

func TestDurationsOfObjectives(t *testing.T) {
	t.Parallel()
	for _, c := range readNotation(t).Durations {
		for field, of := range map[string]func(objective.Objective) time.Duration{
			"p95":       func(o objective.Objective) time.Duration { return o.P95 },
			"staleness": func(o objective.Objective) time.Duration { return o.Staleness },
		} {
			for place, objectives := range map[string]object{
				"default objective":    {"default": object{field: c.Text}},
				"objective override 1": {"overrides": []object{{field: c.Text}}},
			} {
				set, err := withObjectives(t, objectives)
				if c.Seconds == nil {
					require.ErrorContains(t, err, place+": the "+field, c.Text)
					require.ErrorContains(t, err, fmt.Sprintf("%q", c.Text))
					continue
				}
				require.NoError(t, err, c.Text)
				require.InDelta(t, *c.Seconds, of(set.For("", "", "a")).Seconds(), 1e-9, "%s %s", field, c.Text)
			}
		}
	}
}

func TestSharesOfObjectives(t *testing.T) {
	t.Parallel()
	for _, c := range readNotation(t).Shares {
		for field, of := range map[string]struct {
			name  string
			value func(objective.Objective) float64
		}{
			"errorRate":     {"error rate", func(o objective.Objective) float64 { return o.ErrorRate }},
			"cacheHitRatio": {"cache-hit ratio", func(o objective.Objective) float64 { return o.CacheHitRatio }},
		} {
			for place, objectives := range map[string]object{
				"default objective":    {"default": object{field: c.Text}},
				"objective override 1": {"overrides": []object{{field: c.Text}}},
			} {
				set, err := withObjectives(t, objectives)
				if c.Share == nil {
					require.ErrorContains(t, err, fmt.Sprintf("%s: the %s %q ", place, of.name, c.Text))
					continue
				}
				require.NoError(t, err, c.Text)
				require.InDelta(t, *c.Share, of.value(set.For("", "", "a")), 1e-12, "%s %s", field, c.Text)
			}
		}
	}
}

func TestDefaultObjective(t *testing.T) {
	t.Parallel()
	written, err := withObjectives(t, object{"default": readNotation(t).Defaults})
	require.NoError(t, err)
	require.Equal(t, objective.Default(), written.For("", "", "a"), "what the editor shows as defaults are the defaults")
	for _, text := range []string{`{}`, `{"objectives": null}`, `{"objectives": {"default": {"p95": ""}, "overrides": []}}`, `{"objectives": {"overrides": [{"model": "*"}]}}`} {
		require.Equal(t, objective.Default(), decode(t, text).Objectives.For("production", "vision", "a"), text)
	}
	require.Equal(t, objective.Objective{P95: time.Second, CacheHitRatio: 0.8, Staleness: 48 * time.Hour},
		decode(t, `{"objectives": {"default": {"p95": "1s", "errorRate": "none"}}}`).Objectives.For("", "", "a"))
}

func TestObjectiveOverrides(t *testing.T) {
	t.Parallel()
	set := decode(t, `{"objectives": {
		"default": {"p95": "500ms", "cacheHitRatio": "none"},
		"overrides": [
			{"environment": "staging", "errorRate": "none", "staleness": "none"},
			{"model": " llama-* ", "p95": "2s", "errorRate": "5%"},
			{"deployment": "chat", "model": "llama-?b", "p95": "9s", "cacheHitRatio": "0.95"},
			{"model": "[a-z]*", "p95": "9s"}
		]}}`).Objectives
	for _, c := range []struct {
		environment, deployment, model string
		want                           objective.Objective
	}{
		{"production", "vision", "resnet", objective.Objective{P95: 500 * time.Millisecond, ErrorRate: 0.01, Staleness: 48 * time.Hour}},
		{"production", "code", "llama-7b", objective.Objective{P95: 2 * time.Second, ErrorRate: 0.05, Staleness: 48 * time.Hour}},
		{"production", "chat", "llama-7b", objective.Objective{P95: 2 * time.Second, ErrorRate: 0.05, CacheHitRatio: 0.95, Staleness: 48 * time.Hour}},
		{"staging", "chat", "llama-70b", objective.Objective{P95: 2 * time.Second}},
		{"production", "vision", "Llama-7b", objective.Objective{P95: 500 * time.Millisecond, ErrorRate: 0.01, Staleness: 48 * time.Hour}},
	} {
		require.Equal(t, c.want, set.For(c.environment, c.deployment, c.model), c)
	}
}

func TestRefusedObjectives(t *testing.T) {
	t.Parallel()
	n := readNotation(t)
	for name, c := range map[string]struct {
		objectives any
		sentence   string
	}{
		"not an object":    {"strict", "the data source's settings cannot be read: "},
		"a number":         {object{"default": object{"errorRate": 0.01}}, "objectives.default.errorRate"},
		"default duration": {object{"default": object{"p95": "fast"}}, `default objective: the p95 response time "fast" is not a duration; enter one such as 15s, 5m or 15d; "none" switches the objective off`},
		"no duration":      {object{"default": object{"staleness": "0s"}}, `default objective: the staleness "0s" must be between 1ms and 100y; "none" switches the objective off`},
		"default share":    {object{"default": object{"errorRate": "few"}}, `default objective: the error rate "few" is not a share; enter one such as 1% or 0.01; "none" switches the objective off`},
		"override's share": {object{"overrides": []object{{}, {"cacheHitRatio": "80"}}}, `objective override 2: the cache-hit ratio "80" must be more than 0% and less than 100%; "none" switches the objective off`},
		"long pattern": {
			object{"overrides": []object{{}, {}, {"deployment": strings.Repeat("é", n.MostPatternCharacters+1)}}},
			"objective override 3: its deployment pattern has 201 characters; the maximum is 200",
		},
		"too many overrides": {object{"overrides": make([]object, n.MostOverrides+1)}, "201 objective overrides are configured; the maximum is 200"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set, err := withObjectives(t, c.objectives)
			require.ErrorContains(t, err, c.sentence)
			require.Empty(t, set)
		})
	}
	_, err := withObjectives(t, object{"overrides": make([]object, n.MostOverrides)})
	require.NoError(t, err)
	_, err = withObjectives(t, object{"overrides": []object{{"model": strings.Repeat("é", n.MostPatternCharacters)}}})
	require.NoError(t, err)
}
