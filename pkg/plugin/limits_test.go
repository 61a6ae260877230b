package plugin

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/ingest"
)

func TestLimitsThatAreNearAreSaid(t *testing.T) {
	t.Parallel()
	require.Empty(t, describeLimits(ingest.Status{Series: 100, Limit: 1000}))
	require.Empty(t, newDatasource(t).checkLimits(t.Context()).lines)
	biggest := ingest.Biggest{Metric: "requests_total", Series: 700, Label: "user", Values: 300}
	require.Equal(t, []string{"800 series are in memory, near the limit of 1000. The metric with most series is requests_total (700), the label with " +
		"most values is user (300). Let the server export fewer series, or raise the series limit."},
		describeLimits(ingest.Status{Series: 800, Limit: 1000, Near: true, Biggest: biggest}))
	require.Contains(t, describeLimits(ingest.Status{Series: 1000, Limit: 1000, Near: true})[0], "The limit of 1000 series in memory is reached")
	require.Equal(t, []string{`Target recorder: its page has 203005 samples and the limit is 100000, so 558 of its 1000 models, those with the least traffic, are ` +
		`stored together as model "other". 3 samples of these models cannot be added up and are not stored. To store them by themselves, raise the limit of ` +
		`samples in the scrape limits.`},
		describeLimits(ingest.Status{Folded: []ingest.FoldedPage{{Job: "recorder", Folded: 558, Models: 1000, Samples: 203005, Limit: 100000, Dropped: 3}}}))
}
