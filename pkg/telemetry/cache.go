package telemetry

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// CacheCounts is what a query cache holds and has saved.
type CacheCounts struct {
	Entries, Bytes int64
	// Hits and Misses are steps. They never fall.
	Hits, Misses int64
}

// Caches adds up the query caches of a process. The entries and bytes of a cache end with it, its hits and misses stay.
type Caches struct {
	mu   sync.Mutex
	live map[*cache]bool
	// hits and misses are those of caches that have ended.
	hits, misses int64
}

type cache struct{ read func() CacheCounts }

// caches are those that the SDK's metrics endpoint shows.
var caches = &Caches{}

func init() { prometheus.MustRegister(caches) }

// AddCache shows a cache in the metrics until remove is called.
func AddCache(read func() CacheCounts) (remove func()) { return caches.Add(read) }

// Add adds a cache until remove is called.
func (c *Caches) Add(read func() CacheCounts) (remove func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.live == nil {
		c.live = map[*cache]bool{}
	}
	added := &cache{read}
	c.live[added] = true
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.live[added] {
			last := added.read()
			c.hits += last.Hits
			c.misses += last.Misses
			delete(c.live, added)
		}
	}
}

var (
	cacheSteps = prometheus.NewDesc(namespace+"_query_cache_steps_total",
		"Steps of range queries that came from the query cache (hit), or that it fetched from the server (miss).", []string{"result"}, nil)
	cacheEntries = prometheus.NewDesc(namespace+"_query_cache_entries", "Results in the query cache.", nil, nil)
	cacheBytes   = prometheus.NewDesc(namespace+"_query_cache_size_bytes", "Estimated memory of the results in the query cache.", nil, nil)
)

// Describe is that of prometheus.Collector.
func (*Caches) Describe(to chan<- *prometheus.Desc) {
	to <- cacheSteps
	to <- cacheEntries
	to <- cacheBytes
}

// Collect is that of prometheus.Collector.
func (c *Caches) Collect(to chan<- prometheus.Metric) {
	c.mu.Lock()
	all := CacheCounts{Hits: c.hits, Misses: c.misses}
	for one := range c.live {
		counts := one.read()
		all.Entries += counts.Entries
		all.Bytes += counts.Bytes
		all.Hits += counts.Hits
		all.Misses += counts.Misses
	}
	c.mu.Unlock()
	to <- prometheus.MustNewConstMetric(cacheSteps, prometheus.CounterValue, float64(all.Hits), "hit")
	to <- prometheus.MustNewConstMetric(cacheSteps, prometheus.CounterValue, float64(all.Misses), "miss")
	to <- prometheus.MustNewConstMetric(cacheEntries, prometheus.GaugeValue, float64(all.Entries))
	to <- prometheus.MustNewConstMetric(cacheBytes, prometheus.GaugeValue, float64(all.Bytes))
}
