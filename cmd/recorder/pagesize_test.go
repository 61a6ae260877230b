package main

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
	"github.com/stretchr/testify/require"
)

// The page of 1,000 models, hot and cold, whose names are as long as labels may be, as Prometheus and the plugin scrape it: in Protobuf with
// native and classic histograms, and as text. Its size is what docs/recorder.md says.
func TestPageSizeAtTheDefaultLimits(t *testing.T) {
	const models = 1000
	p := startProcess(t, "cold: {header: {name: X-Start}}\nupstream: "+instant(t))
	fillModels(t, p, models)
	for name, c := range map[string]struct {
		accept             string
		samples, megabytes int
	}{
		"protobuf": {"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited", 126_000, 5},
		"text":     {"text/plain;version=0.0.4", 120_000, 44},
	} {
		request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://"+p.admin+"/metrics", nil)
		require.NoError(t, err)
		request.Header.Set("Accept", c.accept)
		request.Header.Set("Accept-Encoding", "gzip")
		response, err := http.DefaultTransport.RoundTrip(request)
		require.NoError(t, err)
		compressed := &counting{Reader: response.Body}
		reader, err := gzip.NewReader(compressed)
		require.NoError(t, err)
		body, err := io.ReadAll(reader)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		samples := countSamples(t, body, response.Header.Get("Content-Type"))
		t.Logf("%s: %d samples, %d bytes, %d compressed", name, samples, len(body), compressed.bytes)
		require.LessOrEqual(t, samples, c.samples, name)
		require.LessOrEqual(t, len(body), c.megabytes<<20, name)
	}
	p.stop()
}

type counting struct {
	io.Reader
	bytes int
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.bytes += n
	return n, err
}

// countSamples counts as a scrape does that takes native and classic histograms.
func countSamples(t *testing.T, body []byte, contentType string) (samples int) {
	t.Helper()
	parser, err := textparse.New(body, contentType, labels.NewSymbolTable(), textparse.ParserOptions{FallbackContentType: "text/plain", KeepClassicOnClassicAndNativeHistograms: true})
	require.NoError(t, err)
	for {
		entry, err := parser.Next()
		if errors.Is(err, io.EOF) {
			return samples
		}
		require.NoError(t, err)
		switch entry {
		case textparse.EntryHistogram:
			parser.Histogram() // after which the parser goes on to the classic one
			samples++
		case textparse.EntrySeries:
			samples++
		}
	}
}
