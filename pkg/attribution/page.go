package attribution

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend/httpclient"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"

	"github.com/coldhit/modelserving-datasource/pkg/redact"
	"github.com/coldhit/modelserving-datasource/pkg/target"
)

const (
	// maxPageBytes bounds a metrics page; Triton with a thousand models has 3 MiB.
	maxPageBytes = 16 << 20
	// maxModels bounds how many models of one server are told apart.
	maxModels = 2000
)

// modelKey is one model of a server.
type modelKey struct{ model, version string }

// amounts are what a page says of one model.
type amounts struct {
	// compute is the time computed since the server began, in the metric's unit.
	compute   float64
	memory    float64
	hasMemory bool
}

// reading is one look at a page.
type reading struct {
	at     time.Time
	models map[modelKey]amounts
	// workers is the model of each worker process.
	workers map[string]modelKey
}

func newHTTPClient(timeout time.Duration) (*http.Client, error) {
	return httpclient.New(httpclient.Options{
		Timeouts: &httpclient.TimeoutOptions{
			Timeout: timeout, DialTimeout: timeout, TLSHandshakeTimeout: timeout,
			KeepAlive: httpclient.DefaultTimeoutOptions.KeepAlive, MaxIdleConns: maxPages, MaxIdleConnsPerHost: 1,
			IdleConnTimeout: httpclient.DefaultTimeoutOptions.IdleConnTimeout,
		},
		// None of the SDK's middlewares: they are for data sources.
		Middlewares: []httpclient.Middleware{},
		ConfigureClient: func(_ httpclient.Options, client *http.Client) {
			client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		},
	})
}

// readPage asks a server once. Errors are sentences without a full stop.
func readPage(ctx context.Context, client *http.Client, timeout time.Duration, address string, m *Metrics) (reading, error) {
	u, err := url.Parse(address)
	if err != nil {
		return reading{}, err
	}
	subject := target.Subject{URL: u, Timeout: timeout}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return reading{}, err
	}
	request.Header.Set("Accept", "text/plain;version=0.0.4")
	response, err := client.Do(request)
	if err != nil {
		return reading{}, subject.Explain(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return reading{}, subject.ExplainStatus(response.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxPageBytes+1))
	if err != nil {
		return reading{}, subject.Explain(err)
	}
	if len(body) > maxPageBytes {
		return reading{}, subject.TooLarge(maxPageBytes)
	}
	read, err := m.parse(body, response.Header.Get("Content-Type"))
	if err != nil {
		return reading{}, fmt.Errorf("%s: %w", redact.URL(u), err)
	}
	return read, nil
}

// parse takes the rule's metrics from a page.
func (m *Metrics) parse(body []byte, contentType string) (reading, error) {
	parser, err := textparse.New(body, contentType, labels.NewSymbolTable(), textparse.ParserOptions{FallbackContentType: "text/plain"})
	if parser == nil {
		return reading{}, fmt.Errorf("no valid metrics page: %w", err)
	}
	out := reading{models: map[modelKey]amounts{}, workers: map[string]modelKey{}}
	for {
		entry, err := parser.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return reading{}, fmt.Errorf("no valid metrics page: %w", err)
		}
		if entry != textparse.EntrySeries {
			continue
		}
		_, _, value := parser.Series()
		var series labels.Labels
		parser.Labels(&series)
		m.take(&out, series, value)
		if len(out.models)+len(out.workers) > maxModels {
			return reading{}, fmt.Errorf("too many models on the page: the limit is %d", maxModels)
		}
	}
	return out, m.complete(out)
}

func (m *Metrics) complete(r reading) error {
	if m.Workers != nil && len(r.workers) == 0 {
		return fmt.Errorf("missing metric %s for workers", m.Workers.Metric)
	}
	return nil
}

func (m *Metrics) take(r *reading, series labels.Labels, value float64) {
	name := series.Get(model.MetricNameLabel)
	if m.Workers != nil && name == m.Workers.Metric {
		pattern := m.Workers.Pattern
		if found := pattern.FindStringSubmatch(series.Get(m.Workers.Label)); found != nil {
			key := modelKey{model: cleanName(found[pattern.SubexpIndex("model")])}
			if version := pattern.SubexpIndex("version"); version >= 0 {
				key.version = cleanName(found[version])
			}
			r.workers[found[pattern.SubexpIndex("worker")]] = key
		}
		return
	}
	if (name != m.Compute && name != m.Memory) || name == "" || !(value >= 0) || math.IsInf(value, 0) {
		return
	}
	key := modelKey{model: cleanName(series.Get(m.ModelLabel))}
	if m.VersionLabel != "" {
		key.version = cleanName(series.Get(m.VersionLabel))
	}
	if key.model == "" || (m.Except != nil && m.Except.MatchString(key.model)) {
		return
	}
	amount := r.models[key]
	if name == m.Compute {
		amount.compute = min(amount.compute+value, math.MaxFloat64) // a sum of infinity has no share
	} else {
		amount.memory = min(amount.memory+value, math.MaxFloat64)
		amount.hasMemory = true
	}
	r.models[key] = amount
}
