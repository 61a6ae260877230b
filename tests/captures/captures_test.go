package captures

import (
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/value"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/profile"
	"github.com/coldhit/modelserving-datasource/pkg/promql"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

var update = flag.Bool("update", false, "rewrite the golden tables")

var staleMarker = math.Float64frombits(value.StaleNaN)

// sequence is recordings of a server, in the order in which they were made. Every signal is asked at the last one, over the
// minute since the one before.
type sequence struct {
	server, name string
	recordings   []string
	// profiles are those that recognise the server, in their order.
	profiles []string
}

// Each server's are in a file of their own.
var sequences = slices.Concat(baseten, bentoml, cadvisor, dcgm, djl, dynamo, envoy, gie, istio, knative, kserve, kubeStateMetrics, litellm, llamacpp, llmD, mlserver, modelmesh, nvml, otelGenai, ovms, rayServe, seldon, sglang, tfserving, tgi, torchserve, triton, vllm)

var triton = []sequence{
	{"triton", "loaded", []string{"1-metrics-all-idle", "2-metrics-all-loaded"}, []string{"triton"}},
	{"triton", "idle", []string{"1-metrics-all-idle", "1-metrics-all-idle"}, []string{"triton"}},
	{"triton", "burst", []string{"4-metrics-all-loaded2", "5-metrics-during-burst"}, []string{"triton"}},
	{"triton", "after-unload", []string{"5-metrics-during-burst", "6-metrics-after-unload-cached"}, []string{"triton"}},
	{"triton", "after-reload", []string{"6-metrics-after-unload-cached", "7-metrics-after-reload-cached"}, []string{"triton"}},
	{"triton", "default-options", []string{"8-metrics-default-idle", "9-metrics-default-loaded"}, []string{"triton"}},
	{"triton", "pytriton-0.5.14", []string{"1-metrics-all-idle", "10-pytriton-0.5.14-loaded"}, []string{"triton"}},
	{"triton", "pytriton", []string{"11-pytriton-loaded", "12-pytriton-loaded"}, []string{"triton"}},
	{"triton", "pytriton-burst", []string{"12-pytriton-loaded", "13-pytriton-loaded"}, []string{"triton"}},
}

func TestWhatTheSignalsMakeOfRecordings(t *testing.T) {
	set, err := profile.Embedded()
	require.NoError(t, err)
	for _, s := range sequences {
		t.Run(s.server+"/"+s.name, func(t *testing.T) {
			t.Parallel()
			recorded := replay(t, s.server, s.recordings)
			found := set.Targets().Detect(recorded.has)
			ids := make([]string, len(found))
			for i, p := range found {
				ids[i] = p.ID
			}
			require.Equal(t, s.profiles, ids)
			got := recorded.table(found)
			golden := filepath.Join("testdata", s.server, s.name+".golden")
			if *update {
				require.NoError(t, os.WriteFile(golden, []byte(got), 0o600))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.Equal(t, string(want), got)
		})
	}
}

// groupings are how signals are asked: by what people look at, as far as the signal has it.
func grouping(s signal.Signal) []signal.Label {
	wanted := []signal.Label{signal.Model, signal.Version, signal.Status, signal.Code, signal.State, signal.GPU}
	return slices.DeleteFunc(wanted, func(l signal.Label) bool { return !slices.Contains(s.GroupBy, l) })
}

// table lists every signal and statistic that a server answers, one line for each series. Signals without an answer are one
// line that says why.
func (s *store) table(set profile.Set) string {
	var b strings.Builder
	environ := profile.Environment{Window: window, Exists: s.has}
	for _, sig := range signal.Builtin() {
		if sig.Derivation != nil {
			continue // computed from the answers to others
		}
		unanswered := map[string]bool{}
		for _, st := range asked(sig) {
			q, err := signal.Builtin().NewQuery(sig.Name, []string{string(st)}, words(grouping(sig)), nil, 0, false, 0)
			require.NoError(s.t, err)
			parts := set.Compile(q, environ)
			if len(parts) == 0 {
				why := set.Explain(sig, st, s.has)
				if reason := anyStatistic(why, st); !unanswered[reason] {
					fmt.Fprintf(&b, "%s: %s\n", sig.Name, reason)
					unanswered[reason] = true
				}
				continue
			}
			for _, p := range parts {
				fmt.Fprintf(&b, "%s %s: %s\n", sig.Name, unit(sig, st), p.Describe())
				for _, line := range s.lines(p, scale(sig)) {
					fmt.Fprintf(&b, "  %s\n", line)
				}
			}
		}
	}
	return b.String()
}

// asked are the statistics that are worth a table: of a level at one time, the last value is all there is.
func asked(s signal.Signal) []signal.Statistic {
	if s.Shape == signal.Level {
		return []signal.Statistic{signal.Last}
	}
	return s.Statistics()
}

// unit is how a statistic is written in a table. Counts are written as increases, which can be compared with the recordings.
func unit(s signal.Signal, st signal.Statistic) string {
	if s.Shape == signal.Count {
		return "in the minute"
	}
	return string(st)
}

func scale(s signal.Signal) float64 {
	if s.Shape == signal.Count {
		return between.Seconds()
	}
	return 1
}

func (s *store) lines(p profile.Part, scale float64) []string {
	var lines []string
	for _, sample := range s.ask(promql.Text(p.Plan, s.span)) {
		if math.IsNaN(sample.F) || math.IsInf(sample.F, 0) {
			continue
		}
		labels := sample.Metric.Map()
		for _, target := range []string{"__name__", "job", "instance", "environment", "deployment", "quantile"} {
			delete(labels, target)
		}
		var pairs []string
		for k, v := range labels {
			pairs = append(pairs, k+"="+v)
		}
		slices.Sort(pairs)
		lines = append(lines, fmt.Sprintf("%-50s %.4g", strings.Join(pairs, " "), sample.F*scale))
	}
	slices.Sort(lines)
	if len(lines) == 0 {
		return []string{"no data"}
	}
	return lines
}

func words(labels []signal.Label) []string {
	out := make([]string, len(labels))
	for i, l := range labels {
		out[i] = string(l)
	}
	return out
}

// anyStatistic is a reason that names a statistic, such as "does not report p95 of queue_time", for whichever statistic.
func anyStatistic(reason string, st signal.Statistic) string {
	return strings.NewReplacer("report "+string(st)+" of ", "report statistic of ", "its "+string(st)+".", "its statistic.").Replace(reason)
}
