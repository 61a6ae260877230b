// Package settings decodes and validates the settings of a data source.
package settings

import (
	"time"

	"github.com/coldhit/modelserving-datasource/pkg/objective"
)

// Mode is where a data source's samples are stored.
type Mode string

// ModeEmbedded scrapes and stores in the plugin's own process.
const ModeEmbedded Mode = "embedded"

// Settings is a data source's configuration, decoded, validated and with its defaults filled in.
type Settings struct {
	Mode Mode
	// Embedded and Prometheus: the one that Mode names is filled in.
	Embedded   Embedded
	Prometheus Prometheus
	// Profiles are the user's own.
	Profiles []Profile
	// Objectives are the objectives (SLOs) of each model.
	Objectives objective.Set
}

// Profile is a profile's text, not yet parsed, and the name that messages show.
type Profile struct{ Name, Text string }

// Embedded configures the embedded engine. Nothing in it names a file or folder on the server.
type Embedded struct {
	Targets []Target
	// FileDiscovery also reads targets from the discovery folder that the server's administrator set.
	FileDiscovery bool
	// Interval and ScrapeTimeout are those of targets that set none.
	Interval      time.Duration
	ScrapeTimeout time.Duration
	// RetentionTime and RetentionBytes bound the stored history; zero bytes means no bound by size.
	RetentionTime  time.Duration
	RetentionBytes int64
	ScrapeLimits   ScrapeLimits
	// SeriesLimit is how many series are held in memory before new ones are refused.
	SeriesLimit int
	// CACertificate, PEM, is trusted in addition to the system's; empty for the system's alone.
	CACertificate string
	RemoteWrite   RemoteWrite
}

// RemoteWrite sends what the embedded engine stores to a Prometheus-compatible server, too. Authentication, headers, certificates
// and the timeout are in the data source's HTTP settings.
type RemoteWrite struct {
	Enabled bool
	// URL is where samples are sent; empty for the HTTP settings' URL followed by /api/v1/write.
	URL string
	// History is the backfill window: how much stored history is sent at first.
	History time.Duration
	// NativeHistograms sends native histograms as well.
	NativeHistograms bool
}

// ScrapeLimits bound one scrape. A scrape over a limit fails as a whole and says which limit it was, except that a page with too many
// samples is reduced by model where its server is recognized.
type ScrapeLimits struct {
	BodyBytes        int64
	Samples          int
	Labels           int
	LabelNameLength  int
	LabelValueLength int
}

// Target is one metrics endpoint.
type Target struct {
	// ID is stable for the target's life and keeps its secrets and series together.
	ID  string
	URL string
	// Profile is a profile's id, or empty to detect it.
	Profile     string
	Environment string
	Deployment  string
	Interval    time.Duration
	// ManagementURL is the base URL of the server's management or inference API; empty for the profile's default.
	ManagementURL string
	// AuthScheme goes before APIKey in the Authorization header ("Bearer" unless set).
	AuthScheme         string
	APIKey             string
	InsecureSkipVerify bool
}
