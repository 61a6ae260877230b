package settings

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const clientSecret = "s3cr3t-of-azure"

var remoteSecrets = map[string]string{"googleKey": " " + secret + "\n", "azureClientSecret": clientSecret}

func decodePrometheus(t *testing.T, fields string) Prometheus {
	t.Helper()
	s, err := Decode([]byte(`{"mode": "prometheus", "prometheus": {`+fields+`}}`), remoteSecrets)
	require.NoError(t, err)
	require.Equal(t, ModePrometheus, s.Mode)
	require.Empty(t, s.Embedded)
	return s.Prometheus
}

func TestPrometheusDefaults(t *testing.T) {
	t.Parallel()
	want := Prometheus{
		TimeInterval: 15 * time.Second, HTTPMethod: http.MethodPost, CustomQueryParameters: url.Values{}, MaxConcurrentQueries: 4,
		ResponseLimits:      ResponseLimits{BodyBytes: 256 << 20, Series: 50_000, Samples: 10_000_000},
		IncrementalQuerying: true, IncrementalQueryOverlapWindow: 2 * time.Minute, QueryCacheBytes: 128 << 20,
		Labels: DefaultLabelNames,
	}
	require.Equal(t, want, decodePrometheus(t, ""))
	// What Grafana's own HTTP settings and the embedded engine's write is not read in this mode.
	s, err := Decode([]byte(`{"mode": "prometheus", "timeout": 30, "httpHeaderName1": "X", "targets": "none", "profiles": [{"name": "own", "text": "x"}]}`), nil)
	require.NoError(t, err)
	require.Equal(t, want, s.Prometheus)
	require.Len(t, s.Profiles, 1)
}

func TestPrometheusSettings(t *testing.T) {
	t.Parallel()
	require.Equal(t, Prometheus{
		TimeInterval: time.Minute, QueryTimeout: 5 * time.Second, HTTPMethod: http.MethodGet, PrometheusType: "Thanos",
		MaxQueryRange: 24 * time.Hour, MaxConcurrentQueries: 8,
		CustomQueryParameters: url.Values{"max_source_resolution": {"5m"}, "dedup": {"true"}},
		ResponseLimits:        ResponseLimits{BodyBytes: 1 << 20, Series: 10, Samples: 20},
		IncrementalQuerying:   false, IncrementalQueryOverlapWindow: 10 * time.Minute, QueryCacheBytes: 1 << 30,
		Identity: CloudIdentity{Cloud: Azure, AzureTenant: "t", AzureClient: "c", AzureClientSecret: clientSecret, AzureCloud: "china"},
		Labels:   DefaultLabelNames,
	}, decodePrometheus(t, `"timeInterval": "1m", "queryTimeout": "5s", "httpMethod": "get", "prometheusType": "Thanos", "maxQueryRange": "1d",
		"maxConcurrentQueries": 8, "customQueryParameters": "max_source_resolution=5m&dedup=true",
		"responseLimits": {"bodySize": "1MB", "series": 10, "samples": 20},
		"incrementalQuerying": false, "incrementalQueryOverlapWindow": "10m", "queryCacheSize": "1GB", "cloud": "azure", "azureTenant": " t ", "azureClient": "c", "azureCloud": "china"`))
	require.Equal(t, CloudIdentity{Cloud: Google, GoogleKey: secret}, decodePrometheus(t, `"cloud": "google"`).Identity)
}

func TestRefusedPrometheusSettings(t *testing.T) {
	t.Parallel()
	for fields, sentence := range map[string]string{
		`"timeInterval": "often"`:                  `the scrape interval "often" is not a duration`,
		`"queryTimeout": "11m"`:                    `the query timeout "11m" must be between 100ms and 10m`,
		`"maxQueryRange": "1s"`:                    `the max query range "1s" must be between 1m and`,
		`"httpMethod": "PUT"`:                      `unknown HTTP method "PUT"; choose one of: POST, GET`,
		`"prometheusType": "graphite"`:             `unknown server type "graphite"; choose one of: Prometheus, Cortex, Mimir`,
		`"prometheusType": "mimir"`:                `unknown server type "mimir"`,
		`"customQueryParameters": "a=%zz"`:         "the custom query parameters cannot be parsed",
		`"customQueryParameters": "query=up"`:      `the custom query parameters set "query"`,
		`"maxConcurrentQueries": 33`:               "the number of max concurrent queries is 33; enter 1 to 32",
		`"maxConcurrentQueries": -1`:               "the number of max concurrent queries is -1",
		`"responseLimits": {"bodySize": "5GB"}`:    `the response size limit "5GB" must be at most 4GiB`,
		`"responseLimits": {"series": -1}`:         "the series limit is -1",
		`"responseLimits": {"samples": 999999999}`: "the sample limit is 999999999",
		`"incrementalQueryOverlapWindow": "0s"`:    `the overlap window "0s" must be between 1s and 1d`,
		`"queryCacheSize": "1KB"`:                  `the query cache size "1KB" must be at least 1MiB`,
		`"incrementalQuerying": "no"`:              "the data source's settings cannot be read",
		`"cloud": "aws"`:                           `unknown cloud "aws"; choose one of: google, azure`,
		`"cloud": "azure"`:                         "Azure needs a tenant ID, a client ID and a client secret",
		`"cloud": "azure", "azureTenant": "t", "azureClient": "c", "azureCloud": "x"`: `unknown Azure cloud "x"`,
		`"timeInterval": 15`: "the data source's settings cannot be read",
	} {
		s, err := Decode([]byte(`{"mode": "prometheus", "prometheus": {`+fields+`}}`), remoteSecrets)
		require.ErrorContains(t, err, sentence)
		require.NotContains(t, err.Error(), secret)
		require.Empty(t, s, "no half-decoded settings")
	}
	_, err := Decode([]byte(`{"mode": "prometheus", "prometheus": {"cloud": "google"}}`), nil)
	require.ErrorContains(t, err, "the Google service account key is missing")
	_, err = Decode([]byte(`{"mode": "prometheus", "profiles": [{"name": ""}]}`), nil)
	require.ErrorContains(t, err, "has no name")
	_, err = Decode([]byte(`{"mode": "prometheus", "objectives": {"default": {"p95": "`+strings.Repeat("x", 3)+`"}}}`), nil)
	require.ErrorContains(t, err, "default objective")
}
