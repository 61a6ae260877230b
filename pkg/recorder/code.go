package recorder

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
)

// statusClientGone is the code of an HTTP request whose client did not wait for the end of the response. Only a client that
// closed no more than its own side of the connection is there to read it.
const statusClientGone = 499

// failure is why a request did not end as the server meant it to.
type failure int

const (
	noFailure             failure = iota
	clientGone                    // the client hung up
	clientBroken                  // the client's body is not what its header announced
	serverGone                    // the server cannot be reached, or broke its response off
	serverSilent                  // the server did not respond in time
	clientSilent                  // the client did not send its body in time
	serverReset                   // the server reset the HTTP/2 stream
	serverSpeaksTLS               // the upstream's URL has http, and the server speaks TLS
	serverSpeaksPlainHTTP         // the upstream's URL has https, and the server does not speak TLS
	serverUntrusted               // the server's certificate is not valid
	recorderStopped               // the recorder ended before the request did
	recorderFailed                // the recorder itself panicked
)

// status is the HTTP status that stands for a failure.
func (f failure) status() int {
	switch f {
	case clientGone:
		return statusClientGone
	case clientBroken:
		return http.StatusBadRequest
	case clientSilent:
		return http.StatusRequestTimeout
	case serverSilent:
		return http.StatusGatewayTimeout
	case recorderStopped:
		return http.StatusServiceUnavailable
	case recorderFailed:
		return http.StatusInternalServerError
	default:
		return http.StatusBadGateway
	}
}

// grpcCode is the code that a gRPC client sees, or would see if it was still there.
func (f failure) grpcCode() codes.Code {
	switch f {
	case clientGone:
		return codes.Canceled
	case clientBroken, recorderFailed, serverReset:
		return codes.Internal
	case serverSilent, clientSilent:
		return codes.DeadlineExceeded
	default:
		return codes.Unavailable
	}
}

func (f failure) message() string {
	switch f {
	case clientGone:
		return "The client closed the connection before the model server responded."
	case clientBroken:
		return "The request body is invalid: its encoding or length does not match the request header."
	case serverSilent:
		return "The model server did not respond in time."
	case recorderStopped:
		return "The recorder in front of the model server is shutting down."
	case clientSilent:
		return "The client did not send the request body in time."
	case serverReset:
		return "The model server reset the HTTP/2 stream."
	case serverSpeaksTLS:
		return "The model server speaks TLS only: set the recorder's upstream to an https:// URL."
	case serverSpeaksPlainHTTP:
		return "The model server does not speak TLS: set the recorder's upstream to an http:// URL."
	case serverUntrusted:
		return "The certificate of the model server is not valid for the recorder: check the certificate, the name in the recorder's upstream and upstream_tls."
	case serverGone:
		return "The model server is unreachable, or it closed the connection without a response."
	default:
		return "The recorder in front of the model server failed."
	}
}

// ErrStopped is the cause with which the recorder ends the requests that outlast its grace.
var ErrStopped = errors.New("the recorder is shutting down")

// failureOf returns why a request could not be forwarded. bodyError is what reading the client's body ended with.
func failureOf(ctx context.Context, err, bodyError error) failure {
	var timeout net.Error
	switch {
	case errors.Is(context.Cause(ctx), ErrStopped):
		return recorderStopped
	case errors.Is(bodyError, errClientSilent): // net/http cancels the request, too
		return clientSilent
	case ctx.Err() != nil:
		return clientGone
	case errors.Is(bodyError, io.ErrUnexpectedEOF), isConnectionError(bodyError), isStreamEnd(bodyError):
		return clientGone
	case bodyError != nil:
		return clientBroken
	case errors.As(err, &timeout) && timeout.Timeout():
		return serverSilent
	default:
		return upstreamFailure(err)
	}
}

// isStreamEnd says whether a client ended its HTTP/2 stream, by a reset or with the connection. net/http exports no type for either.
func isStreamEnd(err error) bool {
	if err == nil {
		return false
	}
	_, reset := resetCode(err)
	return reset || err.Error() == "client disconnected"
}

func isConnectionError(err error) bool {
	var operation *net.OpError
	return errors.As(err, &operation)
}

const (
	grpcStatusHeader  = "Grpc-Status"
	grpcMessageHeader = "Grpc-Message"
	grpcTimeoutHeader = "Grpc-Timeout"
	grpcContentType   = "application/grpc"
)

func isGRPC(r *http.Request) bool {
	if r.ProtoMajor != 2 {
		return false
	}
	after, ok := strings.CutPrefix(r.Header.Get("Content-Type"), grpcContentType)
	return ok && (after == "" || after[0] == '+' || after[0] == ';')
}

// grpcCodeOf reads the status that a server sent, from its trailers or, when it answered without a message, its header.
// It is named as the gRPC library names it; a number without a name stays a number.
func grpcCodeOf(response *http.Response) string {
	if response.StatusCode != http.StatusOK {
		return strconv.Itoa(response.StatusCode)
	}
	text := response.Trailer.Get(grpcStatusHeader)
	if text == "" {
		text = response.Header.Get(grpcStatusHeader)
	}
	number, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return codes.Unknown.String()
	}
	return codes.Code(number).String()
}

// grpcTimeout is how long a gRPC client waits; zero when it does not say.
func grpcTimeout(header http.Header) time.Duration {
	text := header.Get(grpcTimeoutHeader)
	if len(text) < 2 || len(text) > 9 {
		return 0
	}
	units := map[byte]time.Duration{
		'H': time.Hour, 'M': time.Minute, 'S': time.Second, 'm': time.Millisecond, 'u': time.Microsecond, 'n': time.Nanosecond,
	}
	number, err := strconv.ParseInt(text[:len(text)-1], 10, 64)
	if err != nil || number < 0 {
		return 0
	}
	return time.Duration(number) * units[text[len(text)-1]]
}
