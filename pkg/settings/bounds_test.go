package settings

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/units"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/redact"
)

var update = flag.Bool("update", false, "rewrite the bounds that the config editor reads")

var boundsPath = filepath.Join("..", "..", "src", "settings", "bounds.json")

// bounds is what the config editor shows as a setting's default and accepts in its field, both ends included. What is left out
// does not exist.
type bounds struct {
	Default any `json:"default,omitempty"`
	Min     any `json:"min,omitempty"`
	Max     any `json:"max,omitempty"`
}

func durationBounds(unset, least, most time.Duration) bounds {
	out := bounds{Min: model.Duration(least).String(), Max: model.Duration(most).String()}
	if unset > 0 {
		out.Default = model.Duration(unset).String()
	}
	return out
}

func sizeText(bytes int64) string {
	return strings.ReplaceAll(units.Base2Bytes(bytes).String(), "iB", "B")
}

func sizeBounds(unset, least, most int64) bounds {
	return bounds{Default: sizeText(unset), Min: sizeText(least), Max: sizeText(most)}
}

func countBounds(unset, most int) bounds { return bounds{Default: unset, Min: 1, Max: most} }

func allBounds() map[string]any {
	credentialParts, credentialNames := redact.CredentialNames()
	scrape, highest := DefaultScrapeLimits, highestScrapeLimits
	response, highestResponse := DefaultResponseLimits, highestResponseLimits
	return map[string]any{
		"interval":      durationBounds(DefaultInterval, minInterval, maxInterval),
		"scrapeTimeout": durationBounds(DefaultScrapeTimeout, minTimeout, maxScrapeTimeout),
		"retentionTime": durationBounds(DefaultRetentionTime, minRetentionTime, longestTime),
		"retentionSize": bounds{Min: sizeText(minRetentionBytes)},
		"scrapeLimits": map[string]bounds{
			"bodySize":         sizeBounds(scrape.BodyBytes, minBodyBytes, highest.BodyBytes),
			"samples":          countBounds(scrape.Samples, highest.Samples),
			"labels":           countBounds(scrape.Labels, highest.Labels),
			"labelNameLength":  countBounds(scrape.LabelNameLength, highest.LabelNameLength),
			"labelValueLength": countBounds(scrape.LabelValueLength, highest.LabelValueLength),
		},
		// The names of parameters that a URL may not have.
		"credentialParameters": map[string][]string{"parts": credentialParts, "names": credentialNames},
		"targets":              bounds{Max: maxTargets},
		"profiles":             bounds{Max: maxProfiles},
		"profileSize":          bounds{Max: sizeText(maxProfileBytes)},
		"remoteWrite":          map[string]bounds{"history": durationBounds(0, 0, longestTime)},
		"seriesLimit":          countBounds(DefaultSeriesLimit, maxSeriesLimit),
		"objectives": map[string]bounds{
			"duration":          durationBounds(0, minObjective, maxObjective),
			"overrides":         {Max: maxOverrides},
			"patternCharacters": {Max: maxPatternCharacters},
		},
		"prometheus": map[string]any{
			"timeInterval":                  durationBounds(DefaultInterval, minInterval, maxInterval),
			"queryTimeout":                  durationBounds(0, minTimeout, maxQueryTimeout),
			"maxQueryRange":                 durationBounds(0, minQueryRange, longestTime),
			"maxConcurrentQueries":          countBounds(DefaultMaxConcurrentQueries, mostConcurrentQueries),
			"incrementalQueryOverlapWindow": durationBounds(DefaultQueryOverlapWindow, minOverlapWindow, maxOverlapWindow),
			"queryCacheSize":                sizeBounds(DefaultQueryCacheBytes, minQueryCacheBytes, maxQueryCacheBytes),
			"responseLimits": map[string]bounds{
				"bodySize": sizeBounds(response.BodyBytes, minBodyBytes, highestResponse.BodyBytes),
				"series":   countBounds(response.Series, highestResponse.Series),
				"samples":  countBounds(response.Samples, highestResponse.Samples),
			},
			"labels": map[string]bounds{
				"environment": {Default: DefaultLabelNames.Environment},
				"deployment":  {Default: DefaultLabelNames.Deployment},
				"replica":     {Default: DefaultLabelNames.Replica},
			},
		},
	}
}

// The config editor reads the defaults and bounds from a file that is written from the constants that Decode uses.
func TestBoundsOfTheConfigEditor(t *testing.T) {
	t.Parallel()
	got, err := json.MarshalIndent(allBounds(), "", "  ")
	require.NoError(t, err)
	got = append(got, '\n')
	if *update {
		require.NoError(t, os.WriteFile(boundsPath, got, 0o600))
	}
	file, err := os.ReadFile(boundsPath)
	require.NoError(t, err)
	require.Equal(t, string(got), string(file), "src/settings/bounds.json is out of date: rewrite it with go test ./pkg/settings -update")
}

// Decode accepts both ends of the bounds in the editor's notation, and nothing beyond.
func TestBoundsAreThoseOfDecode(t *testing.T) {
	t.Parallel()
	accepts := func(settings string) bool {
		_, err := Decode([]byte(settings), nil)
		return err == nil
	}
	for settings, want := range map[string]bool{
		`{"interval": "1h"}`: true, `{"interval": "1h1ms"}`: false, `{"scrapeTimeout": "5m"}`: true, `{"scrapeTimeout": "5m1ms"}`: false,
		`{"seriesLimit": 20000000}`: true, `{"seriesLimit": 20000001}`: false, `{"seriesLimit": -1}`: false,
		`{"retentionTime": "100y"}`: true, `{"retentionTime": "59m"}`: false, `{"retentionSize": "1MB"}`: true, `{"retentionSize": "1023KB"}`: false,
		`{"remoteWrite": {"enabled": true, "history": "0"}}`: true, `{"remoteWrite": {"enabled": true, "history": "101y"}}`: false,
	} {
		require.Equal(t, want, accepts(settings), settings)
	}
}
