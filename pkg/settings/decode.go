package settings

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode"

	"github.com/alecthomas/units"
	"github.com/prometheus/common/model"

	"github.com/coldhit/modelserving-datasource/pkg/redact"
)

// Defaults and bounds of the settings.
const (
	DefaultInterval      = 15 * time.Second
	DefaultScrapeTimeout = 10 * time.Second
	DefaultRetentionTime = 15 * 24 * time.Hour
	minInterval          = time.Second
	maxInterval          = time.Hour
	minTimeout           = 100 * time.Millisecond
	maxScrapeTimeout     = 5 * time.Minute
	minRetentionTime     = time.Hour
	minRetentionBytes    = 1 << 20
	minBodyBytes         = 1 << 10
	// longestTime bounds what may be as long as you like, well inside time.Duration.
	longestTime     = 100 * 365 * 24 * time.Hour
	maxProfiles     = 100
	maxProfileBytes = 256 << 10
	maxTargets      = 1000
	// DefaultSeriesLimit is one and a half times the page of a full recorder, and about 450 MB of heap: a series takes about 1.5 KB, with its
	// part of the index.
	DefaultSeriesLimit = 300_000
	maxSeriesLimit     = 20_000_000
)

// highestScrapeLimits bound the limits: an editor of a data source must not be able to exhaust the server's memory.
var highestScrapeLimits = ScrapeLimits{BodyBytes: 1 << 30, Samples: 10_000_000, Labels: 1000, LabelNameLength: 1 << 16, LabelValueLength: 1 << 20}

// DefaultScrapeLimits bound a scrape where the settings do not. The page of a recorder with its default limits fits: 1,000 models with hot and cold
// requests and names of 128 bytes are 203,000 samples, which are 66 MB as text.
var DefaultScrapeLimits = ScrapeLimits{BodyBytes: 80 << 20, Samples: 250_000, Labels: 64, LabelNameLength: 256, LabelValueLength: 4096}

// The names of secure settings.
const (
	apiKeyPrefix  = "apiKey."
	caCertificate = "caCertificate"
)

type stored struct {
	Mode          Mode               `json:"mode"`
	Interval      string             `json:"interval"`
	ScrapeTimeout string             `json:"scrapeTimeout"`
	RetentionTime string             `json:"retentionTime"`
	RetentionSize string             `json:"retentionSize"`
	FileDiscovery bool               `json:"fileDiscovery"`
	SeriesLimit   int                `json:"seriesLimit"`
	ScrapeLimits  storedScrapeLimits `json:"scrapeLimits"`
	Targets       []storedTarget     `json:"targets"`
	Profiles      []Profile          `json:"profiles"`
	Objectives    storedObjectives   `json:"objectives"`
	RemoteWrite   storedWrite        `json:"remoteWrite"`
}

type storedScrapeLimits struct {
	BodySize         string `json:"bodySize"`
	Samples          int    `json:"samples"`
	Labels           int    `json:"labels"`
	LabelNameLength  int    `json:"labelNameLength"`
	LabelValueLength int    `json:"labelValueLength"`
}

type storedTarget struct {
	ID                 string `json:"id"`
	URL                string `json:"url"`
	Profile            string `json:"profile"`
	Environment        string `json:"environment"`
	Deployment         string `json:"deployment"`
	Interval           string `json:"interval"`
	ManagementURL      string `json:"managementUrl"`
	AuthScheme         string `json:"authScheme"`
	InsecureSkipVerify bool   `json:"insecureSkipVerify"`
}

// Decode decodes and validates a data source's settings. Its errors name the setting and never quote a secret.
func Decode(jsonData []byte, secrets map[string]string) (Settings, error) {
	kind, err := decodeMode(jsonData)
	if err != nil {
		return Settings{}, err
	}
	if kind == ModePrometheus {
		return decodeRemote(jsonData, secrets)
	}
	var s stored
	if len(jsonData) > 0 {
		if err := json.Unmarshal(jsonData, &s); err != nil {
			return Settings{}, decodeError(err)
		}
	}
	s.Mode = kind
	e, err := s.embedded(secrets)
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
	return Settings{Mode: s.Mode, Embedded: e, Profiles: s.Profiles, Objectives: objectives}, nil
}

func decodeMode(jsonData []byte) (Mode, error) {
	var s struct {
		Mode Mode `json:"mode"`
	}
	if len(jsonData) > 0 {
		if err := json.Unmarshal(jsonData, &s); err != nil {
			return "", decodeError(err)
		}
	}
	switch s.Mode {
	case "":
		return ModeEmbedded, nil
	case ModeEmbedded, ModePrometheus:
		return s.Mode, nil
	}
	return "", fmt.Errorf("unknown mode %q of the data source; choose %q or %q", s.Mode, ModeEmbedded, ModePrometheus)
}

func decodeError(err error) error {
	return fmt.Errorf("the data source's settings cannot be read: %w", err)
}

// checkProfiles checks number, names and sizes. The texts are checked when they are parsed.
func checkProfiles(profiles []Profile) error {
	if len(profiles) > maxProfiles {
		return fmt.Errorf("%d profiles are configured; the maximum is %d", len(profiles), maxProfiles)
	}
	seen := map[string]bool{}
	for i, p := range profiles {
		name := strings.TrimSpace(p.Name)
		switch {
		case name == "":
			return fmt.Errorf("profile %d has no name; enter one", i+1)
		case seen[name]:
			return fmt.Errorf("profile %d: the name %q is already used by another profile", i+1, name)
		case len(p.Text) > maxProfileBytes:
			return fmt.Errorf("profile %q has %d bytes; the maximum is %d", name, len(p.Text), maxProfileBytes)
		}
		seen[name] = true
	}
	return nil
}

func (s stored) embedded(secrets map[string]string) (e Embedded, err error) {
	e.FileDiscovery = s.FileDiscovery
	e.CACertificate = secrets[caCertificate]
	if e.Interval, err = duration("interval", s.Interval, DefaultInterval, minInterval, maxInterval); err != nil {
		return e, err
	}
	if e.ScrapeTimeout, err = duration("scrape timeout", s.ScrapeTimeout, min(DefaultScrapeTimeout, e.Interval), minTimeout, maxScrapeTimeout); err != nil {
		return e, err
	}
	if e.RetentionTime, err = duration("retention time", s.RetentionTime, DefaultRetentionTime, minRetentionTime, longestTime); err != nil {
		return e, err
	}
	if e.RetentionBytes, err = size("retention size", s.RetentionSize, 0, minRetentionBytes, math.MaxInt64); err != nil {
		return e, err
	}
	if e.ScrapeLimits, err = s.ScrapeLimits.decode(); err != nil {
		return e, err
	}
	e.SeriesLimit = DefaultSeriesLimit
	if err = decodeCounts(count{"series limit", s.SeriesLimit, maxSeriesLimit, &e.SeriesLimit}); err != nil {
		return e, err
	}
	if len(s.Targets) > maxTargets {
		return e, fmt.Errorf("%d targets are configured; the maximum is %d", len(s.Targets), maxTargets)
	}
	if e.RemoteWrite, err = s.RemoteWrite.decode(e.RetentionTime); err != nil {
		return e, err
	}
	e.Targets, err = decodeTargets(s.Targets, secrets)
	return e, err
}

func decodeTargets(all []storedTarget, secrets map[string]string) ([]Target, error) {
	type place struct{ url, environment, deployment string }
	ids, places := map[string]bool{}, map[place]int{}
	var out []Target
	for i, t := range all {
		target, err := t.decode(secrets)
		if err != nil {
			return nil, fmt.Errorf("target %d: %w", i+1, err)
		}
		if ids[target.ID] {
			return nil, fmt.Errorf("target %d: its id %q is already used by another target", i+1, target.ID)
		}
		ids[target.ID] = true
		at := place{target.URL, target.Environment, target.Deployment}
		if first, taken := places[at]; taken {
			return nil, fmt.Errorf("target %d: it has the same URL, environment and deployment as target %d, so requests would be counted twice; remove one", i+1, first)
		}
		places[at] = i + 1
		out = append(out, target)
	}
	return out, nil
}

func (l storedScrapeLimits) decode() (out ScrapeLimits, err error) {
	out = DefaultScrapeLimits
	if out.BodyBytes, err = size("body size limit", l.BodySize, DefaultScrapeLimits.BodyBytes, minBodyBytes, highestScrapeLimits.BodyBytes); err != nil {
		return out, err
	}
	err = decodeCounts(
		count{"sample limit", l.Samples, highestScrapeLimits.Samples, &out.Samples},
		count{"label limit", l.Labels, highestScrapeLimits.Labels, &out.Labels},
		count{"label name length limit", l.LabelNameLength, highestScrapeLimits.LabelNameLength, &out.LabelNameLength},
		count{"label value length limit", l.LabelValueLength, highestScrapeLimits.LabelValueLength, &out.LabelValueLength},
	)
	return out, err
}

// count is a number in the settings, 0 for the default, its highest value, and where it goes, which holds the default.
type count struct {
	name       string
	from, most int
	to         *int
}

func decodeCounts(counts ...count) error {
	for _, n := range counts {
		if n.from < 0 || n.from > n.most {
			return fmt.Errorf("the %s is %d; it must be between 1 and %d, or 0 for the default of %d", n.name, n.from, n.most, *n.to)
		}
		if n.from > 0 {
			*n.to = n.from
		}
	}
	return nil
}

var (
	targetID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	// A scheme is short. A longer word is a key that was pasted here, where everybody could read it.
	authScheme = regexp.MustCompile(`^[A-Za-z0-9_-]{1,24}$`)
)

func (t storedTarget) decode(secrets map[string]string) (Target, error) {
	if !targetID.MatchString(t.ID) {
		return Target{}, fmt.Errorf("its id %q must be 1 to 64 letters, digits, dashes or underscores", t.ID)
	}
	out := Target{
		ID: t.ID, Profile: t.Profile, Environment: strings.TrimSpace(t.Environment), Deployment: strings.TrimSpace(t.Deployment),
		AuthScheme: strings.TrimSpace(t.AuthScheme), APIKey: strings.TrimSpace(secrets[apiKeyPrefix+t.ID]), InsecureSkipVerify: t.InsecureSkipVerify,
	}
	if out.AuthScheme == "" {
		out.AuthScheme = "Bearer"
	}
	if !authScheme.MatchString(out.AuthScheme) {
		return Target{}, errors.New("its authorization scheme must be one word, such as Bearer, Api-Key or Token; enter the key itself as the API key")
	}
	if strings.ContainsFunc(out.APIKey, unicode.IsControl) {
		return Target{}, errors.New("its API key contains a line break or another control character; paste it again")
	}
	page, err := address(t.URL, "/metrics", insteadInTarget)
	if err != nil {
		return out, fmt.Errorf("its URL %w", err)
	}
	if page.Path == "" || page.Path == "/" {
		page.Path = "/metrics"
	}
	out.URL = page.String()
	if t.ManagementURL != "" {
		management, err := address(t.ManagementURL, "/metrics", insteadInTarget)
		if err != nil {
			return out, fmt.Errorf("its management URL %w", err)
		}
		out.ManagementURL = strings.TrimSuffix(management.String(), "/")
	}
	if t.Interval != "" {
		if out.Interval, err = duration("interval", t.Interval, 0, minInterval, maxInterval); err != nil {
			return out, err
		}
	}
	return out, nil
}

// insteadInTarget is what to do with credentials in place of writing them into the URL of a target.
const insteadInTarget = "enter the API key instead"

// address parses a URL. Its errors never quote the URL, which may contain a secret. The path is that of the example in an error, and
// instead names what replaces credentials in a URL: everybody who may use the data source could read them in Grafana's settings.
func address(text, path, instead string) (*url.URL, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return nil, errors.New("is missing")
	}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, fmt.Errorf("is not valid; enter it as http://host:port%s or https://…", path)
	}
	if u.User != nil {
		return nil, fmt.Errorf("contains a user name or password; remove it and %s", instead)
	}
	if name := redact.CredentialIn(u.Query()); name != "" {
		return nil, fmt.Errorf("contains the parameter %q, which every user of Grafana can read there; remove it and %s", name, instead)
	}
	if u.Fragment != "" {
		return nil, errors.New("has a fragment (#…), which has no effect; remove it")
	}
	return u, nil
}

func duration(name, text string, unset, least, most time.Duration) (time.Duration, error) {
	if text == "" {
		return unset, nil
	}
	d, err := model.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("the %s %q is not a duration; enter one such as 15s, 5m or 15d", name, text)
	}
	if got := time.Duration(d); got < least || got > most {
		return 0, fmt.Errorf("the %s %q must be between %s and %s", name, text, model.Duration(least), model.Duration(most))
	}
	return time.Duration(d), nil
}

func size(name, text string, unset, least, most int64) (int64, error) {
	if text == "" {
		return unset, nil
	}
	n, err := units.ParseBase2Bytes(text)
	if err != nil {
		return 0, fmt.Errorf("the %s %q is not a size; enter one such as 512MB or 10GB", name, text)
	}
	if int64(n) < least {
		return 0, fmt.Errorf("the %s %q must be at least %s", name, text, units.Base2Bytes(least))
	}
	if int64(n) > most {
		return 0, fmt.Errorf("the %s %q must be at most %s", name, text, units.Base2Bytes(most))
	}
	return int64(n), nil
}
