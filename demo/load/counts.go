package load

import (
	"encoding/json"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Counts is what the driver saw, exactly, since it began.
type Counts struct {
	Since time.Time `json:"since"`
	// Models are by name.
	Models map[string]ModelCounts `json:"models"`
	// Reloads is how often a model was unloaded and loaded again.
	Reloads int `json:"reloads"`
}

// ModelCounts are the requests to one model. Sent = OK + Unanswered + InFlight + all of Failed.
type ModelCounts struct {
	Sent     int64 `json:"sent"`
	InFlight int64 `json:"inFlight"`
	OK       int64 `json:"ok"`
	// Failed is by HTTP status.
	Failed map[string]int64 `json:"failed"`
	// Unanswered requests got no HTTP response: the connection failed or the time was up.
	Unanswered int64 `json:"unanswered"`
	// Skipped requests were never sent, because too many were in flight.
	Skipped int64 `json:"skipped"`
	// OKLatencySeconds is the sum over the answers with status 200, as the client saw them.
	OKLatencySeconds float64 `json:"okLatencySeconds"`
	// OKByVersion counts the answers with status 200 by the requested version; "" is the server's choice.
	OKByVersion map[string]int64 `json:"okByVersion"`
	// ByStart are all answers, whatever their status, by what they said in Options.StartHeader; "" where they did not.
	ByStart map[string]StartCounts `json:"byStart"`
}

// StartCounts are the answers with one start.
type StartCounts struct {
	Answered int64 `json:"answered"`
	// LatencySeconds is the sum over the answers, as the client saw them.
	LatencySeconds float64 `json:"latencySeconds"`
}

// answer is what came of one request.
type answer struct {
	// version is the requested one; "" is the server's choice.
	version string
	// status is the HTTP status, 0 where there was no response.
	status  int
	start   string
	latency time.Duration
}

// ledger keeps the counts.
type ledger struct {
	mu     sync.Mutex
	counts Counts
}

func newLedger(now time.Time) *ledger {
	return &ledger{counts: Counts{Since: now, Models: map[string]ModelCounts{}}}
}

// update changes one model's counts. The maps of the argument are made.
func (l *ledger) update(model string, change func(*ModelCounts)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	counts, known := l.counts.Models[model]
	if !known {
		counts.Failed, counts.OKByVersion, counts.ByStart = map[string]int64{}, map[string]int64{}, map[string]StartCounts{}
	}
	change(&counts)
	l.counts.Models[model] = counts
}

func (l *ledger) countRequest(model string) {
	l.update(model, func(c *ModelCounts) { c.Sent++; c.InFlight++ })
}

func (l *ledger) countSkip(model string) {
	l.update(model, func(c *ModelCounts) { c.Skipped++ })
}

// countResponse counts the outcome of a request.
func (l *ledger) countResponse(model string, a answer) {
	l.update(model, func(c *ModelCounts) {
		c.InFlight--
		if a.status == 0 {
			c.Unanswered++
			return
		}
		start := c.ByStart[a.start]
		start.Answered++
		start.LatencySeconds += a.latency.Seconds()
		c.ByStart[a.start] = start
		if a.status != http.StatusOK {
			c.Failed[strconv.Itoa(a.status)]++
			return
		}
		c.OK++
		c.OKByVersion[a.version]++
		c.OKLatencySeconds += a.latency.Seconds()
	})
}

func (l *ledger) countReload() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counts.Reloads++
}

// ServeHTTP answers GET with the counts as JSON.
func (l *ledger) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		http.Error(w, "only GET", http.StatusMethodNotAllowed)
		return
	}
	l.mu.Lock()
	body, err := json.Marshal(l.counts)
	l.mu.Unlock()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body) // the client may have gone
}
