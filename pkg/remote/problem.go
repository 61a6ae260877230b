package remote

import (
	"compress/flate"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/httpclient"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/coldhit/modelserving-datasource/pkg/admission"
	"github.com/coldhit/modelserving-datasource/pkg/redact"
	"github.com/coldhit/modelserving-datasource/pkg/remotewrite"
	"github.com/coldhit/modelserving-datasource/pkg/target"
)

// Problem is why a query failed, for code to branch on. Network and TLS errors are those of package target.
type Problem string

// The distinguished problems.
const (
	// BadQuery is an error of the user who wrote the query.
	BadQuery Problem = "bad_query"
	// QueryTooLarge is the server's own limit on a query: fewer series, a shorter range or a longer step help.
	QueryTooLarge    Problem = "query_too_large"
	ServerTimeout    Problem = "server_timeout"
	RateLimited      Problem = "rate_limited"
	Unavailable      Problem = "unavailable"
	Unauthorized     Problem = "unauthorized"
	Forbidden        Problem = "forbidden"
	NotFound         Problem = "not_found"
	Redirected       Problem = "redirected"
	NotPrometheus    Problem = "not_a_prometheus_api"
	Garbled          Problem = "garbled"
	HalfWritten      Problem = "half_written"
	TooLarge         Problem = "too_large"
	DuplicateSeries  Problem = "duplicate_series"
	UnexpectedStatus Problem = "unexpected_status"
	Unsupported      Problem = "unsupported"
	IdentityFailed   Problem = "identity_failed"
	ProxyFailed      Problem = "proxy_failed"
	TLSServer        Problem = "plain_http_server_speaks_tls"
)

// Error is a failed query: what happened, where and what to do. Its sentence contains no secret: no user
// information and no header. Methods return it as a downstream error; errors.As finds it.
type Error struct {
	Problem  Problem
	Sentence string
	// Status is the HTTP status; zero if there was none.
	Status int
	// RetryAfter is the pause that the server requested; zero if it requested none.
	RetryAfter time.Duration
	cause      error
}

func (e *Error) Error() string { return e.Sentence }

// Pause is the pause that the server requested; zero if it requested none.
func (e *Error) Pause() time.Duration { return e.RetryAfter }

// Unwrap returns the errors that callers can test for. Other causes may contain secrets and are not returned.
func (e *Error) Unwrap() error {
	for _, public := range []error{context.Canceled, context.DeadlineExceeded, remotewrite.ErrRefused} {
		if errors.Is(e.cause, public) {
			return public
		}
	}
	return nil
}

// subject is what errors are about.
type subject struct {
	url     *url.URL
	timeout time.Duration
	// secrets are redacted in the server's words before these are shortened; nil for none.
	secrets *redact.Redactor
}

func (subject) problem(p Problem, cause error, format string, args ...any) *Error {
	return &Error{Problem: p, Sentence: fmt.Sprintf(format, args...), cause: cause}
}

func (s subject) where() string { return redact.URL(s.url) }

// explain turns the error of a request into one for the user. If ctx has ended, it returns the cause.
func (s subject) explain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return backend.DownstreamError(s.reason(err))
}

func (s subject) reason(err error) error {
	var (
		known  *Error
		syntax *syntaxError
		words  *apiError
		much   *limitError
		double *duplicateSeriesError
		dialed *net.OpError
		packed *unknownEncoding
		memory *admission.LimitError
	)
	switch {
	case errors.As(err, &memory):
		return memory
	case errors.As(err, &known):
		return known
	case errors.As(err, &words):
		return s.ofAPI(0, words)
	case errors.As(err, &much):
		return s.problem(TooLarge, err, "The response of %s exceeds the limit of %d %s. Choose fewer series, a shorter range or a longer "+
			"step, or raise the limit in the data source's settings.", s.where(), much.limit, much.of)
	case errors.Is(err, errTooManyBytes):
		return s.problem(TooLarge, err, "The response of %s is %s and was cut off. Choose fewer series, a shorter range or a longer step, or raise "+
			"the limit in the data source's settings.", s.where(), err)
	case errors.Is(err, httpclient.ErrResponseBodyTooLarge):
		return s.problem(TooLarge, err, "The response of %s exceeds the limit of Grafana (response_limit in the section dataproxy of grafana.ini). "+
			"Choose fewer series, a shorter range or a longer step.", s.where())
	case errors.As(err, &double):
		return s.problem(DuplicateSeries, err, "Invalid response from %s: %.300s. Let the server deduplicate its replicas "+
			"(in Thanos: set the replica label with --query.replica-label).", s.where(), s.secrets.Text(double.Error()))
	case errors.As(err, &syntax):
		return s.problem(Garbled, err, "Invalid response from %s: %.300s. Check whether a proxy changes it.", s.where(), s.secrets.Text(syntax.Error()))
	case errors.As(err, &packed):
		return s.problem(Garbled, err, "The response of %s cannot be decompressed: %s. Check whether a proxy changes it.", s.where(), s.secrets.Text(packed.Error()))
	case errors.As(err, &dialed) && dialed.Op == proxyDialed:
		return s.problem(ProxyFailed, err, "The proxy for %s cannot be reached: %.200s. Check that it is running, and check the environment variables HTTP_PROXY, "+
			"HTTPS_PROXY and NO_PROXY of Grafana.", s.where(), s.secrets.Text(redact.URLsIn(dialed.Err.Error())))
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum), errors.Is(err, zstd.ErrMagicMismatch), isCorrupt(err):
		return s.problem(Garbled, err, "The response of %s cannot be decompressed: %.200s. Check whether a proxy changes it.", s.where(), err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return s.problem(HalfWritten, err, "The response of %s is incomplete. Check that the URL is that of a Prometheus server, and see the logs of the server and "+
			"its proxies: it may have run out of memory or been restarted.", s.where())
	}
	return target.Subject{URL: s.url, Timeout: s.timeout, Secrets: s.secrets}.Explain(err)
}

// proxyDialed is the operation of errors that Go's transport returns for a proxy.
const proxyDialed = "proxyconnect"

func isCorrupt(err error) bool {
	var corrupt flate.CorruptInputError
	return errors.As(err, &corrupt) || errors.Is(err, zstd.ErrCRCMismatch) || errors.Is(err, zstd.ErrWindowSizeExceeded)
}

// explainStatus explains a response with an error status.
func (s subject) explainStatus(response *http.Response, body []byte) *Error {
	status := response.StatusCode
	var words struct {
		ErrorType string          `json:"errorType"`
		Kind      json.RawMessage `json:"error"`
		Message   string          `json:"message"`
	}
	if json.Unmarshal(body, &words) == nil {
		message := words.Message
		if text := ""; json.Unmarshal(words.Kind, &text) == nil && text != "" {
			message = text
		}
		if message != "" {
			return s.withRetry(response, s.ofAPI(status, &apiError{words.ErrorType, message}))
		}
	}
	if status == http.StatusBadRequest {
		if tls := (target.Subject{URL: s.url}).ExplainBadRequest(string(body)); tls != nil {
			return s.withRetry(response, s.problem(TLSServer, tls, "%s", tls.Sentence))
		}
	}
	excerpt := s.excerptOf(response, body)
	return s.withRetry(response, s.ofStatus(response, excerpt))
}

func (subject) withRetry(response *http.Response, e *Error) *Error {
	e.Status = response.StatusCode
	if e.RetryAfter = retryAfter(response, time.Now()); e.RetryAfter > 0 {
		e.Sentence += fmt.Sprintf(" It requests a pause of %s.", e.RetryAfter.Round(time.Second))
	}
	return e
}

// retryAfter is given in seconds or as a date.
func retryAfter(response *http.Response, now time.Time) time.Duration {
	text := response.Header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

// overLimit matches the messages for queries over a limit, of Prometheus and Thanos, Mimir and Cortex, and VictoriaMetrics.
var overLimit = regexp.MustCompile(`too many samples|exceeded maximum resolution|query (hit|exceeded) the|err-mimir-max-|exceeds? (the )?-?(limit|search\.max|\d)|` +
	`-search\.max|not enough memory|exceeded [a-z]+ limit`)

// ofAPI explains an error that the server reported. The values of errorType are those of the HTTP API.
func (s subject) ofAPI(status int, words *apiError) *Error {
	message := s.tidy(words.message)
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		e := s.ofStatus(&http.Response{StatusCode: status}, message)
		return e
	case status == http.StatusTooManyRequests:
		return s.problem(RateLimited, words, "%s rejects requests over its rate limit (HTTP 429): %s. Refresh less often, or raise the tenant's limits.", s.where(), message)
	case strings.Contains(message, "-search.maxQueryLen"):
		return s.problem(QueryTooLarge, words, "The query is too long for %s: %s. Start VictoriaMetrics with a larger -search.maxQueryLen, such as 256KB, or filter by deployment: "+
			"every type of model server makes queries longer.", s.where(), message)
	case words.kind == "timeout" || words.kind == "canceled":
		return s.problem(ServerTimeout, words, "%s aborted the query: %s. Choose a shorter range, a longer step or fewer series.", s.where(), message)
	case words.kind == "too_many_samples", overLimit.MatchString(message), status == http.StatusRequestEntityTooLarge:
		return s.problem(QueryTooLarge, words, "The query is too large for %s: %s. Choose a shorter range, a longer step or fewer series.", s.where(), message)
	case words.kind == "unavailable" || status >= 500:
		return s.problem(Unavailable, words, "HTTP %d from %s: %s. See the server's log.", status, s.where(), message)
	case words.kind == "not_found":
		return s.problem(NotFound, words, "%s does not have the requested resource: %s.", s.where(), message)
	}
	return s.problem(BadQuery, words, "%s rejects the query: %s.", s.where(), message)
}

func (s subject) ofStatus(response *http.Response, excerpt string) *Error {
	status, words := response.StatusCode, ""
	if excerpt != "" {
		words = " Response: " + excerpt + "."
	}
	switch {
	case status == http.StatusUnauthorized:
		return s.problem(Unauthorized, nil, "HTTP 401 from %s: check user and password, token or headers in the data source's settings.%s", s.where(), words)
	case status == http.StatusForbidden:
		return s.problem(Forbidden, nil, "HTTP 403 from %s: grant the user, token or role permission to read metrics.%s", s.where(), words)
	case status == http.StatusNotFound:
		return s.problem(NotFound, nil, "%s does not exist on the server (HTTP 404). Check the URL's path: Mimir's ends in /prometheus, a VictoriaMetrics "+
			"cluster's in /select/0/prometheus, and none in /api/v1.%s", s.where(), words)
	case status == http.StatusRequestEntityTooLarge:
		return s.problem(QueryTooLarge, nil, "The query is too large for %s (HTTP 413). Filter by deployment, or allow larger requests in the proxy in front of it.%s", s.where(), words)
	case status == http.StatusProxyAuthRequired:
		return s.problem(ProxyFailed, nil, "The proxy for %s requires credentials (HTTP 407). Set them in the environment variables HTTP_PROXY and HTTPS_PROXY of Grafana, "+
			"or add the server to NO_PROXY.%s", s.where(), words)
	case status == http.StatusRequestURITooLong:
		return s.problem(BadQuery, nil, "The query is too long for a URL of %s (HTTP 414). Choose POST as HTTP method.%s", s.where(), words)
	case status >= 300 && status < 400:
		return s.problem(Redirected, nil, "%s redirects %s (HTTP %d). Redirects are not followed, so that credentials reach no other server. Set the URL to the "+
			"target of the redirect.", s.where(), s.secrets.Text(destination(response)), status)
	case status == http.StatusTooManyRequests:
		return s.problem(RateLimited, nil, "%s rejects requests over its rate limit (HTTP 429). Refresh less often, or raise the tenant's limits.%s", s.where(), words)
	case status == http.StatusBadGateway, status == http.StatusServiceUnavailable, status == http.StatusGatewayTimeout:
		return s.problem(Unavailable, nil, "%s is not available (HTTP %d %s). Check that it is running and not overloaded.%s", s.where(), status, http.StatusText(status), words)
	case status == http.StatusOK:
		return s.problem(NotPrometheus, nil, "%s returned a web page instead of a Prometheus API response. Check the URL: there may be a login page or a proxy in front of the server.%s", s.where(), words)
	}
	return s.problem(UnexpectedStatus, nil, "HTTP %d %s from %s. See the server's log.%s", status, http.StatusText(status), s.where(), words)
}

func destination(response *http.Response) string {
	to, err := url.Parse(response.Header.Get("Location"))
	if err != nil || to.String() == "" {
		return "elsewhere"
	}
	return "to " + redact.URL(to)
}

// excerptOf is the beginning of a plain text. Of a web page it is empty.
func (s subject) excerptOf(response *http.Response, body []byte) string {
	kind, _, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
	text := strings.TrimSpace(string(body))
	if strings.HasPrefix(text, "<") || (err == nil && kind != "text/plain") {
		return ""
	}
	return s.tidy(text)
}

// tidy shortens a message of the server to one line and redacts secrets and URLs in it.
func (s subject) tidy(text string) string { return tidy(s.secrets.Text(text)) }

// tidy shortens a message to one line and redacts the URLs in it.
func tidy(text string) string {
	const longest = 500
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	if runes := []rune(text); len(runes) > longest {
		text = string(runes[:longest]) + "…"
	}
	return strings.TrimRight(strings.TrimSpace(redact.URLsIn(text)), ".")
}
