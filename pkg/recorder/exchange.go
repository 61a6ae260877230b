package recorder

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
)

// exchange is one request on its way through the recorder. Its fields are the handler's alone, but for those that the
// transport's goroutines write while they read the request's body.
type exchange struct {
	recorder *Recorder
	ctx      context.Context
	arrival  time.Time
	protocol protocol
	// measured says that a route matches. Other requests are only counted.
	measured bool
	deadline time.Duration // of a gRPC client; zero when it has none

	clientBody        *requestBody // nil where there is none
	client            http.ResponseWriter
	header, firstByte time.Time // zero until then
	status            int
	announced         int64 // the response's length; 0 when it is not announced
	responseBytes     int64
	response          *http.Response
	session           *upgraded
	serverError       error // the response's body could not be read to its end
	clientError       error // the response could not be written
	failure           failure
	resetCode         codes.Code // of a stream that the server reset
	// waited says that the server could not be connected to when the request arrived.
	waited   bool
	watching bool

	requestBytes atomic.Int64
	mu           sync.Mutex
	finder       finder // nil once it has found the model, or nothing is to be found
	model        string // as the client wrote it
	version      string
	key          modelKey
	series       *modelSeries // nil until the model is known
	ended        bool
	requestEnd   error // io.EOF if the body is whole
}

type exchangeKey struct{}

func exchangeOf(ctx context.Context) *exchange {
	x, _ := ctx.Value(exchangeKey{}).(*exchange)
	return x
}

func (r *Recorder) begin(request *http.Request) *exchange {
	x := &exchange{recorder: r, ctx: request.Context(), arrival: time.Now(), protocol: protocolHTTP}
	switch {
	case isGRPC(request):
		x.protocol = protocolGRPC
		x.deadline = grpcTimeout(request.Header)
	case strings.EqualFold(request.Header.Get("Upgrade"), "websocket"):
		x.protocol = protocolWebSocket
	}
	d, ok := destinationOf(r.options.Routes, request, r.options.BodyBytes)
	if !ok {
		return x
	}
	x.measured, x.watching = true, true
	r.verdicts.arrived()
	if d.finder != nil {
		x.finder = d.finder
		return x
	}
	x.identify(d.model, d.version)
	return x
}

// identify sets the model. The caller holds the lock, or nobody else knows the exchange yet.
func (x *exchange) identify(model, version string) {
	labels := &x.recorder.labels
	key := modelKey{unknownModel, labels.label(version)}
	if model != "" {
		key.model = labels.label(model)
	}
	x.finder, x.model, x.version, x.key = nil, model, version, key
	x.series = x.recorder.ledger.acquire(key, x.arrival)
	x.series.inProgress.Add(1)
}

func (x *exchange) sawRequestBytes(p []byte) {
	x.requestBytes.Add(int64(len(p)))
	if !x.measured || len(p) == 0 {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.finder == nil || x.ended || !x.finder.feed(p) {
		return
	}
	model, version, _ := x.finder.result()
	x.identify(model, version)
}

// requestEnded takes what reading the client's body ended with.
func (x *exchange) requestEnded(err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.requestEnd == nil {
		x.requestEnd = err
	}
}

// requestEndedWith answers nil as long as the client's body goes on.
func (x *exchange) requestEndedWith() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.requestEnd
}

// requestBodyError is what the client's body ended with, if not with its end or because of the recorder.
func (x *exchange) requestBodyError() error {
	if err := x.requestEndedWith(); !errors.Is(err, io.EOF) && !errors.Is(err, errBodyClosed) {
		return err
	}
	return nil
}

func (x *exchange) sawHeader(status int) {
	if x.status == 0 {
		x.status, x.header = status, time.Now()
	}
}

func (x *exchange) sawFirstByte() {
	if x.firstByte.IsZero() {
		x.firstByte = time.Now()
		x.stopWatching()
	}
}

func (x *exchange) stopWatching() {
	if x.watching {
		x.watching = false
		x.recorder.verdicts.answered()
	}
}

// isSearching says whether the model is still looked for in the body.
func (x *exchange) isSearching() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.finder != nil
}

// end records the exchange, which finished at that time. It is zero when the handler panics, as httputil.ReverseProxy does to
// abort a response.
func (x *exchange) end(finished time.Time) {
	now := finished
	if now.IsZero() {
		now = time.Now()
	}
	x.stopWatching()
	code := x.code(now, !finished.IsZero())
	if !x.measured {
		x.recorder.unmatched.add(x.protocol, code)
		return
	}
	x.mu.Lock()
	x.ended = true
	if x.series == nil {
		model, version, _ := x.finder.result()
		x.identify(model, version)
	}
	model, version, key, series := x.model, x.version, x.key, x.series
	x.mu.Unlock()
	success := key.model != unknownModel && x.succeeded(code)
	series.inProgress.Add(-1)

	answered := x.firstByte
	if answered.IsZero() {
		answered = now
	}
	served := Served{Model: model, Version: version, Arrival: x.arrival, Answered: answered, WaitedForServer: x.waited}
	if x.response != nil {
		served.Header = x.response.Header
	}
	o := x.observe(now)
	o.protocol, o.code = x.protocol, code
	x.recorder.verdicts.judge(served, func(start Start, source string) {
		o.start, o.source = start, source
		series.observe(o)
		x.recorder.ledger.release(series, key, success, now)
	})
}

// succeeded says whether the server served the request, so that it has the model.
func (x *exchange) succeeded(code string) bool {
	switch {
	case x.session != nil:
		return true
	case x.protocol == protocolGRPC:
		return code == codes.OK.String()
	default:
		return code >= "200" && code < "400"
	}
}

func (x *exchange) observe(now time.Time) *observation {
	o := &observation{}
	request, response := x.requestBytes.Load(), x.responseBytes
	if x.session != nil {
		request, response = x.session.fromClient.Load(), x.session.fromServer.Load()
		o.set(sessionTime, now.Sub(x.arrival).Seconds())
	} else {
		o.set(responseTime, now.Sub(x.arrival).Seconds())
	}
	o.set(requestSize, float64(request))
	o.set(responseSize, float64(response))
	switch {
	case !x.firstByte.IsZero():
		o.set(timeToFirstByte, x.firstByte.Sub(x.arrival).Seconds())
	case !x.header.IsZero():
		o.set(timeToFirstByte, x.header.Sub(x.arrival).Seconds())
	}
	if x.response != nil {
		if waited, ok := x.recorder.options.QueueTime.read(x.response.Header); ok {
			o.set(queueTime, waited.Seconds())
		}
	}
	return o
}

// code is what the client was sent, or what stands for that where the request did not end as it should.
func (x *exchange) code(now time.Time, finished bool) string {
	if x.session != nil && x.protocol == protocolWebSocket {
		return x.session.closeCode()
	}
	if x.failure == noFailure {
		x.failure = x.laterFailure(finished)
	}
	if x.protocol != protocolGRPC {
		if x.failure != noFailure {
			return strconv.Itoa(x.failure.status())
		}
		return strconv.Itoa(x.status)
	}
	if x.failure == noFailure {
		return grpcCodeOf(x.response)
	}
	return x.grpcCode(now).String()
}

// grpcCode is the code of a gRPC call that failed. Once the client's deadline is over, client and server both let go of the
// call, and it depends on chance who is first. The client began to wait before its call arrived here.
func (x *exchange) grpcCode(now time.Time) codes.Code {
	overdue := x.deadline > 0 && now.Sub(x.arrival) >= x.deadline-x.deadline/20
	if overdue && (x.failure == clientGone || x.failure == serverGone || x.failure == serverReset) {
		return codes.DeadlineExceeded
	}
	if x.failure == serverReset {
		return x.resetCode
	}
	return x.failure.grpcCode()
}

// failed notes why the request failed.
func (x *exchange) failed(why failure, err error) {
	alert := &x.recorder.httpAlert
	if x.protocol == protocolGRPC {
		alert = &x.recorder.grpcAlert
	}
	if why == serverGone && alert.since(x.arrival) {
		why = serverSpeaksTLS
	}
	x.failure = why
	name, _ := resetCode(err)
	x.resetCode = resetGRPCCode(name)
	x.recorder.logFailure(why, err)
}

// laterFailure tells what broke a response that had begun.
func (x *exchange) laterFailure(finished bool) failure {
	switch {
	case x.clientError != nil && errors.Is(context.Cause(x.ctx), ErrStopped):
		return recorderStopped
	case x.clientError != nil:
		return clientGone
	case errors.Is(x.requestEndedWith(), errClientSilent):
		return clientSilent
	case x.serverError != nil:
		return failureOf(x.ctx, x.serverError, nil)
	case !finished, x.status == 0 && x.session == nil:
		return recorderFailed
	default:
		return noFailure
	}
}
