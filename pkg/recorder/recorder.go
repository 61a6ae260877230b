// Package recorder is a reverse proxy in front of a model server that measures, for each model, what servers do not tell:
// status codes, response time, time to first byte, sizes, requests in progress, and which requests had to wait for a load.
// What passes through it is neither changed, nor kept, nor logged.
package recorder

import (
	"context"
	"net/http"
	"net/http/httputil"
	"strings"
	"sync"
	"time"
)

// Recorder is an http.Handler that passes requests on, and a prometheus.Collector of what it saw.
type Recorder struct {
	options    Options
	proxy      *httputil.ReverseProxy
	transports []*http.Transport
	verdicts   verdicts
	labels     labelMaker
	ledger     *ledger
	unmatched  *unmatchedRequests
	inFlight   sync.WaitGroup
	// warned has the failures that were logged as warnings.
	warned sync.Map
	// httpAlert and grpcAlert are those of the two upstreams.
	httpAlert, grpcAlert lastAlert
}

// New makes a recorder. Run must run for as long as it serves.
func New(options Options) (*Recorder, error) {
	o, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	r := &Recorder{
		options:   o,
		verdicts:  o.Sources,
		labels:    newLabelMaker(o.MaxLabelBytes),
		ledger:    newLedger(o.MaxModels, o.IdleTimeout, windowOptions{slice: windowSlice, slices: int(o.Window / windowSlice)}),
		unmatched: newUnmatchedRequests(),
	}
	if o.WaitForServer > 0 {
		r.verdicts = append(r.verdicts[:len(r.verdicts):len(r.verdicts)], retriedRequests{})
	}
	r.proxy = r.newProxy()
	return r, nil
}

// ServeHTTP implements http.Handler.
func (r *Recorder) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	r.inFlight.Add(1)
	defer r.inFlight.Done()
	if problem := checkRequestLine(request); problem != "" {
		r.rejectRequestLine(w, request, problem)
		return
	}
	x := r.begin(request)
	x.client = w
	request = request.WithContext(context.WithValue(request.Context(), exchangeKey{}, x))
	var body *requestBody
	if request.Body != nil && request.Body != http.NoBody {
		body = &requestBody{ReadCloser: request.Body, exchange: x, onRequest: strings.EqualFold(request.Header.Get("Expect"), "100-continue")}
		request.Body, x.clientBody = body, body
		if x.protocol == protocolHTTP && r.options.BodyTimeout > 0 {
			// Streams of gRPC and WebSocket sessions may be silent for as long as they like.
			body.timeout.watch(r.options.BodyTimeout, w)
			defer body.timeout.stop()
		}
		if request.ProtoMajor == 1 {
			// Otherwise net/http reads up to 256 KiB of the body before it lets a response begin. Only HTTP/1 needs it, and
			// there it is always supported.
			_ = http.NewResponseController(w).EnableFullDuplex()
		}
	}
	r.pass(w, request, body, x)
	if body != nil && x.session == nil && request.ProtoMajor == 1 {
		body.leave(w)
	}
}

// pass hands the request on and records it. body is nil where there is none.
func (r *Recorder) pass(w http.ResponseWriter, request *http.Request, body *requestBody, x *exchange) {
	var finished time.Time
	defer func() { x.end(finished) }()
	r.proxy.ServeHTTP(responseWriter{w, x}, request)
	finished = time.Now()
	if body.unread() && x.session == nil && x.isSearching() {
		body.search(w, request.ProtoMajor == 1)
	}
}

// Run does what is to be done beside the requests, until the context ends.
func (r *Recorder) Run(ctx context.Context) {
	var running sync.WaitGroup
	for _, source := range r.verdicts {
		running.Go(func() { source.Run(ctx) })
	}
	ticker := time.NewTicker(windowSlice)
	defer ticker.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-ticker.C:
			r.ledger.advance()
		}
	}
	running.Wait()
	for _, transport := range r.transports {
		transport.CloseIdleConnections()
	}
}

// Wait returns when no request is in flight any more, WebSocket sessions included. No new ones may arrive.
func (r *Recorder) Wait() { r.inFlight.Wait() }
