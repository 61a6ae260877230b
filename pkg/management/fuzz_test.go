package management_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/management"
	"github.com/coldhit/modelserving-datasource/pkg/settings"
)

// fuzzProtocol lists what a server answers: the first answer to requests whose path ends with list, the second to all others.
func fuzzProtocol(f *testing.F, protocol, list string, seeds ...[2]string) {
	f.Helper()
	for _, seed := range seeds {
		f.Add(seed[0], seed[1])
	}
	for _, text := range []string{"", "null", "[]", "{}", `[{"name":"m","state":"READY"}]`, `{"models":[]}`, `{"applications":{"a":{}}}`} {
		f.Add(text, text)
	}
	files, err := filepath.Glob("testdata/*/*.txt")
	require.NoError(f, err)
	require.NotEmpty(f, files)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(string(text), string(text))
	}
	type pair struct{ list, other string }
	var current atomic.Pointer[pair]
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, list) {
			_, _ = w.Write([]byte(current.Load().list))
		} else {
			_, _ = w.Write([]byte(current.Load().other))
		}
	}))
	f.Cleanup(server.Close)
	p, known := management.Find(protocol)
	require.True(f, known)
	c, err := management.New(p, settings.Target{URL: "http://127.0.0.1:1/metrics", ManagementURL: server.URL, APIKey: "s3cr3t-key"},
		settings.Embedded{ScrapeTimeout: time.Minute}, 8000)
	require.NoError(f, err)
	f.Cleanup(c.Close)
	f.Fuzz(func(t *testing.T, first, second string) {
		current.Store(&pair{first, second})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		listing, err := c.List(ctx)
		if err != nil {
			requireProblem(t, p, server.URL, err)
			return
		}
		if listing.Incomplete != nil {
			requireProblem(t, p, server.URL, listing.Incomplete)
		}
		requireListing(t, listing, len(first)+len(second)*(len(first)+1))
		again, err := c.List(ctx)
		require.NoError(t, err)
		require.Equal(t, listing.Models, again.Models, "the same answers are the same listing")
		version, err := c.Version(ctx)
		if err != nil {
			require.Contains(t, err.Error(), server.URL)
		} else {
			require.NotEmpty(t, version)
		}
	})
}

// requireProblem checks a reason for the user: which signals are missing, where, and without the key.
func requireProblem(t *testing.T, p management.Protocol, url string, err error) {
	t.Helper()
	text := err.Error()
	require.Regexp(t, "(?s)^For [a-z_]+", text)
	require.Contains(t, text, url)
	require.NotContains(t, text, "s3cr3t-key")
	require.Less(t, len(text), 1000)
	var problem *management.Problem
	require.ErrorAs(t, err, &problem)
	require.Subset(t, p.Signals(), problem.Signals)
}

func requireListing(t *testing.T, l management.Listing, size int) {
	t.Helper()
	require.LessOrEqual(t, len(l.Models), size, "no more models than the answer has bytes")
	require.LessOrEqual(t, l.Loaded(), len(l.Models))
	for _, m := range l.Models {
		require.GreaterOrEqual(t, m.MemoryBytes, int64(0))
		if m.Usage != nil {
			require.GreaterOrEqual(t, m.Usage.Requests, int64(0))
			require.False(t, m.Usage.Last.IsZero() == false && m.Usage.Last.Before(time.Unix(0, 0)))
		}
		if m.Replicas == nil {
			continue
		}
		r := *m.Replicas
		for _, n := range []int{r.Active, r.Starting, r.Desired, r.Min, r.Max} {
			require.True(t, n >= 0 && n <= 1_000_000_000, "%+v", r)
		}
		require.Equal(t, len(m.Copies), r.Active+r.Starting)
		require.Equal(t, r.Active > 0, m.Residency == management.Resident)
		require.Equal(t, r.Active == 0 && r.Starting > 0, m.Residency == management.Loading)
	}
}

func FuzzOpenInferenceAnswers(f *testing.F) { fuzzProtocol(f, "open_inference_v2", "/index") }

func FuzzTritonAnswers(f *testing.F) {
	fuzzProtocol(f, "triton", "/index", [2]string{
		`[{"name":"m","version":"1","state":"READY"}]`,
		`{"model_stats":[{"name":"m","version":"1","last_inference":1,"inference_stats":{"success":{"count":9223372036854775807},"fail":{"count":1}},"memory_usage":[{"byte_size":9223372036854775807},{"byte_size":1}]}]}`,
	})
}

func FuzzTorchServeAnswers(f *testing.F) {
	fuzzProtocol(f, "torchserve", "/models", [2]string{
		`{"models":[{"modelName":"m"}]}`,
		`[{"modelName":"m","minWorkers":-5,"maxWorkers":2147483648,"workers":[{"id":"1","status":"READY","memoryUsage":9223372036854775807},{"id":"2","memoryUsage":1}]}]`,
	})
}

func FuzzRayServeAnswers(f *testing.F) {
	fuzzProtocol(f, "ray_serve", "/applications/", [2]string{
		`{"applications":{"a":{"deployments":{"d":{"deployment_config":{"num_replicas":1e300,"autoscaling_config":{"min_replicas":-1,"max_replicas":9223372036854775807}},"target_num_replicas":-7,"replicas":[{"replica_id":"1","state":"RUNNING"}]}}}}}`, "",
	})
}
