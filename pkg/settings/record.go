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

// WithoutSecrets returns what can be scraped without any secret, as the JSON of a data source's settings, which Decode reads. Nothing in it
// is a secret. It lists as waiting the ids of the targets that are missing in it, and whether file discovery is: a target waits for its
// API key, for the CA certificate if its URL is https, and for a URL with user information or with a query that may be a secret. Remote
// write is not in it.
func (e Embedded) WithoutSecrets() (jsonData []byte, waiting []string, err error) {
	s := stored{
		Mode: ModeEmbedded, Interval: durationText(e.Interval), ScrapeTimeout: durationText(e.ScrapeTimeout), RetentionTime: durationText(e.RetentionTime),
		RetentionSize: bytesText(e.RetentionBytes),
		ScrapeLimits: storedScrapeLimits{
			BodySize: bytesText(e.ScrapeLimits.BodyBytes), Samples: e.ScrapeLimits.Samples, Labels: e.ScrapeLimits.Labels,
			LabelNameLength: e.ScrapeLimits.LabelNameLength, LabelValueLength: e.ScrapeLimits.LabelValueLength,
		},
		// Discovered targets may be https ones, which would fail without the certificate.
		FileDiscovery: e.FileDiscovery && e.CACertificate == "",
	}
	if e.FileDiscovery && !s.FileDiscovery {
		waiting = append(waiting, "file discovery")
	}
	for _, t := range e.Targets {
		if t.needsSecret(e.CACertificate != "") {
			waiting = append(waiting, t.ID)
			continue
		}
		s.Targets = append(s.Targets, storedTarget{
			ID: t.ID, URL: t.URL, Profile: t.Profile, Environment: t.Environment, Deployment: t.Deployment, Interval: durationText(t.Interval),
			ManagementURL: t.ManagementURL, AuthScheme: t.AuthScheme, InsecureSkipVerify: t.InsecureSkipVerify,
		})
	}
	jsonData, err = json.Marshal(s)
	return jsonData, waiting, err
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
