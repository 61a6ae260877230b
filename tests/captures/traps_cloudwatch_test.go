package captures

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/settings"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// The recordings are what moto 5.2.5, which stands for CloudWatch in tests, answered about three minutes in each of which
// requests took 10, 20 and 60 ms, a CPU utilization of 250 % and one failure of three.

// metricData is CloudWatch's answer to GetMetricData.
type metricData struct {
	Results []struct {
		Label  string    `xml:"Label"`
		Values []float64 `xml:"Values>member"`
	} `xml:"GetMetricDataResult>MetricDataResults>member"`
}

// cloudwatch reads a recorded answer: its status line, and what follows it.
func cloudwatch(t *testing.T, name string) (status string, body []byte) {
	t.Helper()
	answer, err := os.ReadFile(filepath.Join("testdata", "sagemaker", name+".http"))
	require.NoError(t, err)
	status, text, found := strings.Cut(string(answer), "\n\n")
	require.True(t, found)
	return status, []byte(text)
}

func metricDataOf(t *testing.T, name string) metricData {
	t.Helper()
	status, body := cloudwatch(t, name)
	require.Equal(t, "HTTP 200", status)
	var answer metricData
	require.NoError(t, xml.Unmarshal(body, &answer))
	return answer
}

// requireCloudWatchUnread holds while nothing reads CloudWatch: who adds it has to meet the trap in a test of its own instead.
func requireCloudWatchUnread(t *testing.T) {
	t.Helper()
	_, err := settings.Decode([]byte(`{"mode": "cloudwatch"}`), nil)
	require.ErrorContains(t, err, `unknown mode "cloudwatch"`)
	for _, p := range embedded(t) {
		require.NotContains(t, p.ID, "sagemaker")
	}
}

func TestMotoAnswersStatisticsAndNothingElse(t *testing.T) {
	t.Parallel()
	requireCloudWatchUnread(t)
	found := map[string][]float64{}
	for _, r := range metricDataOf(t, "1-statistics").Results {
		found[r.Label] = r.Values
	}
	require.Equal(t, map[string][]float64{
		"ModelLatency Average": {30000, 30000, 30000}, "ModelLatency Sum": {90000, 90000, 90000}, "ModelLatency SampleCount": {3, 3, 3},
		"ModelLatency Minimum": {10000, 10000, 10000}, "ModelLatency Maximum": {60000, 60000, 60000},
	}, found)
	status, _ := cloudwatch(t, "2-percentile")
	require.Equal(t, "HTTP 500", status)
	for _, name := range []string{"3-search", "4-metric-math"} {
		answer := metricDataOf(t, name)
		require.Len(t, answer.Results, 1, name)
		require.Empty(t, answer.Results[0].Values, "%s: empty, and no error", name)
	}
	require.NotContains(t, metricDataOf(t, "5-metrics-insights").Results[0].Values, 30000.0, "an average over every metric there is")
}

func TestMotoListsMetricsOnceForEachValue(t *testing.T) {
	t.Parallel()
	requireCloudWatchUnread(t)
	_, body := cloudwatch(t, "6-list-metrics")
	var answer struct {
		Names []string `xml:"ListMetricsResult>Metrics>member>MetricName"`
	}
	require.NoError(t, xml.Unmarshal(body, &answer))
	times := map[string]int{}
	for _, name := range answer.Names {
		times[name]++
	}
	require.Equal(t, map[string]int{"ModelLatency": 9, "Invocations": 3, "Invocation5XXErrors": 3, "CPUUtilization": 3, "ModelCacheHit": 3}, times)
}

// The words that CloudWatch has for units are those of the table of units, and mean the same.
func TestUnitsOfSageMaker(t *testing.T) {
	t.Parallel()
	_, body := cloudwatch(t, "7-unit")
	var answer struct {
		Points []struct {
			Average float64
			Unit    string
		} `xml:"GetMetricStatisticsResult>Datapoints>member"`
	}
	require.NoError(t, xml.Unmarshal(body, &answer))
	require.Len(t, answer.Points, 3)
	for _, p := range answer.Points {
		factor, err := signal.Unit(strings.ToLower(p.Unit)).Factor(signal.Seconds)
		require.NoError(t, err)
		require.InEpsilon(t, 0.03, p.Average*factor, 1e-9)
	}
	for unit, want := range map[string]struct {
		of    float64
		to    signal.Unit
		means float64
	}{"Percent": {250, signal.Ratio, 2.5}, "Milliseconds": {30, signal.Seconds, 0.03}, "Bytes": {1024, signal.Kibibytes, 1}} {
		factor, err := signal.Unit(strings.ToLower(unit)).Factor(want.to)
		require.NoError(t, err)
		require.InEpsilon(t, want.means, want.of*factor, 1e-9, "percent of one CPU: of several they add up to more than 1")
	}
}
