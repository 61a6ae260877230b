package target

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/coldhit/modelserving-datasource/pkg/redact"
)

// Problem is why a target could not be read, for code to branch on.
type Problem string

// The reasons that are told apart.
const (
	InvalidSettings     Problem = "invalid_settings"
	Refused             Problem = "connection_refused"
	UnknownHost         Problem = "unknown_host"
	Timeout             Problem = "timeout"
	UnknownAuthority    Problem = "tls_unknown_authority"
	CertificateExpired  Problem = "tls_certificate_expired"
	CertificateMismatch Problem = "tls_name_mismatch"
	PlainHTTPServer     Problem = "tls_server_speaks_plain_http"
	TLSServer           Problem = "plain_http_server_speaks_tls"
	TLSFailed           Problem = "tls_failed"
	HTTP2Server         Problem = "plain_http_server_speaks_http2"
	StreamReset         Problem = "stream_reset"
	Unauthorized        Problem = "unauthorized"
	Forbidden           Problem = "forbidden"
	NotFound            Problem = "not_found"
	UnexpectedStatus    Problem = "unexpected_status"
	Redirected          Problem = "redirected"
	NotMetrics          Problem = "not_a_metrics_page"
	Garbled             Problem = "garbled"
	HalfWritten         Problem = "half_written"
	Empty               Problem = "empty"
	TooLarge            Problem = "too_large"
	TooManySamples      Problem = "too_many_samples"
	LabelLimit          Problem = "label_limit"
	Cancelled           Problem = "cancelled"
	Unreachable         Problem = "unreachable"
)

// Error says why a target could not be read. Sentence names what happened, where, and what to do, and holds no secret:
// no API key, no user information and no query value of a URL.
type Error struct {
	Problem  Problem
	Sentence string
	cause    error
}

func (e *Error) Error() string { return e.Sentence }

// Unwrap gives context errors through, so that callers can test for them; other causes may hold secrets and stay inside.
func (e *Error) Unwrap() error {
	for _, public := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(e.cause, public) {
			return public
		}
	}
	return nil
}

// Subject is what an error is about.
type Subject struct {
	URL     *url.URL
	KeySet  bool
	Timeout time.Duration
	// Secrets are redacted in what a server or a library wrote; nil for none.
	Secrets *redact.Redactor
}

func (Subject) problem(p Problem, cause error, format string, args ...any) *Error {
	return &Error{Problem: p, Sentence: fmt.Sprintf(format, args...), cause: cause}
}

// Explain turns an error of an HTTP exchange with the subject into the reason for it. Errors that already are reasons
// stay as they are.
func (s Subject) Explain(err error) *Error {
	var known *Error
	if errors.As(err, &known) {
		return known
	}
	for _, explain := range []func(error) *Error{s.explainContext, s.explainProtocol, s.explainTLS, s.explainNetwork} {
		if reason := explain(err); reason != nil {
			return reason
		}
	}
	inner := err
	var inURL *url.Error
	if errors.As(err, &inURL) {
		inner = inURL.Err
	}
	return s.problem(Unreachable, err, "%s could not be read: %.200s.", redact.URL(s.URL), s.Secrets.Text(redact.URLsIn(inner.Error())))
}

func (s Subject) explainContext(err error) *Error {
	var timeout interface{ Timeout() bool }
	switch {
	case errors.Is(err, context.Canceled):
		return s.problem(Cancelled, err, "Reading %s was cancelled.", redact.URL(s.URL))
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return s.problem(Timeout, err, "%s did not answer in full within %s. Check that the server is reachable and not "+
			"overloaded, or allow a longer timeout.", redact.URL(s.URL), s.Timeout)
	}
	return nil
}

func (s Subject) explainTLS(err error) *Error {
	var (
		authority x509.UnknownAuthorityError
		invalid   x509.CertificateInvalidError
		mismatch  x509.HostnameError
		record    tls.RecordHeaderError
		alert     tls.AlertError
		verify    *tls.CertificateVerificationError
	)
	where := Instance(s.URL)
	switch {
	case errors.Is(err, http.ErrSchemeMismatch), errors.As(err, &record):
		return s.problem(PlainHTTPServer, err, "%s does not speak TLS. If it serves plain HTTP, write the URL with http://.", where)
	case errors.As(err, &authority):
		return s.problem(UnknownAuthority, err, "The certificate of %s is signed by an authority that is not trusted here. Add "+
			"the authority's certificate as CA certificate.", where)
	case errors.As(err, &mismatch):
		return s.problem(CertificateMismatch, err, "The certificate of %s is not made out for the name %s. Use a name that the "+
			"certificate holds.", where, s.URL.Hostname())
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return s.problem(CertificateExpired, err, "The certificate of %s has expired or is not valid yet. Renew it, or check the "+
			"clocks.", where)
	case errors.As(err, &invalid), errors.As(err, &verify), errors.As(err, &alert):
		return s.problem(TLSFailed, err, "The TLS connection to %s failed: %s.", where, s.Secrets.Text(innermost(err)))
	}
	return nil
}

// streamReset is the text of an error for a stream that was reset. HTTP/2 has several implementations, each with a type of its own.
var streamReset = regexp.MustCompile(`stream error: stream ID \d+; ([A-Z0-9_]+)`)

// explainProtocol recognises servers that speak another protocol than the URL says, and connections that HTTP/2 ended.
func (s Subject) explainProtocol(err error) *Error {
	text := err.Error()
	switch {
	case strings.Contains(text, `malformed HTTP response "\x15\x03`):
		// A TLS server answers a plain request with a TLS alert record. net/http has no type for it.
		return s.tlsServer(err)
	case strings.Contains(text, `malformed HTTP response "\x00\x00`):
		// The first bytes of HTTP/2 are the length of its settings.
		return s.problem(HTTP2Server, err, "%s speaks HTTP/2 without TLS, as gRPC ports do. Check the URL's port: metrics often have a port of their own.",
			Instance(s.URL))
	case strings.Contains(text, "server sent GOAWAY"):
		return s.problem(StreamReset, err, "%s closed the HTTP/2 connection before the response was complete. See the log of the server and of any proxy between.",
			redact.URL(s.URL))
	}
	if found := streamReset.FindStringSubmatch(text); found != nil {
		return s.problem(StreamReset, err, "%s aborted the response: the HTTP/2 stream was reset (%s). See the log of the server and of any proxy between.",
			redact.URL(s.URL), found[1])
	}
	return nil
}

func (s Subject) tlsServer(err error) *Error {
	return s.problem(TLSServer, err, "%s speaks TLS only. Write the URL with https://.", Instance(s.URL))
}

func (s Subject) explainNetwork(err error) *Error {
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return s.problem(UnknownHost, err, "The name %s cannot be resolved: %s. Check the URL's host and this server's DNS.",
			s.URL.Hostname(), dns.Err)
	}
	var operation *net.OpError
	if errors.As(err, &operation) {
		if operation.Op == "remote error" {
			// An alert that the server sent: crypto/tls has no type for it that can be seen.
			return s.problem(TLSFailed, err, "%s ended the TLS connection: %s. It may require a client certificate or another version of TLS.",
				Instance(s.URL), s.Secrets.Text(operation.Err.Error()))
		}
		// Every system words it with "refused"; the error numbers differ between systems.
		if operation.Op == "dial" && strings.Contains(operation.Err.Error(), "refused") {
			return s.problem(Refused, err, "%s refused the connection: nothing listens there. Check the URL's host and port and "+
				"that the server is running.", Instance(s.URL))
		}
		return s.problem(Unreachable, err, "The connection to %s failed: %s.", Instance(s.URL), s.Secrets.Text(operation.Err.Error()))
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return s.problem(HalfWritten, err, "%s ended before the page was complete. Check the server's log and any proxy "+
			"between.", redact.URL(s.URL))
	}
	if errors.Is(err, io.EOF) {
		advice := "Check that the port serves HTTP."
		if s.URL.Scheme == "http" {
			advice = "Check that the port serves HTTP. If it speaks TLS only, write the URL with https://."
		}
		return s.problem(Unreachable, err, "%s closed the connection without an answer. %s", Instance(s.URL), advice)
	}
	return nil
}

// ExplainReading is like Explain for an error while a page's body was read or parsed.
func (s Subject) ExplainReading(err error) *Error {
	if reason := s.explainContext(err); reason != nil {
		return reason
	}
	if reason := s.explainProtocol(err); reason != nil {
		return reason
	}
	if reason := s.explainNetwork(err); reason != nil {
		return reason
	}
	return s.problem(Garbled, err, "The page of %s cannot be read: it is not in Prometheus's text format.", redact.URL(s.URL))
}

// ExplainStatus says what an HTTP status other than 200 means here. It does not repeat what the server wrote.
func (s Subject) ExplainStatus(status int) *Error {
	where := redact.URL(s.URL)
	switch status {
	case http.StatusUnauthorized:
		if s.KeySet {
			return s.problem(Unauthorized, nil, "%s does not accept the API key (HTTP 401). Check the key and its scheme.", where)
		}
		return s.problem(Unauthorized, nil, "%s asks for an API key (HTTP 401) and none is set.", where)
	case http.StatusForbidden:
		if s.KeySet {
			return s.problem(Forbidden, nil, "%s forbids reading with this API key (HTTP 403). Use a key that may read metrics.", where)
		}
		return s.problem(Forbidden, nil, "%s forbids reading (HTTP 403) and no API key is set.", where)
	case http.StatusNotFound:
		return s.problem(NotFound, nil, "%s does not exist on the server (HTTP 404). Check the URL's path and port: metrics "+
			"often have a port of their own.", where)
	}
	if status == http.StatusBadRequest && s.URL.Scheme == "http" {
		return s.problem(UnexpectedStatus, nil, "%s answered HTTP 400 Bad Request instead of a page. If the server speaks TLS only, write the URL with https://. "+
			"Otherwise see its log.", where)
	}
	if status >= 300 && status < 400 {
		return s.problem(Redirected, nil, "%s redirects elsewhere (HTTP %d). With an API key no redirect is followed, so that the "+
			"key reaches no other server: set the URL to where it leads.", where, status)
	}
	return s.problem(UnexpectedStatus, nil, "%s answered HTTP %d %s instead of a page. See the server's log.", where, status,
		http.StatusText(status))
}

func innermost(err error) string {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return redact.URLsIn(err.Error())
		}
		err = next
	}
}
