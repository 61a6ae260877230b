package management_test

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/management"
)

func TestRealMLServer(t *testing.T) {
	listing, err := client(t, "open_inference_v2", answers{
		"POST /v2/repository/index": capture(t, "mlserver/2-repository-index.txt"),
	}).List(t.Context())
	require.NoError(t, err)
	require.Equal(t, management.Listing{Models: []management.Model{
		{Name: "slow", Version: "v3", Residency: management.Resident},
		{Name: "cached", Residency: management.Resident},
		{Name: "failing", Residency: management.Resident},
		{Name: "fast", Version: "v1", Residency: management.Resident},
	}}, listing)
	require.Equal(t, 4, listing.Loaded())
}

// MLServer answers 422 to a request without a JSON object, although it may be empty.
func TestIndexIsAskedWithAnObject(t *testing.T) {
	var contentType string
	var body []byte
	_, err := client(t, "open_inference_v2", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		contentType = r.Header.Get("Content-Type")
		body, _ = io.ReadAll(r.Body)
		_, _ = w.Write([]byte("[]"))
	})).List(t.Context())
	require.NoError(t, err)
	require.Equal(t, "application/json", contentType)
	require.JSONEq(t, "{}", string(body))
}

func TestRealTriton(t *testing.T) {
	server := answers{
		"POST /v2/repository/index": capture(t, "triton/3-repository-index.txt"),
		"GET /v2/models/stats":      capture(t, "triton/3-stats-all.txt"),
		"GET /v2":                   capture(t, "triton/3-server-meta.txt"),
	}
	c := client(t, "triton", server)
	version, err := c.Version(t.Context())
	require.NoError(t, err)
	require.Equal(t, "2.51.0", version)

	loaded, err := c.List(t.Context())
	require.NoError(t, err)
	require.Nil(t, loaded.Incomplete)
	require.Len(t, loaded.Models, 7)
	require.Equal(t, 6, loaded.Loaded(), "fast has two versions")
	require.Contains(t, loaded.Models, management.Model{
		Name: "fast", Version: "2", Residency: management.Resident,
		Usage: &management.Usage{Requests: 220, Last: time.UnixMilli(1795325296392)},
	})
	require.Contains(t, loaded.Models, management.Model{
		Name: "pipe", Version: "1", Residency: management.Resident,
		Usage: &management.Usage{Requests: 50, Last: time.UnixMilli(1795325295512)},
	}, "failures count")

	server["POST /v2/repository/index"] = capture(t, "triton/6-index-after-unload.txt")
	unloaded, err := client(t, "triton", server).List(t.Context())
	require.NoError(t, err)
	require.Contains(t, unloaded.Models, management.Model{Name: "cached", Version: "1", Reason: "unloaded"},
		"what the statistics still say of a model that is gone is not its use")
}

// Triton's documentation has this form; its Python backend accounts for no memory.
func TestTritonTellsMemoryByDevice(t *testing.T) {
	listing, err := client(t, "triton", answers{
		"POST /v2/repository/index": `[{"name":"m","version":"1","state":"READY"},{"name":"n","version":"1","state":"LOADING"},{"name":"o"}]`,
		"GET /v2/models/stats": `{"model_stats":[{"name":"m","version":"1","last_inference":0,"memory_usage":[
			{"type":"GPU","id":0,"byte_size":1000},{"type":"GPU","id":1,"byte_size":200},{"type":"CPU","id":0,"byte_size":30},{"type":"CPU","id":0,"byte_size":-1}]}]}`,
	}).List(t.Context())
	require.NoError(t, err)
	require.Equal(t, []management.Model{
		{Name: "m", Version: "1", Residency: management.Resident, MemoryBytes: 1230, Usage: &management.Usage{}},
		{Name: "n", Version: "1", Residency: management.Loading},
		{Name: "o"},
	}, listing.Models)
}

func TestTritonWithoutStatistics(t *testing.T) {
	index := `[{"name":"m","version":"1","state":"READY"}]`
	for name, test := range map[string]struct {
		server answers
		want   string
	}{
		"not there": {answers{}, "has no statistics extension"},
		"html":      {answers{"GET /v2/models/stats": "<html>"}, "answers, but not as Triton's HTTP API does"},
		"another":   {answers{"GET /v2/models/stats": "{}"}, "answers, but not as Triton's HTTP API does"},
	} {
		t.Run(name, func(t *testing.T) {
			test.server["POST /v2/repository/index"] = index
			listing, err := client(t, "triton", test.server).List(t.Context())
			require.NoError(t, err)
			require.Equal(t, []management.Model{{Name: "m", Version: "1", Residency: management.Resident}}, listing.Models)
			require.ErrorContains(t, listing.Incomplete, "For model_memory and age_at_eviction: http://")
			require.ErrorContains(t, listing.Incomplete, test.want)
		})
	}
}

func TestVersionOfAnotherServer(t *testing.T) {
	for _, protocol := range management.Protocols() {
		_, err := client(t, protocol, everything(`{"status":"ok"}`)).Version(t.Context())
		require.ErrorContains(t, err, "answers, but not as")
	}
}
