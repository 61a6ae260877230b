package settings

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// KindPrometheus asks a Prometheus-compatible server that scrapes and stores by itself.
const KindPrometheus Kind = "prometheus"

// What is used where the settings of a Prometheus-compatible server are empty.
const (
	DefaultOverlap           = 2 * time.Minute
	DefaultIncrementalMemory = 128 << 20
	DefaultParallel          = 4
	maxParallel              = 32
	maxIncrementalMemory     = 4 << 30
	maxQueryTimeout          = 10 * time.Minute
)

// DefaultAnswerLimits bound one answer where the settings do not: some 160 MB in memory.
var DefaultAnswerLimits = AnswerLimits{BodyBytes: 256 << 20, Series: 50_000, Samples: 10_000_000}

var highestAnswerLimits = AnswerLimits{BodyBytes: 4 << 30, Series: 5_000_000, Samples: 200_000_000}

// The names of secure settings.
const (
	googleKey         = "googleKey"
	azureClientSecret = "azureClientSecret"
)

// Prometheus configures how a Prometheus-compatible server is asked. Its address, basic authentication, headers, certificates,
// proxy and AWS signature are in the data source's HTTP settings, which the SDK decodes.
type Prometheus struct {
	// Interval is how often the server scrapes.
	Interval time.Duration
	// Timeout bounds one request from its start to the end of its answer; zero leaves it to the HTTP settings.
	Timeout time.Duration
	// Method is POST or GET.
	Method string
	// Flavour names the kind of server; empty to detect it.
	Flavour string
	// Parameters are added to every query, such as max_source_resolution for Thanos.
	Parameters url.Values
	Limits     AnswerLimits
	// LongestRange is what the server answers at once; zero for no bound. Longer ranges are asked for in parts.
	LongestRange time.Duration
	// Parallel is how many requests run side by side.
	Parallel    int
	Incremental Incremental
	Identity    CloudIdentity
	Labels      LabelNames
}

// AnswerLimits bound one answer. An answer over a limit is an error as a whole.
type AnswerLimits struct {
	// BodyBytes are counted after decompression.
	BodyBytes int64
	Series    int
	// Samples counts numbers, and of native histograms every bucket.
	Samples int
}

// Incremental says how answers are kept, so that a refresh asks only for what is new.
type Incremental struct {
	Off bool
	// Overlap is how far behind the present samples may still arrive; what is younger is asked for again.
	Overlap time.Duration
	// Bytes is the most memory that kept answers take.
	Bytes int64
}

// Cloud names whose tokens are sent.
type Cloud string

// The clouds. AWS is not among them: its signatures are part of the HTTP settings.
const (
	NoCloud Cloud = ""
	Google  Cloud = "google"
	Azure   Cloud = "azure"
)

// CloudIdentity is who asks, where a cloud's token takes the place of a password.
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
	Interval     string             `json:"interval"`
	Timeout      string             `json:"timeout"`
	Method       string             `json:"method"`
	Flavour      string             `json:"flavour"`
	Parameters   string             `json:"parameters"`
	Limits       storedAnswerLimits `json:"limits"`
	LongestRange string             `json:"longestRange"`
	Parallel     int                `json:"parallel"`
	Incremental  storedIncremental  `json:"incremental"`
	Labels       LabelNames         `json:"labels"`
	Cloud        Cloud              `json:"cloud"`
	AzureTenant  string             `json:"azureTenant"`
	AzureClient  string             `json:"azureClient"`
	AzureCloud   string             `json:"azureCloud"`
}

type storedAnswerLimits struct {
	BodySize string `json:"bodySize"`
	Series   int    `json:"series"`
	Samples  int    `json:"samples"`
}

type storedIncremental struct {
	Off     bool   `json:"off"`
	Overlap string `json:"overlap"`
	Memory  string `json:"memory"`
}

// storedRemote is what is read of the settings of the kind prometheus. The embedded engine's are not: the HTTP settings
// have a timeout of their own among them, which is a number.
type storedRemote struct {
	Prometheus storedPrometheus `json:"prometheus"`
	Profiles   []Profile        `json:"profiles"`
	Objectives storedObjectives `json:"objectives"`
}

func decodeRemote(jsonData []byte, secrets map[string]string) (Settings, error) {
	var s storedRemote
	if err := json.Unmarshal(jsonData, &s); err != nil {
		return Settings{}, unreadable(err)
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
	return Settings{Kind: KindPrometheus, Prometheus: p, Profiles: s.Profiles, Objectives: objectives}, nil
}

// flavours are the names of pkg/remote's flavours that a setting may hold.
var flavours = []string{"prometheus", "mimir", "cortex", "thanos", "victoriametrics", "victoriametrics-cluster", "amazon", "google", "azure", "grafana-cloud"}

func (s storedPrometheus) decode(secrets map[string]string) (p Prometheus, err error) {
	if p.Interval, err = duration("scrape interval", s.Interval, DefaultInterval, minInterval, maxInterval); err != nil {
		return p, err
	}
	if p.Timeout, err = duration("query time-out", s.Timeout, 0, 100*time.Millisecond, maxQueryTimeout); err != nil {
		return p, err
	}
	if p.LongestRange, err = duration("longest range", s.LongestRange, 0, time.Minute, 100*365*24*time.Hour); err != nil {
		return p, err
	}
	if p.Method, err = oneOf("HTTP method", strings.ToUpper(s.Method), http.MethodPost, http.MethodGet); err != nil {
		return p, err
	}
	if p.Flavour, err = oneOf("flavour", s.Flavour, append([]string{""}, flavours...)...); err != nil {
		return p, err
	}
	if p.Parameters, err = url.ParseQuery(s.Parameters); err != nil {
		return p, errors.New("the query parameters are not readable; write them like name=value&other=value")
	}
	for _, ours := range []string{"query", "start", "end", "step", "time"} {
		if p.Parameters.Has(ours) {
			return p, fmt.Errorf("the query parameters set %q, which every query sets itself; remove it", ours)
		}
	}
	if p.Parallel = s.Parallel; p.Parallel == 0 {
		p.Parallel = DefaultParallel
	}
	if p.Parallel < 1 || p.Parallel > maxParallel {
		return p, fmt.Errorf("%d requests side by side are not possible; choose 1 to %d, or 0 for the default of %d", s.Parallel, maxParallel, DefaultParallel)
	}
	if p.Limits, err = s.Limits.decode(); err != nil {
		return p, err
	}
	if p.Incremental, err = s.Incremental.decode(); err != nil {
		return p, err
	}
	if p.Labels, err = s.Labels.decode(); err != nil {
		return p, err
	}
	p.Identity, err = s.identity(secrets)
	return p, err
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
	return "", fmt.Errorf("the %s %q is not known; choose one of: %s", name, chosen, strings.TrimPrefix(strings.Join(possible, ", "), ", "))
}

func (l storedAnswerLimits) decode() (out AnswerLimits, err error) {
	out = DefaultAnswerLimits
	if out.BodyBytes, err = size("answer size limit", l.BodySize, DefaultAnswerLimits.BodyBytes, 1<<10, highestAnswerLimits.BodyBytes); err != nil {
		return out, err
	}
	err = decodeCounts(
		count{"series limit", l.Series, highestAnswerLimits.Series, &out.Series},
		count{"sample limit", l.Samples, highestAnswerLimits.Samples, &out.Samples},
	)
	return out, err
}

func (s storedIncremental) decode() (out Incremental, err error) {
	out.Off = s.Off
	if out.Overlap, err = duration("overlap", s.Overlap, DefaultOverlap, time.Second, 24*time.Hour); err != nil {
		return out, err
	}
	out.Bytes, err = size("memory for kept answers", s.Memory, DefaultIncrementalMemory, 1<<20, maxIncrementalMemory)
	return out, err
}

func (s storedPrometheus) identity(secrets map[string]string) (CloudIdentity, error) {
	switch s.Cloud {
	case NoCloud:
		return CloudIdentity{}, nil
	case Google:
		key := strings.TrimSpace(secrets[googleKey])
		if key == "" {
			return CloudIdentity{}, errors.New("the service account's key for Google is missing; paste the JSON key of an account that may read metrics (roles/monitoring.viewer)")
		}
		return CloudIdentity{Cloud: Google, GoogleKey: key}, nil
	case Azure:
		out := CloudIdentity{
			Cloud: Azure, AzureTenant: strings.TrimSpace(s.AzureTenant), AzureClient: strings.TrimSpace(s.AzureClient),
			AzureClientSecret: strings.TrimSpace(secrets[azureClientSecret]),
		}
		if out.AzureTenant == "" || out.AzureClient == "" || out.AzureClientSecret == "" {
			return CloudIdentity{}, errors.New("for Azure the tenant ID, the client ID and the client secret are needed, of an app registration that may read the workspace (Monitoring Data Reader)")
		}
		var err error
		out.AzureCloud, err = oneOf("Azure cloud", s.AzureCloud, "public", "government", "china")
		if err != nil {
			return CloudIdentity{}, err
		}
		return out, nil
	}
	return CloudIdentity{}, fmt.Errorf("the cloud %q is not known; choose one of: %s, %s", s.Cloud, Google, Azure)
}
