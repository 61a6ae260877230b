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
	s, err := Decode([]byte(`{"kind": "prometheus", "prometheus": {`+fields+`}}`), remoteSecrets)
	require.NoError(t, err)
	require.Equal(t, KindPrometheus, s.Kind)
	require.Empty(t, s.Embedded)
	return s.Prometheus
}

func TestPrometheusDefaults(t *testing.T) {
	t.Parallel()
	want := Prometheus{
		Interval: 15 * time.Second, Method: http.MethodPost, Parameters: url.Values{}, Parallel: 4,
		Limits:      AnswerLimits{BodyBytes: 256 << 20, Series: 50_000, Samples: 10_000_000},
		Incremental: Incremental{Overlap: 2 * time.Minute, Bytes: 128 << 20},
		Labels:      DefaultLabelNames,
	}
	require.Equal(t, want, decodePrometheus(t, ""))
	// What Grafana's own HTTP settings and the embedded engine's write is no concern of this kind's.
	s, err := Decode([]byte(`{"kind": "prometheus", "timeout": 30, "httpHeaderName1": "X", "targets": "none", "profiles": [{"name": "own", "text": "x"}]}`), nil)
	require.NoError(t, err)
	require.Equal(t, want, s.Prometheus)
	require.Len(t, s.Profiles, 1)
}

func TestPrometheusSettings(t *testing.T) {
	t.Parallel()
	require.Equal(t, Prometheus{
		Interval: time.Minute, Timeout: 5 * time.Second, Method: http.MethodGet, Flavour: "thanos", LongestRange: 24 * time.Hour, Parallel: 8,
		Parameters:  url.Values{"max_source_resolution": {"5m"}, "dedup": {"true"}},
		Limits:      AnswerLimits{BodyBytes: 1 << 20, Series: 10, Samples: 20},
		Incremental: Incremental{Off: true, Overlap: 10 * time.Minute, Bytes: 1 << 30},
		Identity:    CloudIdentity{Cloud: Azure, AzureTenant: "t", AzureClient: "c", AzureClientSecret: clientSecret, AzureCloud: "china"},
		Labels:      DefaultLabelNames,
	}, decodePrometheus(t, `"interval": "1m", "timeout": "5s", "method": "get", "flavour": "thanos", "longestRange": "1d", "parallel": 8,
		"parameters": "max_source_resolution=5m&dedup=true", "limits": {"bodySize": "1MB", "series": 10, "samples": 20},
		"incremental": {"off": true, "overlap": "10m", "memory": "1GB"}, "cloud": "azure", "azureTenant": " t ", "azureClient": "c", "azureCloud": "china"`))
	require.Equal(t, CloudIdentity{Cloud: Google, GoogleKey: secret}, decodePrometheus(t, `"cloud": "google"`).Identity)
}

func TestRefusedPrometheusSettings(t *testing.T) {
	t.Parallel()
	for fields, sentence := range map[string]string{
		`"interval": "often"`:              `the scrape interval "often" is not a duration`,
		`"timeout": "11m"`:                 `the query time-out "11m" must be between 100ms and 10m`,
		`"longestRange": "1s"`:             `the longest range "1s" must be between 1m and`,
		`"method": "PUT"`:                  `the HTTP method "PUT" is not known; choose one of: POST, GET`,
		`"flavour": "graphite"`:            `the flavour "graphite" is not known; choose one of: prometheus, mimir`,
		`"parameters": "a=%zz"`:            "the query parameters are not readable",
		`"parameters": "query=up"`:         `the query parameters set "query"`,
		`"parallel": 33`:                   "33 requests side by side are not possible; choose 1 to 32",
		`"parallel": -1`:                   "-1 requests side by side are not possible",
		`"limits": {"bodySize": "5GB"}`:    `the answer size limit "5GB" must be at most 4GiB`,
		`"limits": {"series": -1}`:         "the series limit is -1",
		`"limits": {"samples": 999999999}`: "the sample limit is 999999999",
		`"incremental": {"overlap": "0s"}`: `the overlap "0s" must be between 1s and 1d`,
		`"incremental": {"memory": "1KB"}`: `the memory for kept answers "1KB" must be at least 1MiB`,
		`"cloud": "aws"`:                   `the cloud "aws" is not known; choose one of: google, azure`,
		`"cloud": "azure"`:                 "for Azure the tenant ID, the client ID and the client secret are needed",
		`"cloud": "azure", "azureTenant": "t", "azureClient": "c", "azureCloud": "x"`: `the Azure cloud "x" is not known`,
		`"interval": 15`: "the data source's settings are not readable",
	} {
		s, err := Decode([]byte(`{"kind": "prometheus", "prometheus": {`+fields+`}}`), remoteSecrets)
		require.ErrorContains(t, err, sentence)
		require.NotContains(t, err.Error(), secret)
		require.Empty(t, s, "no half-decoded settings")
	}
	_, err := Decode([]byte(`{"kind": "prometheus", "prometheus": {"cloud": "google"}}`), nil)
	require.ErrorContains(t, err, "the service account's key for Google is missing")
	_, err = Decode([]byte(`{"kind": "prometheus", "profiles": [{"name": ""}]}`), nil)
	require.ErrorContains(t, err, "has no name")
	_, err = Decode([]byte(`{"kind": "prometheus", "objectives": {"default": {"p95": "`+strings.Repeat("x", 3)+`"}}}`), nil)
	require.ErrorContains(t, err, "default objective")
}
