package profile

import (
	"slices"
	"time"
)

// Servers are the model servers in a store, as far as rules for them have to know.
type Servers struct {
	// Profiles are those of the servers.
	Profiles Set
	// Exists and Together are those of an Environment.
	Exists   func(metric string) bool
	Together func(a, b *Profile) bool
	// ScrapeInterval is how often they are scraped.
	ScrapeInterval time.Duration
}

// Environment is what queries over a window are compiled for.
func (s Servers) Environment(window time.Duration) Environment {
	return Environment{Window: window, Exists: s.Exists, Together: s.Together}
}

// EverythingOf are servers that report everything in their profiles, histograms in buckets, and are scraped every 15 seconds.
func EverythingOf(set Set) Servers {
	stored := set.SeriesNames()
	return Servers{Profiles: set, ScrapeInterval: 15 * time.Second, Exists: func(metric string) bool {
		return slices.Contains(stored, metric) && !slices.Contains(stored, metric+"_bucket")
	}}
}
