package settings

import (
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"github.com/prometheus/common/model"
)

// harmlessParameters are names in the query of a metrics URL that choose what a server exports. Under any other name may be a secret.
var harmlessParameters = map[string]bool{
	"format": true, "name[]": true, "collect[]": true, "exclude[]": true, "match[]": true, "filter": true, "usedonly": true,
	"histogram_buckets": true, "text_readouts": true,
}

// SecretNeeds is what cannot be scraped without secrets: the ids of targets, and the discovered ones.
type SecretNeeds struct {
	Targets       []string
	FileDiscovery bool
}

// WithoutSecrets returns what can be scraped without any secret, as the JSON of a data source's settings, which Decode reads. Nothing in it
// is a secret. A target is missing in it if it needs its API key, if its URL is https and needs the CA certificate, or if its URL has user
// information or a query that may be a secret. Remote write is missing, too.
func (e Embedded) WithoutSecrets() (jsonData []byte, missing SecretNeeds, err error) {
	s := stored{
		Mode: ModeEmbedded, Interval: durationText(e.Interval), ScrapeTimeout: durationText(e.ScrapeTimeout), RetentionTime: durationText(e.RetentionTime),
		RetentionSize: bytesText(e.RetentionBytes), SeriesLimit: e.SeriesLimit,
		ScrapeLimits: storedScrapeLimits{
			BodySize: bytesText(e.ScrapeLimits.BodyBytes), Samples: e.ScrapeLimits.Samples, Labels: e.ScrapeLimits.Labels,
			LabelNameLength: e.ScrapeLimits.LabelNameLength, LabelValueLength: e.ScrapeLimits.LabelValueLength,
		},
		// Discovered targets may be https ones, which would fail without the certificate.
		FileDiscovery: e.FileDiscovery && e.CACertificate == "",
	}
	missing.FileDiscovery = e.FileDiscovery && !s.FileDiscovery
	for _, t := range e.Targets {
		if t.needsSecret(e.CACertificate != "") {
			missing.Targets = append(missing.Targets, t.ID)
			continue
		}
		s.Targets = append(s.Targets, storedTarget{
			ID: t.ID, URL: t.URL, Profile: t.Profile, Environment: t.Environment, Deployment: t.Deployment, Interval: durationText(t.Interval),
			ManagementURL: t.ManagementURL, AuthScheme: t.AuthScheme, InsecureSkipVerify: t.InsecureSkipVerify,
		})
	}
	jsonData, err = json.Marshal(s)
	return jsonData, missing, err
}

func (t Target) needsSecret(certificate bool) bool {
	if t.APIKey != "" || mayHoldSecret(t.URL) {
		return true
	}
	if t.ManagementURL != "" && mayHoldSecret(t.ManagementURL) {
		return true
	}
	return certificate && !t.InsecureSkipVerify && (isHTTPS(t.URL) || isHTTPS(t.ManagementURL))
}

// mayHoldSecret is true for URLs with user information, with a query other than a harmless one, and for what is no URL.
func mayHoldSecret(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.User != nil || u.Opaque != "" || u.Fragment != "" {
		return true
	}
	parameters, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return true
	}
	for name := range parameters {
		if !harmlessParameters[name] {
			return true
		}
	}
	return false
}

func isHTTPS(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Scheme == "https"
}

func durationText(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return model.Duration(d).String()
}

func bytesText(bytes int64) string {
	if bytes == 0 {
		return ""
	}
	return fmt.Sprintf("%dB", bytes)
}
