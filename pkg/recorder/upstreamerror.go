package recorder

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"

	"google.golang.org/grpc/codes"
)

// errTLSServer says that the server answered plain HTTP in words: it takes TLS only.
var errTLSServer = errors.New("the server speaks TLS only")

// upstreamFailure returns what an error of the transport says about the server.
func upstreamFailure(err error) failure {
	var record tls.RecordHeaderError
	var verification *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	switch {
	case errors.Is(err, errTLSServer):
		return serverSpeaksTLS
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return serverSpeaksPlainHTTP
	case errors.As(err, &verification), errors.As(err, &authority):
		return serverUntrusted
	}
	if _, ok := resetCode(err); ok {
		return serverReset
	}
	return serverGone
}

// resetText is what net/http writes of a stream that the server reset. It exports no type for it.
var resetText = regexp.MustCompile(`stream error: stream ID \d+; ([A-Z_0-9]+)(?:;|$)`)

// resetCode returns the name of the HTTP/2 error code with which the server reset the stream, or false.
func resetCode(err error) (string, bool) {
	match := resetText.FindStringSubmatch(err.Error())
	if match == nil {
		return "", false
	}
	return match[1], true
}

// resetGRPCCode is what gRPC libraries make of a reset stream (PROTOCOL-HTTP2 of gRPC, section Errors).
func resetGRPCCode(name string) codes.Code {
	switch name {
	case "REFUSED_STREAM":
		return codes.Unavailable
	case "CANCEL":
		return codes.Canceled
	case "ENHANCE_YOUR_CALM":
		return codes.ResourceExhausted
	case "INADEQUATE_SECURITY":
		return codes.PermissionDenied
	default:
		return codes.Internal
	}
}

// explainedBytes bounds what is read of a response that may explain that the server speaks TLS.
const explainedBytes = 1 << 10

// isTLSExplanation recognises the response in words that TLS servers send to plain HTTP, as Go and nginx do. The response can be
// forwarded afterwards.
func isTLSExplanation(response *http.Response) bool {
	if response.StatusCode != http.StatusBadRequest || response.Request.URL.Scheme != "http" {
		return false
	}
	// Go sends neither a length nor any header. Bodies that may be long in coming are left alone.
	short := response.ContentLength > 0 && response.ContentLength <= explainedBytes
	if !short && (response.ProtoMinor != 0 || response.ProtoMajor != 1 || len(response.Header) > 0) {
		return false
	}
	start, err := io.ReadAll(io.LimitReader(response.Body, explainedBytes))
	rest := io.Reader(response.Body)
	if err != nil {
		rest = failingReader{err}
	}
	response.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(start), rest), response.Body}
	text := strings.ToLower(string(start))
	return strings.Contains(text, "http request") && strings.Contains(text, "https")
}

type failingReader struct{ err error }

func (r failingReader) Read([]byte) (int, error) { return 0, r.err }
