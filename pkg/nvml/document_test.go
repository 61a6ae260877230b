package nvml

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite the generated parts of docs/nvml.md")

const document = "../../docs/nvml.md"

// TestDocument holds the tables in docs/nvml.md against the metrics that there are.
func TestDocument(t *testing.T) {
	text, err := os.ReadFile(document)
	require.NoError(t, err)
	want := string(text)
	for name, table := range map[string]string{
		"devices":   metricTable(func(m *Metric) bool { return hasDevice(m) && !about(m, "_process_", "_model_") }),
		"processes": metricTable(func(m *Metric) bool { return hasDevice(m) && about(m, "_process_", "_model_") }),
		"endpoint":  metricTable(func(m *Metric) bool { return !hasDevice(m) }),
		"dcgm":      dcgmTable(),
	} {
		want = replaceBetween(t, want, "<!-- "+name+" -->\n", "<!-- end -->", table)
	}
	if *update {
		require.NoError(t, os.WriteFile(document, []byte(want), 0o600))
		return
	}
	require.Equal(t, want, string(text), "rewrite it with go test ./pkg/nvml -update")
}

func replaceBetween(t *testing.T, text, from, to, with string) string {
	before, rest, found := strings.Cut(text, from)
	require.True(t, found, from)
	_, after, found := strings.Cut(rest, to)
	require.True(t, found, to)
	return before + from + with + to + after
}

func hasDevice(m *Metric) bool { return slices.Contains(m.Labels, "uuid") }

func about(m *Metric, words ...string) bool {
	return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(m.Name, word) })
}

func kindOf(t prometheus.ValueType) string {
	if t == prometheus.CounterValue {
		return "counter"
	}
	return "gauge"
}

func metricTable(of func(*Metric) bool) string {
	var table strings.Builder
	table.WriteString("| metric | type | labels of its own | what it is | from |\n|---|---|---|---|---|\n")
	for _, m := range Metrics {
		if !of(m) {
			continue
		}
		var own []string
		for _, label := range m.Labels {
			if !hasDevice(m) || !slices.Contains(deviceLabels, label) {
				own = append(own, label)
			}
		}
		fmt.Fprintf(&table, "| `%s` | %s | %s | %s | %s |\n", m.Name, kindOf(m.Type), strings.Join(own, ", "), m.Help, m.Source)
	}
	return table.String()
}

func dcgmTable() string {
	var table strings.Builder
	table.WriteString("| metric | type | what it is | the reading |\n|---|---|---|---|\n")
	for _, m := range append(slices.Clone(DCGMMetrics), dcgmXID) {
		from := "`" + m.From.Name + "`"
		if m.With != "" {
			from += ", " + m.With
		}
		from += map[deviceKind]string{onlyGPUs: ", of GPUs", onlyMIG: ", of MIG devices"}[m.Of]
		fmt.Fprintf(&table, "| `%s` | %s | %s | %s |\n", m.Name, kindOf(m.Type), m.Help, from)
	}
	return table.String()
}

func TestMetricsAreNamedForTheirUnits(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range Metrics {
		require.False(t, seen[m.Name], m.Name)
		seen[m.Name] = true
		require.True(t, strings.HasPrefix(m.Name, "modelserving_gpu_") || strings.HasPrefix(m.Name, "modelserving_nvml_"), m.Name)
		require.Equal(t, m.Type == prometheus.CounterValue, strings.HasSuffix(m.Name, "_total"), m.Name)
		require.NotEmpty(t, m.Help, m.Name)
	}
	for _, m := range DCGMMetrics {
		require.NotNil(t, m.From, m.Name)
		require.NotZero(t, m.Factor, m.Name)
	}
}
