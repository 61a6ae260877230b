package recorder

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coldhit/modelserving-datasource/pkg/httpserver"
)

const (
	dialTimeout = 10 * time.Second
	// idleTimeout is shorter than what common servers allow (uvicorn 5 s): a server that closes a connection at the moment in
	// which a request is sent would make an error that there would not be without a recorder.
	idleTimeout = 4 * time.Second
	// idleConnections to the server are kept, so that many requests at once need not connect anew each time.
	idleConnections = 1024
	// pingAfter is how long an HTTP/2 connection to the server may be silent before it is tried.
	pingAfter   = 30 * time.Second
	pingTimeout = 15 * time.Second
	// headerWait is how long a response's header may wait for a body of known length, to go with it in one piece.
	headerWait = 5 * time.Millisecond
	// copyBytes is the buffer that each response under way holds.
	copyBytes = 16 << 10
)

// NewServer makes an HTTP server with handler for HTTP/1.1 and HTTP/2, with TLS or (as gRPC does) without, within limits. Requests end
// when the context does, with the cause ErrStopped counted as such. An error names the limit that is out of bounds.
func NewServer(ctx context.Context, handler http.Handler, config *tls.Config, limits httpserver.Limits, logger *slog.Logger) (*httpserver.Server, error) {
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	return httpserver.New(&http.Server{
		Handler:   handler,
		TLSConfig: config,
		Protocols: protocols,
		// OPTIONS * is the model server's to answer.
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(RedactingHandler(logger.Handler()), slog.LevelDebug),
		BaseContext:                  func(net.Listener) context.Context { return ctx },
	}, limits)
}

func (r *Recorder) newTransport(scheme string, alert *lastAlert, protocols *http.Protocols) *http.Transport {
	connect := dial
	if scheme == "http" {
		connect = alert.dialPlain
	}
	transport := &http.Transport{
		DialContext:           connect,
		TLSClientConfig:       r.options.UpstreamTLS.Clone(), // HTTP/2 writes its name into it
		TLSHandshakeTimeout:   dialTimeout,
		MaxIdleConns:          idleConnections,
		MaxIdleConnsPerHost:   idleConnections,
		IdleConnTimeout:       idleTimeout,
		ResponseHeaderTimeout: r.options.ResponseTimeout,
		ExpectContinueTimeout: time.Second,
		DisableCompression:    true, // what the server sends stays as it is
		Protocols:             protocols,
		HTTP2:                 &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingTimeout},
	}
	r.transports = append(r.transports, transport)
	return transport
}

// newProxy passes HTTP on as HTTP/1.1 and gRPC as HTTP/2. net/http carries gRPC's trailers and streams as they are, so
// that calls need not be decoded and encoded again, as a gRPC server and client in between would do.
func (r *Recorder) newProxy() *httputil.ReverseProxy {
	http1, http2 := &http.Protocols{}, &http.Protocols{}
	http1.SetHTTP1(true)
	http2.SetHTTP2(r.options.GRPCUpstream.Scheme == "https")
	http2.SetUnencryptedHTTP2(r.options.GRPCUpstream.Scheme == "http")
	var transport http.RoundTripper = byProtocol{http: r.newTransport(r.options.Upstream.Scheme, &r.httpAlert, http1), grpc: r.newTransport(r.options.GRPCUpstream.Scheme, &r.grpcAlert, http2)}
	if r.options.WaitForServer > 0 {
		transport = connectRetry{next: transport, timeout: r.options.WaitForServer, logger: r.options.Logger}
	}
	return &httputil.ReverseProxy{
		Transport:      transport,
		Rewrite:        r.rewrite,
		ModifyResponse: r.sawResponse,
		ErrorHandler:   r.writeFailure,
		BufferPool:     buffers{},
		FlushInterval:  headerWait,
		// Its messages come with every request that is broken off, and those are counted.
		ErrorLog: slog.NewLogLogger(r.options.Logger.Handler(), slog.LevelDebug),
	}
}

type byProtocol struct{ http, grpc http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t byProtocol) RoundTrip(request *http.Request) (*http.Response, error) {
	x := exchangeOf(request.Context())
	if x.protocol != protocolGRPC {
		return t.http.RoundTrip(request)
	}
	if request.Body != nil {
		request = request.WithContext(request.Context())
		request.Body = &interruptibleBody{ReadCloser: request.Body, client: x.clientBody}
	}
	return t.grpc.RoundTrip(request)
}

// rewrite leaves all as the client sent it but for the address, and adds to X-Forwarded-For, -Host and -Proto.
func (r *Recorder) rewrite(request *httputil.ProxyRequest) {
	upstream := r.options.Upstream
	if exchangeOf(request.In.Context()).protocol == protocolGRPC {
		upstream = r.options.GRPCUpstream
	}
	request.SetURL(upstream)
	setPath(request.Out.URL, escapeNonASCII(request.In.RequestURI), upstream)
	request.Out.URL.RawQuery = escapeNonASCII(request.In.URL.RawQuery)
	if !r.options.UpstreamHost {
		request.Out.Host = request.In.Host
	}
	// Its values come when the body has been read.
	request.Out.Trailer = request.In.Trailer
	if strings.EqualFold(request.Out.Header.Get("Upgrade"), "h2c") {
		// Requests on a connection that has become HTTP/2 would not be seen. A server need not heed it, and without
		// HTTP2-Settings, which is not passed on, must not.
		request.Out.Header.Del("Upgrade")
		request.Out.Header.Del("Connection")
	}
	forward(request)
}

// setPath sets the path as the client sent it: net/url would escape more than is needed, and give "*" a slash.
func setPath(out *url.URL, sent string, upstream *url.URL) {
	path, _, _ := strings.Cut(sent, "?")
	prefix := strings.TrimSuffix(upstream.EscapedPath(), "/")
	switch {
	case path == "*":
		out.Path, out.RawPath = path, ""
	case strings.HasPrefix(path, "/") && !strings.HasPrefix(prefix+path, "//") && prefix+path != out.EscapedPath():
		out.Opaque = prefix + path
	}
}

// forward tells the server whom the recorder stands in for. What a proxy before it has told of the host and the scheme stays:
// the recorder's own would be wrong.
func forward(request *httputil.ProxyRequest) {
	in, out := request.In.Header, request.Out.Header
	out["X-Forwarded-For"] = in["X-Forwarded-For"]
	request.SetXForwarded()
	for _, name := range []string{"Forwarded", "X-Forwarded-Host", "X-Forwarded-Proto"} {
		if told, ok := in[name]; ok {
			out[name] = told
		}
	}
}

var errNoStatus = errors.New("invalid HTTP status below 100 from the server")

// sawResponse is called with the response's header, before anything of it goes to the client.
func (*Recorder) sawResponse(response *http.Response) error {
	x := exchangeOf(response.Request.Context())
	x.response = response
	if isTLSExplanation(response) {
		return errTLSServer
	}
	if response.StatusCode < http.StatusContinue {
		return errNoStatus // which net/http panics at
	}
	if response.StatusCode == http.StatusSwitchingProtocols {
		if conn, ok := response.Body.(io.ReadWriteCloser); ok {
			x.session = newUpgraded(conn, x.protocol == protocolWebSocket)
			response.Body = x.session
		}
		x.sawHeader(response.StatusCode)
		x.sawFirstByte()
		return nil
	}
	for _, name := range []string{"Content-Type", "Date"} {
		if _, ok := response.Header[name]; !ok {
			x.client.Header()[name] = nil // so that net/http adds none
		}
	}
	x.announced = max(response.ContentLength, 0)
	response.Body = responseBody{response.Body, x}
	return nil
}

// writeFailure answers a request that could not be passed on, in words of its own: the error names inner addresses.
func (*Recorder) writeFailure(w http.ResponseWriter, request *http.Request, err error) {
	x := exchangeOf(request.Context())
	if x.session != nil {
		// The server switched to another protocol than it was asked to, and httputil.ReverseProxy leaves it at that.
		_ = x.session.Close()
		x.session = nil
	}
	x.failed(failureOf(request.Context(), err, x.requestBodyError()), err)
	if x.failure == clientGone {
		// One that closed its own side alone can still read; with no answer, net/http would send it an empty success.
		w = x.client
	}
	header := w.Header()
	if x.protocol == protocolGRPC {
		header.Set("Content-Type", grpcContentType)
		header.Set(grpcStatusHeader, strconv.Itoa(int(x.grpcCode(time.Now()))))
		header.Set(grpcMessageHeader, x.failure.message())
		w.WriteHeader(http.StatusOK)
		return
	}
	http.Error(w, x.failure.message(), x.failure.status())
}

// logFailure writes why a request failed. Failures that a change of the configuration ends are logged as warnings, each kind once.
func (r *Recorder) logFailure(why failure, err error) {
	level := slog.LevelDebug
	if why == serverSpeaksTLS || why == serverSpeaksPlainHTTP || why == serverUntrusted {
		if _, logged := r.warned.LoadOrStore(why, true); !logged {
			level = slog.LevelWarn
		}
	}
	r.options.Logger.Log(context.Background(), level, "Failed to forward a request", "code", why.status(), "problem", why.message(), "error", err.Error())
}

// buffers lends what responses are copied with.
type buffers struct{}

var bufferPool = sync.Pool{New: func() any { return new([copyBytes]byte) }}

func (buffers) Get() []byte { return bufferPool.Get().(*[copyBytes]byte)[:] } //nolint:forcetypeassert // New makes them

func (buffers) Put(b []byte) { bufferPool.Put((*[copyBytes]byte)(b)) }
