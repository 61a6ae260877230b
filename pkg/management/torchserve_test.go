package management_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/management"
)

func realTorchServe(t *testing.T) answers {
	return answers{
		"GET /models":             capture(t, "torchserve/2-models.txt"),
		"GET /models/failing/all": capture(t, "torchserve/2-model-failing.txt"),
		"GET /models/fast/all":    capture(t, "torchserve/2-model-fast.txt"),
		"GET /models/slow/all":    capture(t, "torchserve/2-model-slow.txt"),
		"GET /api-description":    `{"openapi":"3.0.1","info":{"title":"TorchServe APIs","version":"0.12.0"}}`,
	}
}

func TestRealTorchServe(t *testing.T) {
	server := realTorchServe(t)
	c := client(t, "torchserve", server)
	version, err := c.Version(t.Context())
	require.NoError(t, err)
	require.Equal(t, "0.12.0", version)
	listing, err := c.List(t.Context())
	require.NoError(t, err)
	require.Len(t, listing.Models, 3)
	require.Equal(t, management.Model{
		Name: "fast", Version: "1.0", Residency: management.Resident,
		Copies:   []management.Copy{{ID: "9000 2026-11-22T05:29:57.302Z 21050", Loaded: true}},
		Replicas: &management.Replicas{Active: 1, Desired: 1, Min: 1, Max: 1},
	}, listing.Models[1])

	server["GET /models/slow/all"] = capture(t, "torchserve/4-model-slow-during-burst.txt")
	listing, err = client(t, "torchserve", server).List(t.Context())
	require.NoError(t, err)
	slow := listing.Models[2]
	require.Equal(t, &management.Replicas{Active: 3, Desired: 3, Min: 3, Max: 3}, slow.Replicas)
	require.EqualValues(t, 389636096, slow.MemoryBytes, "of the one worker whose memory was read")
}

func TestRealTorchServeWhoseWorkersStart(t *testing.T) {
	listing, err := client(t, "torchserve", answers{
		"GET /models":              `{"models":[{"modelName":"slowload"}]}`,
		"GET /models/slowload/all": capture(t, "torchserve/7-model-slowload-starting.txt"),
	}).List(t.Context())
	require.NoError(t, err)
	require.Len(t, listing.Models, 1)
	require.Equal(t, management.Loading, listing.Models[0].Residency)
	require.Equal(t, &management.Replicas{Starting: 2, Desired: 2, Min: 2, Max: 2}, listing.Models[0].Replicas)
}

func TestTorchServeWorkers(t *testing.T) {
	const worker = `{"id":"9000","startTime":"%s","status":"%s"%s}`
	for name, test := range map[string]struct {
		min, max int
		workers  []string
		want     management.Replicas
	}{
		"none":                  {0, 0, nil, management.Replicas{}},
		"none yet":              {2, 3, nil, management.Replicas{Desired: 2, Min: 2, Max: 3}},
		"between the bounds":    {1, 3, []string{"READY", "READY"}, management.Replicas{Active: 2, Desired: 2, Min: 1, Max: 3}},
		"above the bounds":      {1, 1, []string{"READY", "READY"}, management.Replicas{Active: 2, Desired: 1, Min: 1, Max: 1}},
		"one that is not ready": {2, 2, []string{"READY", "UNLOADING"}, management.Replicas{Active: 1, Starting: 1, Desired: 2, Min: 2, Max: 2}},
	} {
		t.Run(name, func(t *testing.T) {
			var workers []string
			for _, status := range test.workers {
				workers = append(workers, fmt.Sprintf(worker, "t", status, ""))
			}
			listing, err := client(t, "torchserve", answers{
				"GET /models": `{"models":[{"modelName":"m"}]}`,
				"GET /models/m/all": fmt.Sprintf(`[{"modelName":"m","minWorkers":%d,"maxWorkers":%d,"workers":[%s]}]`,
					test.min, test.max, strings.Join(workers, ",")),
			}).List(t.Context())
			require.NoError(t, err)
			require.Equal(t, &test.want, listing.Models[0].Replicas)
		})
	}
	listing, err := client(t, "torchserve", answers{
		"GET /models":       `{"models":[{"modelName":"m"}]}`,
		"GET /models/m/all": fmt.Sprintf(`[{"modelName":"m","workers":[`+worker+`]}]`, "t", "READY", `,"pid":-1`),
	}).List(t.Context())
	require.NoError(t, err)
	require.Equal(t, management.Loading, listing.Models[0].Residency, "old versions say READY before the process runs")
}

func TestTorchServeModelThatIsGoneByNow(t *testing.T) {
	server := realTorchServe(t)
	delete(server, "GET /models/failing/all")
	listing, err := client(t, "torchserve", server).List(t.Context())
	require.NoError(t, err)
	require.Len(t, listing.Models, 2)
}

func TestTorchServeDescribesAnotherModel(t *testing.T) {
	server := realTorchServe(t)
	server["GET /models/fast/all"] = server["GET /models/slow/all"]
	require.Contains(t, wrong(t, "torchserve", server), "/models/fast/all answers, but not as TorchServe's management API does")
}

// manyModels is a TorchServe that lists its models in pages as the real one does.
type manyModels struct {
	count                      int
	pages, described, inFlight atomic.Int64
	most                       atomic.Int64
	delay                      time.Duration
}

func (m *manyModels) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if name, isModel := strings.CutPrefix(r.URL.Path, "/models/"); isModel {
		m.described.Add(1)
		for now := m.inFlight.Add(1); ; {
			most := m.most.Load()
			if now <= most || m.most.CompareAndSwap(most, now) {
				break
			}
		}
		defer m.inFlight.Add(-1)
		select {
		case <-time.After(m.delay):
		case <-r.Context().Done():
		}
		_, _ = fmt.Fprintf(w, `[{"modelName":"%s","workers":[]}]`, strings.TrimSuffix(name, "/all"))
		return
	}
	m.pages.Add(1)
	limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
	from, _ := strconv.Atoi(r.URL.Query().Get("next_page_token"))
	next, names := "", []string{}
	to := from + limit
	if to > m.count {
		to = m.count
	} else {
		next = fmt.Sprintf(`"nextPageToken":"%d",`, to)
	}
	for i := from; i < to; i++ {
		names = append(names, fmt.Sprintf(`{"modelName":"m%d"}`, i))
	}
	_, _ = fmt.Fprintf(w, `{%s"models":[%s]}`, next, strings.Join(names, ","))
}

func TestTorchServePages(t *testing.T) {
	for count, pages := range map[int]int64{0: 1, 1: 1, 99: 1, 100: 2, 250: 3} {
		server := &manyModels{count: count}
		listing, err := client(t, "torchserve", server).List(t.Context())
		require.NoError(t, err)
		require.Len(t, listing.Models, count)
		require.Equal(t, pages, server.pages.Load(), "%d models", count)
		require.LessOrEqual(t, server.most.Load(), int64(4))
	}
	server := &manyModels{count: 2001}
	require.Contains(t, wrong(t, "torchserve", server), "lists more than 2000 models")
	require.Zero(t, server.described.Load())
}

func TestTorchServeKeepsItsConnections(t *testing.T) {
	var mu sync.Mutex
	opened := 0
	server := httptest.NewUnstartedServer(&manyModels{count: 200})
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		mu.Lock()
		defer mu.Unlock()
		if state == http.StateNew {
			opened++
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	_, err := clientAt(t, "torchserve", server.URL, "", time.Minute).List(t.Context())
	require.NoError(t, err)
	mu.Lock()
	defer mu.Unlock()
	require.LessOrEqual(t, opened, 8, "for 203 requests, four at once")
}

func TestTorchServePagesThatNeverEnd(t *testing.T) {
	for name, answer := range map[string]string{
		"the same page":  `{"nextPageToken":"1","models":[{"modelName":"a"}]}`,
		"no models":      `{"nextPageToken":"0","models":[]}`,
		"and a new one ": "",
	} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int64
			sentence := wrong(t, "torchserve", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				n := asked.Add(1)
				if answer == "" {
					_, _ = fmt.Fprintf(w, `{"nextPageToken":"%d","models":[{"modelName":"a"}]}`, n)
					return
				}
				_, _ = w.Write([]byte(answer))
			}))
			require.Regexp(t, "in pages that never end|lists more than 2000 models", sentence)
			require.LessOrEqual(t, asked.Load(), int64(2001))
		})
	}
}

func TestTorchServeThatTakesTooLong(t *testing.T) {
	server := &manyModels{count: 2000, delay: 200 * time.Millisecond}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second) // time for the list of names even on a busy machine
	defer cancel()
	_, err := client(t, "torchserve", server).List(ctx)
	require.ErrorContains(t, err, "of 2000 models in the time between two polls")
	require.Less(t, server.described.Load(), int64(2000))
}
