package target

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"net/http"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"

	"github.com/coldhit/modelserving-datasource/pkg/redact"
	"github.com/coldhit/modelserving-datasource/pkg/settings"
)

// FallbackContentType is how a page without a usable content type is read.
const FallbackContentType = "text/plain"

// acceptMetrics asks for text: it is what can be explained by line.
const acceptMetrics = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.4,*/*;q=0.1"

// Page is a metrics page that was read and parsed in full.
type Page struct {
	// Samples is how many samples it has.
	Samples int
	// Metrics are the names of its samples.
	Metrics map[string]struct{}

	contentType string
	body        []byte
}

// Result is what one reading of a target found: a page, or the reason why there is none.
type Result struct {
	Page Page
	Err  *Error
}

// Probe reads the target's metrics page once, under the limits that scraping has too.
func (c *Client) Probe(ctx context.Context, limits settings.ScrapeLimits) Result {
	request := Request{Method: http.MethodGet, URL: c.url, Header: http.Header{"Accept": {acceptMetrics}}}
	answer, err := c.Do(ctx, request, limits.BodyBytes)
	subject := c.subject(c.url)
	if err != nil {
		return Result{Err: subject.Explain(err)}
	}
	page, reason := subject.parse(answer, limits, addedLabels(c.settings))
	if reason != nil {
		return Result{Err: reason}
	}
	return Result{Page: page}
}

// addedLabels is how many labels scraping adds to every series of a target: job, instance and those configured.
func addedLabels(t settings.Target) int {
	added := 2
	for _, value := range []string{t.Environment, t.Deployment} {
		if value != "" {
			added++
		}
	}
	return added
}

// Values are the distinct, non-empty values of a label over the page's samples.
func (p Page) Values(label string) map[string]struct{} {
	values := map[string]struct{}{}
	// The page was parsed before, so the parser exists and reaches the end.
	parser, _ := newParser(p.body, p.contentType)
	var series labels.Labels
	for parser != nil {
		entry, err := parser.Next()
		if err != nil {
			return values
		}
		if entry != textparse.EntrySeries {
			continue
		}
		parser.Labels(&series)
		if value := series.Get(label); value != "" {
			values[value] = struct{}{}
		}
	}
	return values
}

func newParser(body []byte, contentType string) (textparse.Parser, error) {
	if mediaType, _, err := mime.ParseMediaType(contentType); err != nil || mediaType == "application/vnd.google.protobuf" {
		// Protobuf was not asked for, and a page that claims it is text more often than not.
		contentType = FallbackContentType
	}
	return textparse.New(body, contentType, labels.NewSymbolTable(),
		textparse.ParserOptions{FallbackContentType: FallbackContentType})
}

func (s Subject) parse(answer Response, limits settings.ScrapeLimits, added int) (Page, *Error) {
	if len(bytes.TrimSpace(answer.Body)) == 0 {
		return Page{}, s.problem(Empty, nil, "The page of %s is empty. Check the path (usually /metrics) and that metrics are enabled in the server.",
			redact.URL(s.URL))
	}
	if looksLikeDocument(answer) {
		return Page{}, s.notMetrics(nil)
	}
	parser, err := newParser(answer.Body, answer.ContentType)
	if parser == nil {
		return Page{}, s.notMetrics(err)
	}
	page := Page{Metrics: map[string]struct{}{}, contentType: answer.ContentType, body: answer.Body}
	var series labels.Labels
	for read := 0; ; read++ {
		entry, err := parser.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return Page{}, s.explainParsing(err, page.Samples, answer.Body, read)
		}
		if entry != textparse.EntrySeries {
			continue
		}
		page.Samples++
		parser.Labels(&series)
		page.Metrics[series.Get(model.MetricNameLabel)] = struct{}{}
		if reason := s.overLimit(page.Samples, series, limits, added); reason != nil {
			return Page{}, reason
		}
	}
	if page.Samples == 0 {
		return Page{}, s.problem(Empty, nil, "The page of %s has no samples. Check the path (usually /metrics) and that metrics are enabled in the server.",
			redact.URL(s.URL))
	}
	return page, nil
}

// looksLikeDocument recognises what other ports of the same server tend to answer: HTML and JSON.
func looksLikeDocument(answer Response) bool {
	mediaType, _, err := mime.ParseMediaType(answer.ContentType)
	if err == nil && (mediaType == "text/html" || mediaType == "application/json") {
		return true
	}
	start := bytes.TrimSpace(answer.Body)[0]
	return start == '<' || start == '['
}

func (s Subject) notMetrics(cause error) *Error {
	return s.problem(NotMetrics, cause, "%s answers, but not with a metrics page. Check the URL's port and path.", redact.URL(s.URL))
}

// explainParsing tells a page that breaks off from one that is wrong; read is how many of its lines were good.
func (s Subject) explainParsing(err error, samples int, body []byte, read int) *Error {
	line, last := lineOf(body, read)
	switch {
	case last && !bytes.HasSuffix(body, []byte("\n")):
		return s.problem(HalfWritten, err, "The page of %s breaks off in line %d. The server may have been stopped while "+
			"writing.", redact.URL(s.URL), line)
	case samples == 0 && read == 0:
		return s.notMetrics(err)
	}
	return s.problem(Garbled, err, "The page of %s cannot be read from line %d on: it is not in Prometheus's text format.",
		redact.URL(s.URL), line)
}

// lineOf is the number, from 1, of the line after the first read lines that are not blank, and whether it is the last
// one with text. The parser counts as it reads: one entry a line, blank lines skipped.
func lineOf(body []byte, read int) (number int, last bool) {
	rest := body
	for line := range bytes.Lines(body) {
		number++
		rest = rest[len(line):]
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		if read == 0 {
			return number, len(bytes.TrimSpace(rest)) == 0
		}
		read--
	}
	return number, true
}

func (s Subject) overLimit(samples int, series labels.Labels, limits settings.ScrapeLimits, added int) *Error {
	where := redact.URL(s.URL)
	if limits.Samples > 0 && samples > limits.Samples {
		return s.problem(TooManySamples, nil, "The page of %s has more than %d samples, which is the limit. Raise the limit or let "+
			"the server export less.", where, limits.Samples)
	}
	metric := series.Get(model.MetricNameLabel)
	if count := series.Len() + added; limits.Labels > 0 && count > limits.Labels {
		return s.problem(LabelLimit, nil, "A series of %.60s at %s has %d labels; the limit is %d.", metric, where, count, limits.Labels)
	}
	var reason *Error
	series.Range(func(l labels.Label) {
		switch {
		case limits.LabelNameLength > 0 && len(l.Name) > limits.LabelNameLength:
			reason = s.problem(LabelLimit, nil, "A label name of %.60s at %s has %d bytes; the limit is %d.", metric, where,
				len(l.Name), limits.LabelNameLength)
		case limits.LabelValueLength > 0 && len(l.Value) > limits.LabelValueLength:
			reason = s.problem(LabelLimit, nil, "The label %.60s of %.60s at %s has a value of %d bytes; the limit is %d.", l.Name,
				metric, where, len(l.Value), limits.LabelValueLength)
		}
	})
	return reason
}
