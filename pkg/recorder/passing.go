package recorder

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// requestBody counts a request's body and shows it to the finder of the model, while the transport reads it.
type requestBody struct {
	io.ReadCloser
	exchange *exchange
	// reading keeps the pieces in their order: the transport may still read when the response is over.
	reading sync.Mutex
}

func (b *requestBody) Read(p []byte) (int, error) {
	b.reading.Lock()
	defer b.reading.Unlock()
	return b.read(p)
}

// read is Read; the caller holds the lock.
func (b *requestBody) read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.exchange.sawRequestBytes(p[:n])
	if err != nil {
		b.exchange.requestEnded(err)
	}
	return n, err
}

// unread says whether the client may still be sending.
func (b *requestBody) unread() bool { return b != nil && b.exchange.requestEndedWith() == nil }

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
	for b.exchange.searching() {
		if _, err := b.read(piece); err != nil {
			return false
		}
	}
	return true
}

// Bounds of linger, those of net/http for the same.
const (
	lingerBytes       = 256 << 10
	defaultLingerTime = 500 * time.Millisecond
)

// linger lets a client read a response that came before its request was whole. Closed at once, with bytes unread, the
// connection would be reset and the response could be lost.
func (b *requestBody) linger(w http.ResponseWriter) {
	controller := http.NewResponseController(w)
	if controller.Flush() != nil || controller.SetReadDeadline(time.Now().Add(b.exchange.recorder.options.lingerTime)) != nil {
		return
	}
	if _, err := io.CopyN(io.Discard, b.ReadCloser, lingerBytes); errors.Is(err, io.EOF) {
		// The connection can be used again.
		_ = controller.SetReadDeadline(time.Time{})
	}
}

// interruptible is a gRPC call's request body whose Close ends a Read under way. The body that httputil.ReverseProxy hands
// on does not, and HTTP/2's transport waits for that Read before it lets a response end: the client of a stream would
// not hear of the stream's end until it sent something itself.
type interruptible struct {
	io.ReadCloser
	client  *requestBody
	started atomic.Bool
}

func (b *interruptible) Read(p []byte) (int, error) {
	b.started.Store(true)
	return b.ReadCloser.Read(p)
}

// Close leaves a body alone that nothing was read of: the transport closes it when it cannot connect, and may be tried again.
func (b *interruptible) Close() error {
	if b.started.Load() {
		if b.client.exchange.searching() {
			// The server has answered before the model was read.
			giveUp := time.AfterFunc(b.client.exchange.recorder.options.searchTime, func() { _ = b.client.Close() })
			b.client.readOn()
			giveUp.Stop()
		}
		_ = b.client.Close()
	}
	return b.ReadCloser.Close()
}

// responseBody notes when the server breaks its response off.
type responseBody struct {
	io.ReadCloser
	exchange *exchange
}

func (b responseBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		b.exchange.serverError = err
	}
	return n, err
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
