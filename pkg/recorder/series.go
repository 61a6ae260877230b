package recorder

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Start says whether a request found its model in memory.
type Start string

// A hot request found its model in memory. A cold one waited for a load. The rest are unknown.
const (
	Hot     Start = "hot"
	Cold    Start = "cold"
	Unknown Start = "unknown"
)

// noVerdict is the source of requests whose start is unknown.
const noVerdict = "none"

// Values of labels that are not of a client's choice.
const (
	otherModel   = "other"   // models beyond the cap, together
	unknownModel = "unknown" // requests that named no model
	otherCode    = "other"   // codes beyond maxCodes
)

// maxCodes bounds the codes of one model: a server may answer any number for gRPC and WebSocket.
const maxCodes = 64

// protocol is what a request spoke.
type protocol string

const (
	protocolHTTP      protocol = "http"
	protocolGRPC      protocol = "grpc"
	protocolWebSocket protocol = "websocket"
)

var (
	timeBuckets = []float64{0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500}
	sizeBuckets = prometheus.ExponentialBuckets(64, 4, 13) // 64 B to 1 GiB
)

// Native histograms: buckets 10 % wide, at most so many, after which the resolution is halved, but not sooner than an
// hour after the last reset are they emptied.
const (
	nativeFactor     = 1.1
	nativeMaxBuckets = 160
	nativeMinReset   = time.Hour
)

// distribution names a histogram that every model has, with the labels model and version, and times with the label start.
type distribution int

const (
	responseTime distribution = iota
	timeToFirstByte
	queueTime
	sessionTime
	timeCount
)

// Sizes do not depend on whether the model was in memory, so they are not split by start.
const (
	requestSize distribution = iota + timeCount
	responseSize
	distributionCount
)

var histogramOptions = [distributionCount]prometheus.HistogramOpts{
	responseTime: {Name: "modelserving_response_time_seconds", Buckets: timeBuckets,
		Help: "Time from the arrival of a request to the end of its response, without WebSocket sessions."},
	timeToFirstByte: {Name: "modelserving_time_to_first_byte_seconds", Buckets: timeBuckets,
		Help: "Time from the arrival of a request to the first byte of the response body, or to the response header if there is no body."},
	queueTime: {Name: "modelserving_queue_time_seconds", Buckets: timeBuckets,
		Help: "Queue time that the server reports in a response header."},
	sessionTime: {Name: "modelserving_session_time_seconds", Buckets: timeBuckets,
		Help: "Duration of WebSocket sessions."},
	requestSize:  {Name: "modelserving_request_size_bytes", Help: "Size of request bodies in bytes.", Buckets: sizeBuckets},
	responseSize: {Name: "modelserving_response_size_bytes", Help: "Size of response bodies in bytes.", Buckets: sizeBuckets},
}

// modelKey is the identity of a series: label values, as made by labelMaker.
type modelKey struct{ model, version string }

// countKey are the labels of a count besides those of its model.
type countKey struct {
	start    Start
	source   string
	protocol protocol
	code     string
}

// count is a counter that knows what a scrape has already seen of it, and when it began at zero: a scrape that first meets
// it at one would otherwise take that one for history.
type count struct {
	value, exposed uint64
	created        time.Time
}

// otherStart is the start that a request whose start is known could have taken instead.
var otherStart = map[Start]Start{Hot: Cold, Cold: Hot}

// modelSeries are the series of one model and version.
type modelSeries struct {
	key        modelKey
	inProgress atomic.Int64
	window     windowOptions

	// Owned by the ledger, under its lock.
	references int
	lastUse    time.Time
	served     bool

	mu         sync.Mutex
	counts     map[countKey]*count
	codes      map[string]bool
	starts     map[Start]*startSeries
	sizes      [distributionCount - timeCount]prometheus.Histogram
	aggregated bool // into other: nothing of it is to be collected any more
}

// startSeries are a model's times with one start; those without a sample do not exist.
type startSeries struct {
	histograms [timeCount]prometheus.Histogram
	rolling    *rollingHistogram
}

func newModelSeries(key modelKey, window windowOptions) *modelSeries {
	return &modelSeries{
		key: key, window: window,
		counts: map[countKey]*count{}, codes: map[string]bool{}, starts: map[Start]*startSeries{},
	}
}

// observation is what is recorded of one request.
type observation struct {
	countKey
	samples [distributionCount]float64
	has     [distributionCount]bool
}

func (o *observation) set(d distribution, value float64) { o.samples[d], o.has[d] = value, true }

func (s *modelSeries) observe(o *observation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count(o.countKey).value++
	start := s.starts[o.start]
	if start == nil {
		start = &startSeries{rolling: &rollingHistogram{options: s.window}}
		s.starts[o.start] = start
	}
	for d := range distributionCount {
		if !o.has[d] {
			continue
		}
		histogram := &s.sizes[max(d-timeCount, 0)]
		if d < timeCount {
			histogram = &start.histograms[d]
		}
		if *histogram == nil {
			*histogram = newHistogram(d, s.key, o.start)
		}
		(*histogram).Observe(o.samples[d])
	}
	if o.has[responseTime] {
		start.rolling.observe(time.Duration(o.samples[responseTime] * float64(time.Second)))
	}
}

// count answers the counter of these labels; a code beyond the bound becomes otherCode. The caller holds the lock.
func (s *modelSeries) count(key countKey) *count {
	if !s.codes[key.code] {
		if len(s.codes) >= maxCodes {
			key.code = otherCode
		}
		s.codes[key.code] = true
	}
	c := s.counts[key]
	if c == nil {
		c = s.begin(key)
		// The other start begins at zero now, so that its first request is an increase for those, too, who do not read when
		// a counter began.
		if start, known := otherStart[key.start]; known {
			key.start = start
			if s.counts[key] == nil {
				s.begin(key)
			}
		}
	}
	return c
}

func (s *modelSeries) begin(key countKey) *count {
	c := &count{created: time.Now()}
	s.counts[key] = c
	return c
}

// aggregateInto adds what no scrape has seen yet. What one has seen is in the history of whoever scraped: added once more, it
// would appear there as so many new requests.
func (s *modelSeries) aggregateInto(other *modelSeries) {
	s.mu.Lock()
	defer s.mu.Unlock()
	other.mu.Lock()
	defer other.mu.Unlock()
	for key, c := range s.counts {
		if c.value > c.exposed {
			other.count(key).value += c.value - c.exposed
		}
	}
	s.aggregated = true
}

func newHistogram(d distribution, key modelKey, start Start) prometheus.Histogram {
	options := histogramOptions[d]
	options.ConstLabels = prometheus.Labels{"model": key.model, "version": key.version}
	if d < timeCount {
		options.ConstLabels["start"] = string(start)
	}
	options.NativeHistogramBucketFactor = nativeFactor
	options.NativeHistogramMaxBucketNumber = nativeMaxBuckets
	options.NativeHistogramMinResetDuration = nativeMinReset
	return prometheus.NewHistogram(options)
}

var (
	requestsDescription = prometheus.NewDesc("modelserving_requests_total", "Total number of completed requests by start (hot, cold, unknown), source of the start, protocol and code.",
		[]string{"model", "version", "start", "start_source", "protocol", "code"}, nil)
	concurrentDescription = prometheus.NewDesc("modelserving_concurrent_requests", "Number of requests in progress.",
		[]string{"model", "version"}, nil)
)

// collect answers the series' metrics as they are now, and notes the counts as seen.
func (s *modelSeries) collect() []prometheus.Metric {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.aggregated {
		return nil
	}
	metrics := []prometheus.Metric{prometheus.MustNewConstMetric(concurrentDescription, prometheus.GaugeValue,
		float64(s.inProgress.Load()), s.key.model, s.key.version)}
	for key, c := range s.counts {
		c.exposed = c.value
		metrics = append(metrics, prometheus.MustNewConstMetricWithCreatedTimestamp(requestsDescription, prometheus.CounterValue, float64(c.value), c.created,
			s.key.model, s.key.version, string(key.start), key.source, string(key.protocol), key.code))
	}
	histograms := s.sizes[:]
	for _, start := range s.starts {
		histograms = append(histograms[:len(histograms):len(histograms)], start.histograms[:]...)
	}
	for _, histogram := range histograms {
		if histogram != nil {
			metrics = append(metrics, histogram)
		}
	}
	return metrics
}

// rollingHistograms answers the windows of the starts that had requests.
func (s *modelSeries) rollingHistograms() map[Start]*rollingHistogram {
	s.mu.Lock()
	defer s.mu.Unlock()
	windows := make(map[Start]*rollingHistogram, len(s.starts))
	for start, series := range s.starts {
		windows[start] = series.rolling
	}
	return windows
}

// countsByCode answers the requests since the series began, by code.
func (s *modelSeries) countsByCode() (total uint64, byCode map[string]uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	byCode = map[string]uint64{}
	for key, c := range s.counts {
		byCode[key.code] += c.value
		total += c.value
	}
	return total, byCode
}
