package blackbox

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/tests/blackbox/driver"
)

// A deployment that is told apart from its neighbours, by a page made in the form of Knative's autoscaler (since 1.19): one
// replica active, three not ready, for as long as it takes.
func TestDiagnosisNamesDeploymentCauseAndFix(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		_, _ = fmt.Fprint(w, `kn_revision_pods_count{kn_service_name="iris",kn_revision_name="iris-1"} 1
kn_revision_pods_not_ready_count{kn_service_name="iris",kn_revision_name="iris-1"} 3
kn_revision_pods_requested{kn_service_name="iris",kn_revision_name="iris-1"} 4
`)
	}))
	t.Cleanup(server.Close)
	p := driver.Start(t, binary, t.TempDir())
	s := driver.Embedded("diagnosis", unmanaged(t, "autoscaler", server.URL+"/metrics"))
	q := map[string]any{"queryType": "diagnosis"}
	var answer backend.DataResponse
	require.Eventually(t, func() bool {
		answer = p.Ask(s, 5*time.Minute, q)["A"]
		return answer.Error == nil && strings.Contains(driver.Notices(answer), "No scaling problem found in this time range.")
	}, waitForScrape, 4*pollEvery)
	require.Equal(t, data.FrameTypeTable, answer.Frames[0].Meta.Type)
	require.Zero(t, answer.Frames[0].Rows(), "what began a moment ago is no finding")
	require.Contains(t, answer.Frames[0].Meta.ExecutedQueryString, "kn_revision_pods_not_ready_count")
}
