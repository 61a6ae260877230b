package rules

import (
	"flag"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/objective"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
	"github.com/coldhit/modelserving-datasource/pkg/storage"
)

var update = flag.Bool("update", false, "rewrite the files that are made from the rules")

func defaults() Options { return Defaults("modelserving", 1) }

func TestRulesAreWellFormed(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, r := range All(defaults()) {
		t.Run(r.Name, func(t *testing.T) {
			require.False(t, names[r.Name], "there are two of this name")
			names[r.Name] = true
			require.Equal(t, r.Name, strings.NewReplacer(" ", "-", "(", "", ")", "", ",", "").Replace(strings.ToLower(r.Title)), "the name is the anchor of the section with the title")
			require.LessOrEqual(t, len(defaults().uid(r.Name)), 40, "Grafana's limit for a uid")
			require.Contains(t, Groups, r.Group)
			require.NotEmpty(t, r.Means)
			require.NotEmpty(t, r.Causes)
			require.NotEmpty(t, r.Actions)
			require.True(t, strings.HasSuffix(r.Summary, "."), r.Summary)
			refs := refsOf(r)
			for _, c := range r.When {
				require.Contains(t, refs, c.Ref)
				if c.ThanRef != "" {
					require.Contains(t, refs, c.ThanRef)
				}
			}
			for _, found := range placeholder.FindAllStringSubmatch(r.Summary, -1) {
				if found[2] != "" {
					require.Contains(t, forms, found[2])
					require.Contains(t, refs, found[1])
				} else if found[1] != "place" {
					require.Contains(t, r.By, signal.Label(found[1]))
				}
			}
		})
	}
}

// refsOf lists what comparisons and texts can refer to.
func refsOf(r Rule) []string {
	var refs []string
	for _, q := range r.Queries {
		if len(q.Reduced) == 0 {
			refs = append(refs, q.Ref)
		}
		for _, reduced := range q.Reduced {
			refs = append(refs, reduced.Ref)
		}
	}
	for _, f := range r.Shown {
		refs = append(refs, f.Ref)
	}
	return refs
}

func TestEveryQueryIsOneThatTheCatalogueKnows(t *testing.T) {
	t.Parallel()
	for _, r := range All(defaults()) {
		for _, q := range r.Queries {
			if q.Unanswered || q.NotStored {
				continue
			}
			filters := map[string][]string{}
			for l, values := range q.Filters {
				filters[string(l)] = values
			}
			_, err := signal.Builtin().NewQuery(q.Signal, []string{string(q.Statistic)}, words(r.By), filters, signal.MaxLimit, false, q.Window)
			require.NoError(t, err, r.Name)
			if q.Beside != "" {
				sig, _ := signal.Find(q.Signal)
				require.True(t, sig.Has(q.Beside), r.Name)
			}
		}
		for _, name := range r.Panels {
			_, known := signal.Find(name)
			require.True(t, known, "%s shows %s", r.Name, name)
		}
	}
}

// Each objective has one rule of its own, which compares what the table of objectives says.
func TestRulesAgreeWithTheTableOfObjectives(t *testing.T) {
	t.Parallel()
	rulesOf := map[string]int{}
	for _, r := range All(defaults()) {
		for _, q := range r.Queries {
			for _, name := range q.Filters[signal.Objective] {
				require.True(t, slices.ContainsFunc(objective.Definitions, func(d objective.Definition) bool { return d.Name == name }), "%s filters by %s", r.Name, name)
				if q.Ref != violates.Ref || r.Group != Objectives {
					continue
				}
				rulesOf[name]++
				require.Equal(t, []Comparison{violates}, r.When, r.Name)
				for _, other := range r.Queries {
					if other.Ref == "measured" {
						require.Equal(t, name, other.Signal, r.Name)
						require.Equal(t, objective.Find(name).Statistic, other.Statistic, r.Name)
					}
				}
			}
		}
	}
	for _, d := range objective.Definitions {
		require.Equal(t, 1, rulesOf[d.Name], d.Name)
	}
}

// Grafana joins two lone numbers whatever their labels are: of two deployments, say, of which one reports replicas and the
// other response times. So of the numbers of different signals that are compared, at most the last may be alone.
func TestNumbersOfDifferentSignalsAreNeverBothAlone(t *testing.T) {
	t.Parallel()
	for _, r := range All(defaults()) {
		of := map[string]Query{}
		for _, q := range r.Queries {
			of[q.Ref] = q
			for _, reduced := range q.Reduced {
				of[reduced.Ref] = q
			}
		}
		signals, lone := map[string]bool{}, 0
		var statistics []signal.Statistic
		for _, c := range r.When {
			for _, ref := range []string{c.Ref, c.ThanRef} {
				if ref == "" {
					continue
				}
				signals[of[ref].Signal] = true
				statistics = append(statistics, of[ref].Statistic)
				if of[ref].Beside == "" {
					lone++
				}
			}
		}
		if len(signals) < 2 {
			continue
		}
		require.Equal(t, 1, lone, r.Name)
		require.Len(t, slices.Compact(slices.Sorted(slices.Values(statistics))), 1, "%s: series of different statistics have different labels", r.Name)
	}
}

// Numbers of one statistic have equal labels, so that formulas over them always have a result.
func TestFormulasAreOverOneStatistic(t *testing.T) {
	t.Parallel()
	for _, r := range All(defaults()) {
		if len(r.Shown) == 0 {
			continue
		}
		for _, q := range r.Queries {
			require.Equal(t, r.Queries[0].Statistic, q.Statistic, r.Name)
		}
	}
}

// Where one signal is compared with itself, each series has a counterpart: a longer window holds what a shorter one does, and
// a range is reduced twice.
func TestOneSignalIsComparedWithItself(t *testing.T) {
	t.Parallel()
	for _, b := range burns {
		require.Greater(t, b.short, b.long, "the short window is the shorter one")
	}
	short := defaults()
	short.Period = time.Hour
	for _, r := range burnRates(short) {
		require.GreaterOrEqual(t, r.Queries[0].Window, r.Queries[1].Window)
		require.GreaterOrEqual(t, r.Queries[1].Window, short.Window)
	}
}

func TestBurnRatesAreTheUsualOnes(t *testing.T) {
	t.Parallel()
	var got [][3]any
	for _, r := range burnRates(defaults()) {
		require.Equal(t, r.When[0].Than, r.When[1].Than)
		got = append(got, [3]any{r.When[0].Than, r.Queries[0].Window, r.Queries[1].Window})
	}
	require.Equal(t, [][3]any{
		{14.4, time.Hour, 5 * time.Minute},
		{6.0, 6 * time.Hour, 30 * time.Minute},
		{3.0, 24 * time.Hour, 2 * time.Hour},
		{1.0, 72 * time.Hour, 6 * time.Hour},
	}, got)
}

func TestForHoldsForAllRules(t *testing.T) {
	t.Parallel()
	o := defaults()
	zero := time.Duration(0)
	o.For = &zero
	for _, r := range All(o) {
		require.Zero(t, r.For)
	}
}

func TestRefusedSamplesAreThoseOfTheStorage(t *testing.T) {
	t.Parallel()
	require.Equal(t, storage.RefusedMetric, refusedSamples)
	require.Equal(t, storage.ReasonLabel, string(byReason[0]))
}
