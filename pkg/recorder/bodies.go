package recorder

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// requestBody counts a request's body and shows it to the finder of the model, while the transport reads it.
type requestBody struct {
	io.ReadCloser
	exchange *exchange
	// onRequest says that the client sends its body only when it is asked to (100-continue), as the first Read does.
	onRequest bool
	asked     atomic.Bool
	// reading keeps the pieces in their order: the transport may still read when the response is over.
	reading sync.Mutex
	// overdue says that search set a deadline that passed. net/http then cancels all further requests of the connection.
	overdue bool
	timeout bodyTimeout
	// closed says that the recorder does not want the rest of the body. What a Read returns then says nothing about the client.
	closed atomic.Bool
}

// errBodyClosed is what a body ends with that the recorder closed before its end.
var errBodyClosed = errors.New("the recorder closed the request body")

// Close ends a Read under way.
func (b *requestBody) Close() error {
	b.closed.Store(true)
	return b.ReadCloser.Close()
}

func (b *requestBody) Read(p []byte) (int, error) {
	b.reading.Lock()
	defer b.reading.Unlock()
	return b.read(p)
}

// read is Read; the caller holds the lock.
func (b *requestBody) read(p []byte) (int, error) {
	b.asked.Store(true)
	b.timeout.begin()
	n, err := b.ReadCloser.Read(p)
	b.timeout.end()
	b.exchange.sawRequestBytes(p[:n])
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded) && b.timeout.expired.Load():
		b.exchange.requestEnded(errClientSilent)
	case errors.Is(err, os.ErrDeadlineExceeded):
		b.overdue = true
	case err != nil && !errors.Is(err, io.EOF) && b.closed.Load():
		b.exchange.requestEnded(errBodyClosed)
	case err != nil:
		b.exchange.requestEnded(err)
	}
	return n, err
}

// unread says whether the client may still be sending.
func (b *requestBody) unread() bool {
	return b != nil && b.exchange.requestEndedWith() == nil && (!b.onRequest || b.asked.Load())
}

// defaultSearchTime is short, because a response may wait for it. What is looked for is in most cases there already.
const defaultSearchTime = 50 * time.Millisecond

// search reads on until the model is found: the server, or the recorder in its place, has answered without reading the
// request, and its errors should not count for an unknown model.
func (b *requestBody) search(w http.ResponseWriter, isHTTP1 bool) {
	controller := http.NewResponseController(w)
	// Over HTTP/2 the response waits: to send its header before its trailers would break gRPC's answers without a message.
	if isHTTP1 && controller.Flush() != nil || controller.SetReadDeadline(time.Now().Add(b.exchange.recorder.options.searchTime)) != nil {
		return
	}
	if b.readOn() {
		_ = controller.SetReadDeadline(time.Time{})
	}
}

// readOn reads until the model is found, or until the body ends or fails, and says whether nothing is searched any more.
func (b *requestBody) readOn() bool {
	b.reading.Lock()
	defer b.reading.Unlock()
	piece := make([]byte, 4<<10)
	for b.exchange.isSearching() {
		if _, err := b.read(piece); err != nil {
			return false
		}
	}
	return true
}

// Bounds of drain, those of net/http for the same.
const (
	drainBytes       = 256 << 10
	defaultDrainTime = 500 * time.Millisecond
)

// leave sees to it that nothing of an HTTP/1 request's body is taken for the next request: net/http leaves that to the handler
// of whom it reads the body while the response is under way.
func (b *requestBody) leave(w http.ResponseWriter) {
	if errors.Is(b.exchange.requestEndedWith(), io.EOF) {
		return
	}
	if b.unread() && b.drain(w) {
		b.reading.Lock()
		defer b.reading.Unlock()
		if !b.overdue {
			return
		}
	}
	// What would wait for the rest of the body when the response is sent is not to.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now())
	// A body beyond its limit is what net/http closes a connection for after the response.
	_, _ = http.MaxBytesReader(w, io.NopCloser(strings.NewReader("x")), 0).Read(make([]byte, 1))
}

// drain lets a client read a response that came before its request was whole, and says whether the request is whole now and
// the connection can be used again. Closed at once, with bytes unread, it would be reset and the response could be lost.
func (b *requestBody) drain(w http.ResponseWriter) bool {
	controller := http.NewResponseController(w)
	if controller.Flush() != nil || controller.SetReadDeadline(time.Now().Add(b.exchange.recorder.options.drainTime)) != nil {
		return false
	}
	if _, err := io.CopyN(io.Discard, b.ReadCloser, drainBytes); !errors.Is(err, io.EOF) {
		return false
	}
	return controller.SetReadDeadline(time.Time{}) == nil
}

// interruptibleBody is a gRPC call's request body whose Close ends a Read under way. The body that httputil.ReverseProxy hands
// on does not, and HTTP/2's transport waits for that Read before it lets a response end: the client of a stream would
// not hear of the stream's end until it sent something itself.
type interruptibleBody struct {
	io.ReadCloser
	client  *requestBody
	started atomic.Bool
}

func (b *interruptibleBody) Read(p []byte) (int, error) {
	b.started.Store(true)
	return b.ReadCloser.Read(p)
}

// Close leaves a body alone that nothing was read of: the transport closes it when it cannot connect, and may be tried again.
func (b *interruptibleBody) Close() error {
	if b.started.Load() {
		if b.client.exchange.isSearching() {
			// The server has answered before the model was read.
			giveUp := time.AfterFunc(b.client.exchange.recorder.options.searchTime, func() { _ = b.client.Close() })
			b.client.readOn()
			giveUp.Stop()
		}
		_ = b.client.Close()
	}
	return b.ReadCloser.Close()
}

// responseBody notes when the server breaks its response off. HTTP's clients see that it is not whole; a gRPC client is told in the
// trailers, because it would take a stream that is reset for an error inside the server and not try again.
type responseBody struct {
	io.ReadCloser
	exchange *exchange
}

func (b responseBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == nil || errors.Is(err, io.EOF) {
		return n, err
	}
	x := b.exchange
	x.serverError = err
	if x.protocol != protocolGRPC {
		return n, err
	}
	x.failed(failureOf(x.ctx, err, nil), err)
	x.response.Trailer = nil
	x.client.Header().Set(http.TrailerPrefix+grpcStatusHeader, strconv.Itoa(int(x.grpcCode(time.Now()))))
	x.client.Header().Set(http.TrailerPrefix+grpcMessageHeader, x.failure.message())
	return n, io.EOF
}

// responseWriter times and counts what goes to the client.
type responseWriter struct {
	http.ResponseWriter
	exchange *exchange
}

// Unwrap is for http.ResponseController.
func (w responseWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader takes 1xx, which may come several times, and the final status.
func (w responseWriter) WriteHeader(status int) {
	if status == http.StatusContinue && w.exchange.clientBody != nil && w.exchange.clientBody.onRequest {
		return // the client is asked for its body when that is read, which is now
	}
	if status >= http.StatusOK {
		w.exchange.sawHeader(status)
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w responseWriter) Write(p []byte) (int, error) {
	x := w.exchange
	if len(p) > 0 {
		x.sawFirstByte()
	}
	n, err := w.ResponseWriter.Write(p)
	x.responseBytes += int64(n)
	if err == nil && x.responseBytes < x.announced {
		// The rest may be long in coming. httputil.ReverseProxy flushes by itself when the length is not announced.
		err = http.NewResponseController(w.ResponseWriter).Flush()
	}
	if err != nil {
		x.clientError = err
	}
	return n, err
}
