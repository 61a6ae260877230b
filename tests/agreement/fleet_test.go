package agreement

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/tests/captures"
)

// modelServer is two recordings of a real server, or two pages written after its documentation, in the order in which they were made.
type modelServer struct{ name, before, after string }

// modelServers are one of each kind for which there are two recordings with traffic between them, and those that show levels alone.
var modelServers = []modelServer{
	{"baseten", "1-idle", "2-loaded"},
	{"bentoml", "1-metrics-idle", "2-metrics-loaded"},
	{"cadvisor", "1-idle", "2-loaded"},
	{"dcgm", "1-idle", "2-loaded"},
	{"djl", "1-idle", "2-loaded"},
	{"dynamo", "1-frontend-idle", "2-frontend-loaded"},
	{"envoy", "1-idle", "2-loaded"},
	{"gie", "3-idle", "4-loaded"},
	{"istio", "1-idle", "2-loaded"},
	{"knative", "1-queue-proxy", "2-queue-proxy"},
	{"kserve", "2-metrics-loaded", "3-metrics-loaded"},
	{"kube_state_metrics", "1-deployments", "1-deployments"},
	{"litellm", "1-metrics-idle", "2-metrics-loaded"},
	{"llamacpp", "1-metrics-idle", "2-metrics-loaded"},
	{"llm_d", "1-idle", "2-loaded"},
	{"mlserver", "1-metrics-idle", "2-metrics-loaded"},
	{"modelmesh", "1-idle", "2-loaded"},
	// One host with MIG, scraped under both kinds of names.
	{"nvml", "1-idle", "2-loaded"},
	{"nvml_dcgm_names", "1-idle", "2-loaded"},
	{"otel_genai", "1-server-idle", "2-server-loaded"},
	{"ovms", "1-metrics-idle", "2-metrics-loaded"},
	{"ray_serve", "1-before-traffic", "2-metrics-during"},
	{"seldon", "1-idle", "2-loaded"},
	{"sglang", "1-metrics-idle", "2-metrics-loaded"},
	{"tfserving", "1-idle", "2-loaded"},
	{"tgi", "1-metrics-idle", "2-metrics-loaded"},
	{"torchserve", "1-metrics-idle", "2-metrics-loaded"},
	{"triton", "1-metrics-all-idle", "2-metrics-all-loaded"},
	{"vllm", "1-metrics-idle", "2-metrics-loaded"},
}

// increaseIn is how long a page takes to grow by as much again as between its recordings.
const increaseIn = 20 * time.Second

// line is one series of a page. What counts grows steadily.
type line struct {
	series         string
	value, growing float64
}

// page is a server's page that goes on from where its recordings end.
type page struct {
	began time.Time
	lines []line
	types []string
}

func (s modelServer) page(t *testing.T, began time.Time) *page {
	t.Helper()
	earlier := map[string]float64{}
	read(t, captures.Recording(t, s.name, s.before), func(series string, _ bool, value float64) { earlier[series] = value })
	p := &page{began: began}
	p.types = read(t, captures.Recording(t, s.name, s.after), func(series string, counts bool, value float64) {
		one := line{series: series, value: value}
		if counts && value > earlier[series] {
			one.growing = value - earlier[series] + off(series)
		}
		p.lines = append(p.lines, one)
	})
	require.NotEmpty(t, p.lines)
	return p
}

// off keeps ranks away from the edges of buckets: of a few requests, exactly nine in ten may lie below one, and which value up to the next
// bucket with requests is their p90 is then a matter of rounding. It is a part of a request more in the lowest bucket that has any.
func off(series string) float64 {
	name, _, _ := strings.Cut(series, "{")
	if name = strings.TrimSpace(name); strings.HasSuffix(name, "_bucket") || strings.HasSuffix(name, "_count") {
		return 0.137
	}
	return 0
}

// read hands on each series, whether it counts, and its value, and answers the lines that say types.
func read(t *testing.T, text []byte, hand func(series string, counts bool, value float64)) (types []string) {
	t.Helper()
	p, err := textparse.New(text, "text/plain", labels.NewSymbolTable(), textparse.ParserOptions{})
	require.NoError(t, err)
	counts := map[string]bool{}
	for {
		entry, err := p.Next()
		if errors.Is(err, io.EOF) {
			return types
		}
		require.NoError(t, err)
		switch entry {
		case textparse.EntryType:
			name, kind := p.Type()
			types = append(types, fmt.Sprintf("# TYPE %s %s", name, kind))
			switch kind {
			case "counter":
				counts[string(name)] = true
			case "histogram", "summary":
				for _, suffix := range []string{"_bucket", "_sum", "_count"} {
					counts[string(name)+suffix] = true
				}
			}
		case textparse.EntrySeries:
			series, _, value := p.Series()
			name, _, _ := strings.Cut(string(series), "{")
			hand(string(series), counts[strings.TrimSpace(name)], value)
		}
	}
}

// ServeHTTP writes the page as it is now.
func (p *page) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	grown := time.Since(p.began).Seconds() / increaseIn.Seconds()
	var b bytes.Buffer
	for _, t := range p.types {
		b.WriteString(t + "\n")
	}
	for _, l := range p.lines {
		b.WriteString(l.series + " " + strconv.FormatFloat(l.value+l.growing*grown, 'g', -1, 64) + "\n")
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4")
	_, _ = w.Write(b.Bytes())
}

// serve answers where each server's page is: an address without a path.
func serve(t *testing.T) map[string]string {
	t.Helper()
	began := time.Now()
	addresses := map[string]string{}
	for _, s := range modelServers {
		mux := http.NewServeMux()
		mux.Handle("GET /metrics", s.page(t, began))
		server := httptest.NewServer(mux)
		t.Cleanup(server.Close)
		addresses[s.name] = strings.TrimPrefix(server.URL, "http://")
	}
	return addresses
}
