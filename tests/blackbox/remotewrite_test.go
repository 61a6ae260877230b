package blackbox

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/remote/prometheustest"
	"github.com/coldhit/modelserving-datasource/tests/blackbox/driver"
)

// writing is an embedded data source that sends what it scrapes to a server.
func writing(uid, to string, targets ...map[string]any) driver.Source {
	s := driver.Embedded(uid, targets...)
	s.URL = to
	s.JSON["remoteWrite"] = map[string]any{"enabled": true}
	return s
}

func TestSaveAndTestTellsHowRemoteWriteGoes(t *testing.T) {
	t.Parallel()
	triton := newReplay(t, "1-metrics-all-idle", "3-repository-index")
	server := prometheustest.New(t, prometheustest.WithoutLateSamples)
	var refusing http.HandlerFunc
	nowhere := prometheustest.New(t)
	nowhere.Intercept = func(w http.ResponseWriter, r *http.Request) bool { refusing(w, r); return true }
	refusing = http.NotFound
	p := driver.Start(t, binary, t.TempDir())

	s := writing("writing", server.URL, triton.target("one"))
	s.ID = 51
	require.Eventually(t, func() bool {
		health := p.Check(s)
		require.Equal(t, "OK", health.Status.String(), health.Message)
		require.Contains(t, health.Message, "Remote write to "+server.URL+"/api/v1/write: ")
		return server.DB.Head().NumSeries() > 100
	}, time.Minute, time.Second, "samples arrive")
	// A check is shared for some seconds.
	require.Eventually(t, func() bool { return strings.Contains(p.Check(s).Message, "up to date") }, time.Minute, time.Second)

	broken := writing("broken", nowhere.URL, triton.target("two"))
	broken.ID = 52
	health := p.Check(broken)
	require.Equal(t, "ERROR", health.Status.String())
	require.Contains(t, health.Message, "Remote write: "+nowhere.URL+"/api/v1/write does not accept samples (HTTP 404). Start Prometheus with --web.enable-remote-write-receiver")
	require.Contains(t, health.Message, "1 target is up", "what is scraped is told all the same")

	faulty := writing("faulty", "", triton.target("three"))
	faulty.ID = 53
	health = p.Check(faulty)
	require.Equal(t, "ERROR", health.Status.String())
	require.Contains(t, health.Message, "Remote write is off: Remote write: the URL of the Prometheus-compatible server is missing")
	require.NoError(t, p.Ask(faulty, time.Minute, query("requests", nil, "model"))["A"].Error, "panels are answered")
}

// The position of remote write is no series: a page that serves one by the name that it once had, far in the future, changes nothing.
func TestAPageCannotMoveThePositionOfRemoteWrite(t *testing.T) {
	t.Parallel()
	server := prometheustest.New(t, prometheustest.WithoutLateSamples)
	page := newFakeServer(t, fmt.Sprintf("nv_inference_request_success{model=\"a\",version=\"1\"} +1\nmodelserving_remote_write_sent_timestamp_seconds{destination=\"%s/api/v1/write\"} 4.1e9\n", server.URL))
	s := driver.Embedded("position", page.target("one", "d"))
	p := driver.Start(t, binary, t.TempDir())
	require.Eventually(t, func() bool {
		_, found := driver.Find(p.Ask(s, time.Minute, promQL("nv_inference_request_success"))["A"], map[string]string{"deployment": "d"})
		return found
	}, waitForScrape, pollEvery)

	sending := writing("position", server.URL, page.target("one", "d"))
	sending.Updated = s.Updated.Add(time.Second)
	var health string
	defer func() { t.Log(health) }()
	require.Eventually(t, func() bool {
		health = p.Check(sending).Message
		return server.DB.Head().NumSeries() > 0
	}, waitForScrape, time.Second, "samples arrive")
	require.NotContains(t, health, "lag -")
}
