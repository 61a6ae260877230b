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

	"github.com/coldhit/modelserving-datasource/pkg/remotewrite"
	"github.com/coldhit/modelserving-datasource/pkg/target"
)

// Problem is why a server could not be asked, for code to branch on. What network and TLS say has the words of package target.
type Problem string

// The reasons that are told apart.
const (
	// BadQuery is the fault of who wrote the query.
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
)

// Error says why a server could not be asked: what happened, where and what to do. Its sentence holds no secret: no user
// information and no header. Methods answer it as a downstream error; errors.As finds it.
type Error struct {
	Problem  Problem
	Sentence string
	// Status is the HTTP status, where there was one that says something.
	Status int
	// RetryAfter is how long the server wants to be left alone; zero if it did not say.
	RetryAfter time.Duration
	cause      error
}

func (e *Error) Error() string { return e.Sentence }

// Pause is how long the server wants to be left alone; zero if it did not say.
func (e *Error) Pause() time.Duration { return e.RetryAfter }

// Unwrap gives errors through that callers can test for; other causes may hold secrets and stay inside.
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
}

func (s subject) problem(p Problem, cause error, format string, args ...any) *Error {
	return &Error{Problem: p, Sentence: fmt.Sprintf(format, args...), cause: cause}
}

func (s subject) where() string { return target.Redact(s.url) }

// explain makes of whatever went wrong with a request an error for the user. An ended ctx is answered with its own error.
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
	)
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &words):
		return s.inItsWords(0, words)
	case errors.As(err, &much):
		return s.problem(TooLarge, err, "The answer of %s has more than %d %s, which is the limit. Choose fewer series, a shorter range or a longer "+
			"step, or raise the limit in the data source's settings.", s.where(), much.limit, much.of)
	case errors.Is(err, errTooManyBytes):
		return s.problem(TooLarge, err, "The answer of %s is %s: reading ended there. Choose fewer series, a shorter range or a longer step, or raise "+
			"the limit in the data source's settings.", s.where(), err)
	case errors.Is(err, httpclient.ErrResponseBodyTooLarge):
		return s.problem(TooLarge, err, "The answer of %s is larger than Grafana lets answers be (response_limit in the section dataproxy of grafana.ini). "+
			"Choose fewer series, a shorter range or a longer step.", s.where())
	case errors.As(err, &double):
		return s.problem(DuplicateSeries, err, "The answer of %s is not right: %.300s. Several replicas may be answering at once: let the server "+
			"deduplicate them (in Thanos: name the replica label with --query.replica-label).", s.where(), double)
	case errors.As(err, &syntax):
		return s.problem(Garbled, err, "The answer of %s cannot be read: %.300s. Check what stands between: a proxy may have changed it.", s.where(), syntax)
	case errors.As(err, &packed):
		return s.problem(Garbled, err, "The answer of %s cannot be decompressed: %s. Check what stands between: a proxy may have changed it.", s.where(), packed)
	case errors.As(err, &dialed) && dialed.Op == proxyDialed:
		return s.problem(ProxyFailed, err, "The proxy between here and %s cannot be reached: %.200s. Check that it is running, and the environment variables HTTP_PROXY, "+
			"HTTPS_PROXY and NO_PROXY of Grafana.", s.where(), target.RedactText(dialed.Err.Error()))
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum), errors.Is(err, zstd.ErrMagicMismatch), isCorrupt(err):
		return s.problem(Garbled, err, "The answer of %s cannot be decompressed: %.200s. Check what stands between: a proxy may have changed it.", s.where(), err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return s.problem(HalfWritten, err, "%s ended its answer before it was complete. See the server's log, and that of any proxy between: it may have "+
			"run out of memory or been restarted.", s.where())
	}
	return target.Subject{URL: s.url, Timeout: s.timeout}.Explain(err)
}

// proxyDialed is how Go's transport calls what failed on the way to a proxy.
const proxyDialed = "proxyconnect"

func isCorrupt(err error) bool {
	var corrupt flate.CorruptInputError
	return errors.As(err, &corrupt) || errors.Is(err, zstd.ErrCRCMismatch) || errors.Is(err, zstd.ErrWindowSizeExceeded)
}

// explainStatus reads what a server that did not answer with success wrote about it.
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
			return s.withRetry(response, s.inItsWords(status, &apiError{words.ErrorType, message}))
		}
	}
	excerpt := excerptOf(response, body)
	return s.withRetry(response, s.ofStatus(response, excerpt))
}

func (s subject) withRetry(response *http.Response, e *Error) *Error {
	e.Status = response.StatusCode
	if e.RetryAfter = retryAfter(response, time.Now()); e.RetryAfter > 0 {
		e.Sentence += fmt.Sprintf(" It asks to be left alone for %s.", e.RetryAfter.Round(time.Second))
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

// overLimit is how servers say that a query needs more than they give one: Prometheus and Thanos, Mimir and Cortex, VictoriaMetrics.
var overLimit = regexp.MustCompile(`too many samples|exceeded maximum resolution|query (hit|exceeded) the|err-mimir-max-|exceeds? (the )?-?(limit|search\.max|\d)|` +
	`-search\.max|not enough memory|exceeded [a-z]+ limit`)

// inItsWords repeats the message of the server's own API. The words of errorType are those of the HTTP API.
func (s subject) inItsWords(status int, words *apiError) *Error {
	message := tidy(words.message)
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		e := s.ofStatus(&http.Response{StatusCode: status}, message)
		return e
	case status == http.StatusTooManyRequests:
		return s.problem(RateLimited, words, "%s answers fewer requests than it is asked (HTTP 429): %s. Refresh less often, or raise the tenant's limits.", s.where(), message)
	case strings.Contains(message, "-search.maxQueryLen"):
		return s.problem(QueryTooLarge, words, "The query is too long for %s: %s. Start VictoriaMetrics with a larger -search.maxQueryLen, such as 256KB, or filter by deployment: "+
			"every kind of model server adds to a query.", s.where(), message)
	case words.kind == "timeout" || words.kind == "canceled":
		return s.problem(ServerTimeout, words, "%s gave the query up: %s. Choose a shorter range, a longer step or fewer series.", s.where(), message)
	case words.kind == "too_many_samples", overLimit.MatchString(message), status == http.StatusRequestEntityTooLarge:
		return s.problem(QueryTooLarge, words, "The query is too large for %s: %s. Choose a shorter range, a longer step or fewer series.", s.where(), message)
	case words.kind == "unavailable" || status >= 500:
		return s.problem(Unavailable, words, "%s could not answer (HTTP %d): %s. See the server's log.", s.where(), status, message)
	case words.kind == "not_found":
		return s.problem(NotFound, words, "%s does not have what it was asked for: %s.", s.where(), message)
	}
	return s.problem(BadQuery, words, "%s does not answer the query: %s.", s.where(), message)
}

func (s subject) ofStatus(response *http.Response, excerpt string) *Error {
	status, words := response.StatusCode, ""
	if excerpt != "" {
		words = " It says: " + excerpt + "."
	}
	switch {
	case status == http.StatusUnauthorized:
		return s.problem(Unauthorized, nil, "%s does not accept who asks (HTTP 401). Check user and password, token or headers in the data source's settings.%s", s.where(), words)
	case status == http.StatusForbidden:
		return s.problem(Forbidden, nil, "%s forbids the request (HTTP 403). Give the user, token or role the right to read metrics.%s", s.where(), words)
	case status == http.StatusNotFound:
		return s.problem(NotFound, nil, "%s does not exist on the server (HTTP 404). Check the URL's path: Mimir's ends in /prometheus, a VictoriaMetrics "+
			"cluster's in /select/0/prometheus, and none in /api/v1.%s", s.where(), words)
	case status == http.StatusRequestEntityTooLarge:
		return s.problem(QueryTooLarge, nil, "The query is too large for %s (HTTP 413). Filter by deployment, or allow larger requests where it stands behind a proxy.%s", s.where(), words)
	case status == http.StatusProxyAuthRequired:
		return s.problem(ProxyFailed, nil, "The proxy between here and %s wants credentials (HTTP 407). Write them into the environment variables HTTP_PROXY and HTTPS_PROXY of Grafana, "+
			"or name the server in NO_PROXY.%s", s.where(), words)
	case status == http.StatusRequestURITooLong:
		return s.problem(BadQuery, nil, "The query is too long for an address at %s (HTTP 414). Choose POST as HTTP method.%s", s.where(), words)
	case status >= 300 && status < 400:
		return s.problem(Redirected, nil, "%s redirects %s (HTTP %d). No redirect is followed, so that credentials reach no other server: set the URL to where "+
			"it leads.", s.where(), destination(response), status)
	case status == http.StatusTooManyRequests:
		return s.problem(RateLimited, nil, "%s answers fewer requests than it is asked (HTTP 429). Refresh less often, or raise the tenant's limits.%s", s.where(), words)
	case status == http.StatusBadGateway, status == http.StatusServiceUnavailable, status == http.StatusGatewayTimeout:
		return s.problem(Unavailable, nil, "%s is not available (HTTP %d %s). Check that it is running and not overloaded.%s", s.where(), status, http.StatusText(status), words)
	case status == http.StatusOK:
		return s.problem(NotPrometheus, nil, "%s answered a web page, not the Prometheus API. Check the URL: a login page or a proxy may stand before the server.%s", s.where(), words)
	}
	return s.problem(UnexpectedStatus, nil, "%s answered HTTP %d %s. See the server's log.%s", s.where(), status, http.StatusText(status), words)
}

func destination(response *http.Response) string {
	to, err := url.Parse(response.Header.Get("Location"))
	if err != nil || to.String() == "" {
		return "elsewhere"
	}
	return "to " + target.Redact(to)
}

// excerptOf is the beginning of a plain text; a web page says nothing that fits a sentence.
func excerptOf(response *http.Response, body []byte) string {
	kind, _, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
	text := strings.TrimSpace(string(body))
	if strings.HasPrefix(text, "<") || (err == nil && kind != "text/plain") {
		return ""
	}
	return tidy(text)
}

// tidy makes of others' words one short line without addresses' secrets.
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
	return strings.TrimRight(strings.TrimSpace(target.RedactText(text)), ".")
}
