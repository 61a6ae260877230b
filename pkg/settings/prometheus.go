package settings

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/coldhit/modelserving-datasource/pkg/redact"
)

// ModePrometheus queries a Prometheus-compatible server that scrapes and stores by itself.
const ModePrometheus Mode = "prometheus"

// Defaults and bounds of the settings of a Prometheus-compatible server.
const (
	DefaultQueryOverlapWindow   = 2 * time.Minute
	DefaultQueryCacheBytes      = 128 << 20
	DefaultMaxConcurrentQueries = 4
	mostConcurrentQueries       = 32
	minQueryCacheBytes          = 1 << 20
	maxQueryCacheBytes          = 4 << 30
	minOverlapWindow            = time.Second
	maxOverlapWindow            = 24 * time.Hour
	minQueryRange               = time.Minute
	maxQueryTimeout             = 10 * time.Minute
)

// DefaultResponseLimits bound one response where the settings do not: some 160 MB in memory.
var DefaultResponseLimits = ResponseLimits{BodyBytes: 256 << 20, Series: 50_000, Samples: 10_000_000}

var highestResponseLimits = ResponseLimits{BodyBytes: 4 << 30, Series: 5_000_000, Samples: 200_000_000}

// The names of secure settings.
const (
	googleKey         = "googleKey"
	azureClientSecret = "azureClientSecret"
)

// Prometheus configures how a Prometheus-compatible server is queried. Its address, basic authentication, headers, certificates,
// proxy and AWS signature are in the data source's HTTP settings, which the SDK decodes. The names are those of Grafana's own
// Prometheus data source where it has the setting.
type Prometheus struct {
	// TimeInterval is how often the server scrapes.
	TimeInterval time.Duration
	// QueryTimeout bounds one request from its start to the end of its response; zero leaves it to the HTTP settings.
	QueryTimeout time.Duration
	// HTTPMethod is POST or GET.
	HTTPMethod string
	// PrometheusType names the type of server; empty to detect it.
	PrometheusType string
	// CustomQueryParameters are added to every query, such as max_source_resolution for Thanos.
	CustomQueryParameters url.Values
	ResponseLimits        ResponseLimits
	// MaxQueryRange is the longest range of one request; zero for no bound. Longer ranges are split.
	MaxQueryRange time.Duration
	// MaxConcurrentQueries is how many requests run at the same time.
	MaxConcurrentQueries int
	// IncrementalQuerying keeps results in the query cache, so that a refresh queries only for what is new.
	IncrementalQuerying bool
	// IncrementalQueryOverlapWindow is how much recent data is queried again, to pick up late samples.
	IncrementalQueryOverlapWindow time.Duration
	// QueryCacheBytes bounds the memory of the query cache.
	QueryCacheBytes int64
	Identity        CloudIdentity
	Labels          LabelNames
}

// ResponseLimits bound one response. A response over a limit is an error as a whole.
type ResponseLimits struct {
	// BodyBytes are counted after decompression.
	BodyBytes int64
	Series    int
	// Samples counts numbers, and every bucket of native histograms.
	Samples int
}

// Cloud names the cloud whose token replaces basic authentication.
type Cloud string

// The clouds. AWS is not among them: its signatures are part of the HTTP settings.
const (
	NoCloud Cloud = ""
	Google  Cloud = "google"
	Azure   Cloud = "azure"
)

// CloudIdentity is the account that a cloud's token is fetched for.
type CloudIdentity struct {
	Cloud Cloud
	// GoogleKey is a service account's key, JSON. It is a secret.
	GoogleKey string
	// AzureTenant, AzureClient and AzureClientSecret are those of an app registration; the last is a secret.
	AzureTenant, AzureClient, AzureClientSecret string
	// AzureCloud is where the tenant is: public (also if empty), government or china.
	AzureCloud string
}

type storedPrometheus struct {
	TimeInterval                  string               `json:"timeInterval"`
	QueryTimeout                  string               `json:"queryTimeout"`
	HTTPMethod                    string               `json:"httpMethod"`
	PrometheusType                string               `json:"prometheusType"`
	CustomQueryParameters         string               `json:"customQueryParameters"`
	ResponseLimits                storedResponseLimits `json:"responseLimits"`
	MaxQueryRange                 string               `json:"maxQueryRange"`
	MaxConcurrentQueries          int                  `json:"maxConcurrentQueries"`
	IncrementalQuerying           *bool                `json:"incrementalQuerying"`
	IncrementalQueryOverlapWindow string               `json:"incrementalQueryOverlapWindow"`
	QueryCacheSize                string               `json:"queryCacheSize"`
	Labels                        LabelNames           `json:"labels"`
	Cloud                         Cloud                `json:"cloud"`
	AzureTenant                   string               `json:"azureTenant"`
	AzureClient                   string               `json:"azureClient"`
	AzureCloud                    string               `json:"azureCloud"`
}

type storedResponseLimits struct {
	BodySize string `json:"bodySize"`
	Series   int    `json:"series"`
	Samples  int    `json:"samples"`
}

// storedRemote is what is read of the settings in Prometheus mode. Those of the embedded engine are not: the HTTP settings
// have a timeout of their own among them, which is a number.
type storedRemote struct {
	Prometheus storedPrometheus `json:"prometheus"`
	Profiles   []Profile        `json:"profiles"`
	Objectives storedObjectives `json:"objectives"`
}

func decodeRemote(jsonData []byte, secrets map[string]string) (Settings, error) {
	var s storedRemote
	if err := json.Unmarshal(jsonData, &s); err != nil {
		return Settings{}, decodeError(err)
	}
	p, err := s.Prometheus.decode(secrets)
	if err != nil {
		return Settings{}, err
	}
	if err := checkProfiles(s.Profiles); err != nil {
		return Settings{}, err
	}
	objectives, err := s.Objectives.decode()
	if err != nil {
		return Settings{}, err
	}
	return Settings{Mode: ModePrometheus, Prometheus: p, Profiles: s.Profiles, Objectives: objectives}, nil
}

// prometheusTypes are the types of servers that pkg/remote distinguishes. The first four are spelled as in Grafana's own
// Prometheus data source.
var prometheusTypes = []string{
	"Prometheus", "Cortex", "Mimir", "Thanos", "VictoriaMetrics", "VictoriaMetricsCluster", "Amazon", "Google", "Azure", "GrafanaCloud",
}

func (s storedPrometheus) decode(secrets map[string]string) (p Prometheus, err error) {
	if p.TimeInterval, err = duration("scrape interval", s.TimeInterval, DefaultInterval, minInterval, maxInterval); err != nil {
		return p, err
	}
	if p.QueryTimeout, err = duration("query timeout", s.QueryTimeout, 0, minTimeout, maxQueryTimeout); err != nil {
		return p, err
	}
	if p.MaxQueryRange, err = duration("max query range", s.MaxQueryRange, 0, minQueryRange, longestTime); err != nil {
		return p, err
	}
	if p.HTTPMethod, err = oneOf("HTTP method", strings.ToUpper(s.HTTPMethod), http.MethodPost, http.MethodGet); err != nil {
		return p, err
	}
	if p.PrometheusType, err = oneOf("server type", s.PrometheusType, append([]string{""}, prometheusTypes...)...); err != nil {
		return p, err
	}
	if p.CustomQueryParameters, err = decodeParameters(s.CustomQueryParameters); err != nil {
		return p, err
	}
	if p.MaxConcurrentQueries = s.MaxConcurrentQueries; p.MaxConcurrentQueries == 0 {
		p.MaxConcurrentQueries = DefaultMaxConcurrentQueries
	}
	if p.MaxConcurrentQueries < 1 || p.MaxConcurrentQueries > mostConcurrentQueries {
		return p, fmt.Errorf("the number of max concurrent queries is %d; enter 1 to %d, or 0 for the default of %d", s.MaxConcurrentQueries, mostConcurrentQueries, DefaultMaxConcurrentQueries)
	}
	if p.ResponseLimits, err = s.ResponseLimits.decode(); err != nil {
		return p, err
	}
	if err = s.decodeCache(&p); err != nil {
		return p, err
	}
	if p.Labels, err = s.Labels.decode(); err != nil {
		return p, err
	}
	p.Identity, err = s.identity(secrets)
	return p, err
}

func decodeParameters(text string) (url.Values, error) {
	parameters, err := url.ParseQuery(text)
	if err != nil {
		return nil, errors.New("the custom query parameters cannot be parsed; write them as name=value&other=value")
	}
	for _, reserved := range []string{"query", "start", "end", "step", "time"} {
		if parameters.Has(reserved) {
			return nil, fmt.Errorf("the custom query parameters set %q, which every query sets itself; remove it", reserved)
		}
	}
	if name := redact.CredentialIn(parameters); name != "" {
		return nil, fmt.Errorf("the custom query parameters set %q, which every user of Grafana can read there; remove it and use basic authentication or a custom HTTP header instead", name)
	}
	return parameters, nil
}

// decodeCache fills in the settings of the query cache, which is on unless it is switched off.
func (s storedPrometheus) decodeCache(p *Prometheus) (err error) {
	p.IncrementalQuerying = s.IncrementalQuerying == nil || *s.IncrementalQuerying
	if p.IncrementalQueryOverlapWindow, err = duration("overlap window", s.IncrementalQueryOverlapWindow, DefaultQueryOverlapWindow, minOverlapWindow, maxOverlapWindow); err != nil {
		return err
	}
	p.QueryCacheBytes, err = size("query cache size", s.QueryCacheSize, DefaultQueryCacheBytes, minQueryCacheBytes, maxQueryCacheBytes)
	return err
}

func oneOf(name, chosen string, possible ...string) (string, error) {
	if chosen == "" {
		return possible[0], nil
	}
	for _, p := range possible {
		if chosen == p {
			return p, nil
		}
	}
	return "", fmt.Errorf("unknown %s %q; choose one of: %s", name, chosen, strings.TrimPrefix(strings.Join(possible, ", "), ", "))
}

func (l storedResponseLimits) decode() (out ResponseLimits, err error) {
	out = DefaultResponseLimits
	if out.BodyBytes, err = size("response size limit", l.BodySize, DefaultResponseLimits.BodyBytes, minBodyBytes, highestResponseLimits.BodyBytes); err != nil {
		return out, err
	}
	err = decodeCounts(
		count{"series limit", l.Series, highestResponseLimits.Series, &out.Series},
		count{"sample limit", l.Samples, highestResponseLimits.Samples, &out.Samples},
	)
	return out, err
}

func (s storedPrometheus) identity(secrets map[string]string) (CloudIdentity, error) {
	switch s.Cloud {
	case NoCloud:
		return CloudIdentity{}, nil
	case Google:
		key := strings.TrimSpace(secrets[googleKey])
		if key == "" {
			return CloudIdentity{}, errors.New("the Google service account key is missing; paste the JSON key of an account with the role roles/monitoring.viewer")
		}
		return CloudIdentity{Cloud: Google, GoogleKey: key}, nil
	case Azure:
		out := CloudIdentity{
			Cloud: Azure, AzureTenant: strings.TrimSpace(s.AzureTenant), AzureClient: strings.TrimSpace(s.AzureClient),
			AzureClientSecret: strings.TrimSpace(secrets[azureClientSecret]),
		}
		if out.AzureTenant == "" || out.AzureClient == "" || out.AzureClientSecret == "" {
			return CloudIdentity{}, errors.New("Azure needs a tenant ID, a client ID and a client secret; enter those of an app registration with the role Monitoring Data Reader on the workspace")
		}
		var err error
		out.AzureCloud, err = oneOf("Azure cloud", s.AzureCloud, "public", "government", "china")
		if err != nil {
			return CloudIdentity{}, err
		}
		return out, nil
	}
	return CloudIdentity{}, fmt.Errorf("unknown cloud %q; choose one of: %s, %s", s.Cloud, Google, Azure)
}
