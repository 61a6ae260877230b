package engine_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/engine"
	"github.com/coldhit/modelserving-datasource/pkg/settings"
)

// managed is a handle of an engine that asks the server's management API by a protocol.
func managed(t *testing.T, protocol string, server *modelServer) *engine.Handle {
	t.Helper()
	configured := server.target("t")
	configured.Profile, configured.ManagementURL = protocol, server.URL
	return acquire(t, newRegistry(t, engine.Options{Profiles: profiles{}}), mainKey, embedded(configured))
}

func ofManagement(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile("../management/testdata/" + name)
	require.NoError(t, err)
	return string(content)
}

// polled waits until the management API was asked twice more, so that what it said before was recorded.
func polled(t *testing.T, server *modelServer) {
	t.Helper()
	before := server.calls.Load()
	require.Eventually(t, func() bool { return server.calls.Load() > before+2 }, patience, moment)
}

func torchServe(models map[string]string) map[string]string {
	said := map[string]string{}
	var names []string
	for name, workers := range models {
		names = append(names, fmt.Sprintf(`{"modelName":%q}`, name))
		said["GET /models/"+name+"/all"] = fmt.Sprintf(
			`[{"modelName":%q,"modelVersion":"1.0","minWorkers":1,"maxWorkers":4,"workers":[%s]}]`, name, workers)
	}
	said["GET /models"] = `{"models":[` + strings.Join(names, ",") + `]}`
	return said
}

func TestTorchServeWorkersAreReplicasAndLoads(t *testing.T) {
	const (
		worker    = `{"id":"9000","startTime":"a","status":"READY","pid":100,"memoryUsage":1000}`
		restarted = `{"id":"9000","startTime":"a","status":"READY","pid":200,"memoryUsage":0}`
		second    = `{"id":"9001","startTime":"b","status":"READY","pid":101,"memoryUsage":500}`
		starting  = `{"id":"9001","startTime":"b","status":"UNLOADING","pid":-1,"memoryUsage":0}`
	)
	server := newModelServer(t)
	server.serveAPI(torchServe(map[string]string{"m": worker}))
	handle := managed(t, "torchserve", server)
	const series = `{model="m",version="1.0",deployment="vision",environment="production"}`
	eventually(t, handle, `modelserving_model_resident`+series, 1)
	eventually(t, handle, `modelserving_model_memory_bytes`+series, 1000)
	eventually(t, handle, `modelserving_replicas{model="m",state="max"}`, 4)
	eventually(t, handle, `count(modelserving_replicas)`, 5)
	eventually(t, handle, `modelserving_model_loads_total`, 0)

	server.serveAPI(torchServe(map[string]string{"m": worker + "," + starting}))
	eventually(t, handle, `modelserving_replicas{state="starting"}`, 1)
	eventually(t, handle, `modelserving_replicas{state="active"}`, 1)
	eventually(t, handle, `modelserving_model_loads_total`, 0)

	server.serveAPI(torchServe(map[string]string{"m": worker + "," + second}))
	eventually(t, handle, `modelserving_replicas{state="active"}`, 2)
	eventually(t, handle, `modelserving_model_loads_total`, 1)
	eventually(t, handle, `modelserving_model_memory_bytes`, 1500)

	server.serveAPI(torchServe(map[string]string{"m": restarted}))
	eventually(t, handle, `modelserving_model_loads_total`, 2)
	eventuallyGone(t, handle, `modelserving_model_memory_bytes`)
	eventually(t, handle, `modelserving_model_evictions_total`, 0)

	server.serveAPI(torchServe(map[string]string{"m": ""}))
	eventually(t, handle, `modelserving_model_resident`, 0)
	eventually(t, handle, `modelserving_model_evictions_total`, 1)
	eventually(t, handle, `modelserving_replicas{state="active"}`, 0)
	_, found := value(t, handle, `modelserving_age_at_eviction_seconds`)
	require.False(t, found, "TorchServe does not tell the last use")

	server.serveAPI(torchServe(nil))
	eventuallyGone(t, handle, `count({__name__=~"modelserving_.*"})`)
	eventuallyIs(t, handle, "t", answersManagement)
}

func TestRealRayServeIsRecordedByApplicationAndDeployment(t *testing.T) {
	server := newModelServer(t)
	server.serveAPI(map[string]string{"GET /api/serve/applications/": ofManagement(t, "ray_serve/1-applications-starting.txt")})
	configured := server.target("t")
	configured.Profile, configured.ManagementURL, configured.Deployment = "ray_serve", server.URL, ""
	handle := acquire(t, newRegistry(t, engine.Options{Profiles: profiles{}}), mainKey, embedded(configured))
	eventually(t, handle, `modelserving_replicas{model="graph",deployment="Inner",state="starting"}`, 1)
	eventually(t, handle, `sum(modelserving_replicas{model="graph",state="starting"})`, 2)
	eventually(t, handle, `modelserving_model_resident{model="graph",deployment="Ingress"}`, 0)

	server.serveAPI(map[string]string{"GET /api/serve/applications/": ofManagement(t, "ray_serve/2-serve-applications.txt")})
	eventually(t, handle, `modelserving_model_resident{model="graph",deployment="Ingress"}`, 1)
	eventually(t, handle, `modelserving_replicas{model="fast",state="active"}`, 3)
	eventually(t, handle, `modelserving_model_loads_total{model="fast"}`, 3)
	eventually(t, handle, `modelserving_replicas{model="fast",state="max"}`, 3)
}

func TestServersOwnDeploymentGivesWayToTheTargets(t *testing.T) {
	server := newModelServer(t)
	server.serveAPI(map[string]string{"GET /api/serve/applications/": ofManagement(t, "ray_serve/2-serve-applications.txt")})
	handle := managed(t, "ray_serve", server)
	eventually(t, handle, `modelserving_model_resident{model="graph",deployment="vision",exported_deployment="Ingress"}`, 1)
	eventually(t, handle, `sum(modelserving_replicas{model="graph",state="active"})`, 2)
}

func tritonStats(requests int, last time.Time, bytes int) map[string]string {
	return map[string]string{"GET /v2/models/stats": fmt.Sprintf(`{"model_stats":[{"name":"m","version":"1","last_inference":%d,
		"inference_stats":{"success":{"count":%d}},"memory_usage":[{"type":"GPU","id":0,"byte_size":%d}]}]}`, last.UnixMilli(), requests, bytes)}
}

func TestTritonTellsMemoryAndAgeAtEviction(t *testing.T) {
	const loaded, gone = `[{"name":"m","version":"1","state":"READY"}]`, `[{"name":"m","version":"1","state":"UNAVAILABLE","reason":"unloaded"}]`
	server := newModelServer(t)
	server.serveIndex(loaded)
	server.serveAPI(tritonStats(10, time.Now().Add(-time.Hour), 4096))
	handle := managed(t, "triton", server)
	eventually(t, handle, `modelserving_model_memory_bytes{model="m",version="1"}`, 4096)
	_, found := value(t, handle, `modelserving_age_at_eviction_seconds`)
	require.False(t, found)

	server.serveIndex(gone)
	eventually(t, handle, `modelserving_model_evictions_total`, 1)
	eventually(t, handle, `modelserving_age_at_eviction_seconds{model="m",version="1"} > bool 3599`, 1)
	eventually(t, handle, `modelserving_age_at_eviction_seconds < bool 3700`, 1)
	eventuallyGone(t, handle, `modelserving_model_memory_bytes`)

	server.serveIndex(loaded)
	eventually(t, handle, `modelserving_model_loads_total`, 1)
	eventually(t, handle, `modelserving_age_at_eviction_seconds > bool 3599`, 1)
	polled(t, server)
	server.serveAPI(tritonStats(3, time.Now(), 4096))
	eventually(t, handle, `modelserving_model_loads_total`, 2)
	eventually(t, handle, `modelserving_model_evictions_total`, 2)
	eventuallyIs(t, handle, "t", answersManagement)
}

func TestModelThatIsReplacedIsNotEvicted(t *testing.T) {
	server := newModelServer(t)
	server.serveIndex(`[{"name":"m","version":"1","state":"READY"}]`)
	handle := managed(t, "triton", server)
	eventually(t, handle, `modelserving_model_resident`, 1)
	server.serveIndex(`[{"name":"m","version":"1","state":"LOADING"}]`)
	eventually(t, handle, `modelserving_model_resident`, 0)
	server.serveIndex(`[{"name":"m","version":"1","state":"READY"}]`)
	eventually(t, handle, `modelserving_model_loads_total`, 1)
	eventually(t, handle, `modelserving_model_evictions_total`, 0)
	server.serveIndex(`[{"name":"m","version":"1","state":"LOADING"}]`)
	eventually(t, handle, `modelserving_model_resident`, 0)
	server.serveIndex(`[{"name":"m","version":"1","state":"UNAVAILABLE"}]`)
	eventually(t, handle, `modelserving_model_evictions_total`, 1)
}

func TestWhatTheServerDoesNotTellIsSaidAndTheRestRecorded(t *testing.T) {
	server := newModelServer(t)
	server.serveIndex(`[{"name":"m","version":"1","state":"READY"}]`)
	server.serveAPI(map[string]string{})
	handle := managed(t, "triton", server)
	eventually(t, handle, `modelserving_model_resident`, 1)
	eventuallyIs(t, handle, "t", notManaged("For model_memory and age_at_eviction: "))
}

// The nodes of a Ray cluster are scraped one by one, and all of them name the dashboard of the head node.
func TestOneEndpointOfSeveralTargetsIsRecordedOnce(t *testing.T) {
	head, node := newModelServer(t), newModelServer(t)
	head.serveAPI(map[string]string{"GET /api/serve/applications/": ofManagement(t, "ray_serve/2-serve-applications.txt")})
	first, second := head.target("a"), node.target("b")
	first.Profile, first.ManagementURL = "ray_serve", head.URL
	second.Profile, second.ManagementURL = "ray_serve", head.URL
	registry := newRegistry(t, engine.Options{Profiles: profiles{}})
	handle := acquire(t, registry, mainKey, embedded(first, second))
	eventually(t, handle, `sum(modelserving_model_resident{job="a"})`, 7)
	eventuallyGone(t, handle, `sum(modelserving_model_resident{job="b"})`)
	eventuallyIs(t, handle, "b", answersManagement)
	acquire(t, registry, mainKey, embedded(second))
	eventually(t, handle, `sum(modelserving_model_resident)`, 7)
	eventually(t, handle, `sum(modelserving_model_resident{job="b"})`, 7)
}

func TestListingsKeepToTheLimits(t *testing.T) {
	for name, test := range map[string]struct {
		limits settings.ScrapeLimits
		said   string
		want   string
	}{
		"samples": {settings.ScrapeLimits{BodyBytes: 1 << 20, Samples: 34}, "ray_serve/2-serve-applications.txt", "lists 7 models, which makes up to 70 samples, and the limit is 34"},
		"length":  {settings.ScrapeLimits{BodyBytes: 1 << 20, LabelValueLength: 6}, "ray_serve/2-serve-applications.txt", "a name or version of 7 bytes, and the limit is 6"},
	} {
		t.Run(name, func(t *testing.T) {
			server := newModelServer(t)
			server.serveAPI(map[string]string{"GET /api/serve/applications/": ofManagement(t, test.said)})
			configured := server.target("t")
			configured.Profile, configured.ManagementURL = "ray_serve", server.URL
			s := embedded(configured)
			s.ScrapeLimits = test.limits
			handle := acquire(t, newRegistry(t, engine.Options{Profiles: profiles{}}), mainKey, s)
			eventuallyIs(t, handle, "t", notManaged(test.want))
			_, found := value(t, handle, `sum(modelserving_model_resident)`)
			require.False(t, found)
		})
	}
}
