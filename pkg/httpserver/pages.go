package httpserver

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
)

// Pages serves metrics to any number of simultaneous scrapes. Scrapes that arrive while others are being collected wait, and share the
// next collection and its page: what they get was read after they arrived. All methods are safe for concurrent use.
type Pages struct {
	// ContinueOnError serves what could be collected. Otherwise, an error means status 500.
	ContinueOnError bool
	slots           chan struct{}
	maxBytes        int

	mu      sync.Mutex
	waiting map[string]*round
	// sending are the rounds whose pages are being sent, the oldest first, and bytes is their size.
	sending []*round
	bytes   int
}

// maxPageBytes bounds the pages that are being sent at the same time: whoever reads slowly keeps its page.
const maxPageBytes = 256 << 20

// NewPages collects so many pages at the same time, at least one.
func NewPages(collections int) *Pages {
	return &Pages{slots: make(chan struct{}, max(collections, 1)), maxBytes: maxPageBytes, waiting: map[string]*round{}}
}

// encoding is what a scraper accepts.
type encoding struct {
	format expfmt.Format
	gzip   bool
}

// round is one collection, and the pages that were made of it.
type round struct {
	encodings map[encoding]bool
	done      chan struct{}

	// Set before done is closed.
	began time.Time
	pages map[encoding][]byte
	err   error

	// Owned by Pages, under its lock. abandoned ends what is still being sent.
	scrapes   int
	bytes     int
	abandoned context.Context
	abandon   context.CancelFunc
}

// Serve collects and sends metrics. Scrapes with the same key share a collection; those without a key share none. It returns when the
// collection began, zero if there was none in time.
func (p *Pages) Serve(w http.ResponseWriter, r *http.Request, key string, collect func(began time.Time) ([]*dto.MetricFamily, error)) time.Time {
	accepted := encodingOf(r)
	one := p.join(key, accepted, collect)
	select {
	case <-one.done:
	case <-r.Context().Done():
		p.leave(one)
		return time.Time{}
	}
	defer p.leave(one)
	if one.err != nil {
		http.Error(w, fmt.Sprintf("The metrics cannot be collected: %v.", one.err), http.StatusInternalServerError)
		return one.began
	}
	page := one.pages[accepted]
	header := w.Header()
	header.Set("Content-Type", string(accepted.format))
	header.Set("Content-Length", strconv.Itoa(len(page)))
	header.Add("Vary", "Accept")
	header.Add("Vary", "Accept-Encoding")
	if accepted.gzip {
		header.Set("Content-Encoding", "gzip")
	}
	if r.Method == http.MethodHead {
		return one.began
	}
	stop := context.AfterFunc(one.abandoned, func() { _ = http.NewResponseController(w).SetWriteDeadline(time.Now()) })
	defer stop()
	_, _ = w.Write(page) // a scraper that hangs up has no use for an error
	return one.began
}

// join takes part in the next collection of the key.
func (p *Pages) join(key string, accepted encoding, collect func(time.Time) ([]*dto.MetricFamily, error)) *round {
	p.mu.Lock()
	defer p.mu.Unlock()
	one := p.waiting[key]
	if one == nil {
		one = &round{encodings: map[encoding]bool{}, done: make(chan struct{})}
		one.abandoned, one.abandon = context.WithCancel(context.Background())
		if key != "" {
			p.waiting[key] = one
		}
		go p.run(one, key, collect)
	}
	one.encodings[accepted] = true
	one.scrapes++
	return one
}

// leave ends what join began.
func (p *Pages) leave(one *round) {
	p.mu.Lock()
	defer p.mu.Unlock()
	one.scrapes--
	if one.scrapes == 0 {
		p.forget(one)
	}
}

// forget lets go of a round's pages. The caller holds the lock.
func (p *Pages) forget(one *round) {
	one.abandon()
	p.bytes -= one.bytes
	one.bytes = 0
	for i := range p.sending {
		if p.sending[i] == one {
			p.sending = append(p.sending[:i], p.sending[i+1:]...)
			break
		}
	}
}

func (p *Pages) run(one *round, key string, collect func(time.Time) ([]*dto.MetricFamily, error)) {
	defer close(one.done)
	p.slots <- struct{}{}
	defer func() { <-p.slots }()
	p.mu.Lock()
	if p.waiting[key] == one {
		delete(p.waiting, key) // whoever arrives from now on gets what is read later
	}
	if one.scrapes == 0 {
		p.mu.Unlock()
		return
	}
	encodings := one.encodings
	p.mu.Unlock()

	one.began = time.Now()
	families, err := collect(one.began)
	if err != nil && (!p.ContinueOnError || len(families) == 0) {
		one.err = err
		return
	}
	pages, size := map[encoding][]byte{}, 0
	for accepted := range encodings {
		page, err := encode(families, accepted)
		if err != nil {
			one.err = err
			return
		}
		pages[accepted] = page
		size += len(page)
	}
	one.pages = pages
	p.keep(one, size)
}

// keep counts a round's pages, and abandons the oldest ones if there are too many bytes.
func (p *Pages) keep(one *round, size int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if one.scrapes == 0 {
		return
	}
	for len(p.sending) > 0 && p.bytes+size > p.maxBytes {
		p.forget(p.sending[0])
	}
	one.bytes = size
	p.bytes += size
	p.sending = append(p.sending, one)
}

func encode(families []*dto.MetricFamily, accepted encoding) ([]byte, error) {
	var page bytes.Buffer
	if !accepted.gzip {
		err := encodeTo(expfmt.NewEncoder(&page, accepted.format), families)
		return page.Bytes(), err
	}
	compressor := gzip.NewWriter(&page)
	if err := encodeTo(expfmt.NewEncoder(compressor, accepted.format), families); err != nil {
		return nil, err
	}
	err := compressor.Close()
	return page.Bytes(), err
}

func encodeTo(encoder expfmt.Encoder, families []*dto.MetricFamily) error {
	for _, family := range families {
		if err := encoder.Encode(family); err != nil {
			return err
		}
	}
	if closer, ok := encoder.(expfmt.Closer); ok {
		return closer.Close()
	}
	return nil
}

func encodingOf(r *http.Request) encoding {
	return encoding{format: expfmt.NegotiateIncludingOpenMetrics(r.Header), gzip: acceptsGzip(r.Header.Get("Accept-Encoding"))}
}

func acceptsGzip(header string) bool {
	for part := range strings.SplitSeq(header, ",") {
		name, parameters, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			quality, ok := strings.CutPrefix(strings.ReplaceAll(parameters, " ", ""), "q=")
			value, err := strconv.ParseFloat(quality, 64)
			return !ok || err != nil || value > 0
		}
	}
	return false
}

// Handler serves the metrics of a gatherer.
func (p *Pages) Handler(metrics prometheus.Gatherer) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.Serve(w, r, "metrics", func(time.Time) ([]*dto.MetricFamily, error) { return metrics.Gather() })
	})
}
