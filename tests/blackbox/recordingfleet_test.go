package blackbox

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/rules"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/remote/prometheustest"
)

// scrapedEvery is how often the servers of the tests' fleets are scraped.
const scrapedEvery = 15 * time.Second

// ruler evaluates a rule file over a Prometheus, as that itself does, at the times that it is told.
type ruler struct {
	groups []*rules.Group
	engine *promql.Engine
	parser parser.Parser
}

func newRuler(t testing.TB, server *prometheustest.Server, files ...[]byte) *ruler {
	t.Helper()
	queries := parser.NewParser(parser.Options{})
	r := &ruler{parser: queries, engine: promql.NewEngine(promql.EngineOpts{
		MaxSamples: 50_000_000, Timeout: time.Minute, Parser: queries, EnableAtModifier: true, EnablePerStepStats: false,
		NoStepSubqueryIntervalFn: func(int64) int64 { return time.Minute.Milliseconds() },
	})}
	t.Cleanup(func() { _ = r.engine.Close() })
	var paths []string
	for i, file := range files {
		path := filepath.Join(t.TempDir(), fmt.Sprintf("rules-%d.yaml", i))
		require.NoError(t, os.WriteFile(path, file, 0o600))
		paths = append(paths, path)
	}
	manager := rules.NewManager(&rules.ManagerOptions{
		Context: t.Context(), AppendableV2: server.DB, Queryable: server.DB, QueryFunc: rules.EngineQueryFunc(r.engine, server.DB),
		Logger: slog.New(slog.DiscardHandler), Parser: queries,
	})
	loaded, errs := manager.LoadGroups(time.Minute, labels.EmptyLabels(), "", nil, false, paths...)
	require.Empty(t, errs)
	for _, g := range loaded {
		r.groups = append(r.groups, g)
	}
	slices.SortFunc(r.groups, func(a, b *rules.Group) int { return strings.Compare(a.Name(), b.Name()) })
	return r
}

// evaluate runs the groups whose turn it is, each its part of its interval late, as Prometheus spreads them out.
func (r *ruler) evaluate(t testing.TB, at time.Time, late func(group string) time.Duration) {
	t.Helper()
	for _, g := range r.groups {
		if at.Add(-late(g.Name())).UnixNano()%int64(g.Interval()) != 0 {
			continue
		}
		g.Eval(t.Context(), at)
		for _, rule := range g.Rules() {
			require.NoError(t, rule.LastError(), rule.Name())
		}
	}
}

func inTime(string) time.Duration { return 0 }

// counted are the counters of a fleet with traffic: Triton servers, and recorders in front of some.
type counted struct {
	random *rand.Rand
	values map[string]float64
}

func newCounted() *counted {
	return &counted{random: rand.New(rand.NewPCG(7, 7)), values: map[string]float64{}}
}

var bounds = []float64{0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5}

// scrape is what a scrape of all replicas finds, after as much traffic as there is between two.
func (c *counted) scrape(at time.Time, models, replicas int) []prometheustest.Sample {
	var out []prometheustest.Sample
	count := func(by float64, name string, pairs ...string) {
		set := labels.FromStrings(append([]string{"__name__", name}, pairs...)...)
		key := set.String()
		c.values[key] += by
		out = append(out, prometheustest.Sample{Labels: set, At: at, Value: c.values[key]})
	}
	for m := range models {
		for r := range replicas {
			place := []string{"model", fmt.Sprintf("model-%03d", m), "version", "1", "namespace", "production", "job", "vision", "instance", fmt.Sprintf("gpu-%d:8002", r)}
			also := func(more ...string) []string { return append(slices.Clone(place), more...) }
			requests := float64(20 + 3*m + c.random.IntN(20))
			failed := float64(c.random.IntN(4))
			count(requests-failed, "nv_inference_request_success", place...)
			count(failed, "nv_inference_request_failure", also("reason", "OTHER")...)
			count(requests*20_000, "nv_inference_request_duration_us", place...)
			for _, path := range []string{"hot", "cold"} {
				some := requests
				if path == "cold" {
					some = float64(c.random.IntN(5))
				}
				of := also("start", path)
				count(some, "modelserving_requests_total", append(slices.Clone(of), "code", "200")...)
				sum, below := 0.0, 0.0
				for i, bound := range bounds {
					if i < len(bounds)-1 {
						below += float64(c.random.IntN(int(some-below) + 1))
					} else {
						below = some
					}
					sum += bound * below / 4
					count(below, "modelserving_response_time_seconds_bucket", append(slices.Clone(of), "le", fmt.Sprint(bound))...)
				}
				count(some, "modelserving_response_time_seconds_bucket", append(slices.Clone(of), "le", "+Inf")...)
				count(sum, "modelserving_response_time_seconds_sum", of...)
				count(some, "modelserving_response_time_seconds_count", of...)
			}
		}
	}
	for r := range replicas {
		out = append(out, prometheustest.Sample{At: at, Value: 1000, Labels: labels.FromStrings(
			"__name__", "modelserving_recorder_models_limit", "namespace", "production", "job", "vision", "instance", fmt.Sprintf("gpu-%d:8002", r))})
	}
	return out
}

// numbersOf are the numbers of an answer, by the labels of their series and by time in milliseconds.
func numbersOf(t testing.TB, r backend.DataResponse) map[string]map[int64]float64 {
	t.Helper()
	require.NoError(t, r.Error)
	out := map[string]map[int64]float64{}
	for _, f := range r.Frames {
		if len(f.Fields) < 2 {
			continue
		}
		times := f.Fields[0]
		for _, field := range f.Fields[1:] {
			if field.Type() != data.FieldTypeFloat64 {
				continue
			}
			key := field.Name + " " + field.Labels.String()
			if out[key] == nil {
				out[key] = map[int64]float64{}
			}
			for i := range field.Len() {
				v, _ := field.ConcreteAt(i)
				at, _ := times.ConcreteAt(i)
				out[key][at.(time.Time).UnixMilli()] = v.(float64)
			}
		}
	}
	return out
}

// samplesOf is how many samples a Prometheus reads to answer what an answer says was run.
func (r *ruler) samplesOf(t testing.TB, server *prometheustest.Server, answer backend.DataResponse, from, to time.Time, step time.Duration) (total int64) {
	t.Helper()
	for _, expr := range executedIn(t, answer) {
		q, err := r.engine.NewRangeQuery(t.Context(), server.DB, nil, expr, from, to, step)
		require.NoError(t, err)
		require.NoError(t, q.Exec(t.Context()).Err)
		total += q.Stats().Samples.TotalSamples
		q.Close()
	}
	return total
}

// seriesOf is how many series a Prometheus reads to answer what an answer says was run, those that several parts read for each.
func (r *ruler) seriesOf(t testing.TB, server *prometheustest.Server, answer backend.DataResponse, from, to time.Time) (total int64) {
	t.Helper()
	storage, err := server.DB.Querier(from.UnixMilli(), to.UnixMilli())
	require.NoError(t, err)
	defer func() { require.NoError(t, storage.Close()) }()
	for _, expr := range executedIn(t, answer) {
		tree, err := r.parser.ParseExpr(expr)
		require.NoError(t, err)
		for _, matchers := range parser.ExtractSelectors(tree) {
			found := storage.Select(t.Context(), false, nil, matchers...)
			for found.Next() {
				total++
			}
			require.NoError(t, found.Err())
		}
	}
	return total
}

// executedIn lists the expressions that an answer says were run.
func executedIn(t testing.TB, answer backend.DataResponse) (all []string) {
	t.Helper()
	require.NotEmpty(t, answer.Frames)
	for block := range strings.SplitSeq(answer.Frames[0].Meta.ExecutedQueryString, "\n\n") {
		var expr []string
		for line := range strings.Lines(block) {
			if !strings.HasPrefix(line, "#") {
				expr = append(expr, line)
			}
		}
		if len(expr) > 0 { // else it only says what is computed
			all = append(all, strings.Join(expr, ""))
		}
	}
	return all
}
